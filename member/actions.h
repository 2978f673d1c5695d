// What the pure cores of members (a site's agent, the trainer) ask of their shells, and what shells
// tell them. A core is `Actions on(const Event&, Instant now)` and nothing else: no socket, disk,
// clock or randomness. The simulation of a whole consortium performs the same actions in memory.
//
// Rules for whoever performs actions:
// - in order; a Persist is durable before any later action of the same list is performed;
// - every Ask is answered by exactly one Answered or Unanswered of the same tag (requests are
//   idempotent, so the shell may repeat them as it likes);
// - work under way (worker, transfer) is forgotten at a restart: the core orders it again, and the
//   shell goes on where its durable state ends (last kept checkpoint, last acknowledged chunk).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/seal.h"
#include "protocol/messages.h"

namespace cloister::member {

// --- Where things are kept ----------------------------------------------------------------------

// What becomes of an artifact that a worker hands out, while it streams.
enum class KeepAs : int {
  vault = 1,   // sealed to this member's own key; named by a salted commitment of its content
  sealed = 2,  // under a fresh key, wrapped for `reader`: leaves this machine later, or never
  open = 3,    // content-addressed, in the clear: a model that the plan lets out, a prediction
  report = 4,  // a file of the site's own report: never leaves
};

struct KeepRule {
  std::string prefix;  // of the artifact's name; the first rule that fits decides
  KeepAs as = KeepAs::vault;
  MemberId reader;                                // of KeepAs::sealed
  std::optional<crypto::SealPublicKey> seal_key;  // of KeepAs::sealed: the reader's certified key
  Digest context;                                 // of KeepAs::sealed: see member/contexts.h
};

// An artifact that is durable on this machine.
struct Kept {
  std::string name;  // as the worker named it
  KeepAs as = KeepAs::vault;
  Digest digest;  // vault: the commitment; sealed: SHA-256 of the sealed bytes; else of the content
  std::uint64_t bytes = 0;  // sealed: of the sealed object; else of the content
  Bytes wrap;               // of KeepAs::sealed: its key, for the reader alone
  friend bool operator==(const Kept&, const Kept&) = default;
};
// The one of that name; null if there is none.
[[nodiscard]] const Kept* find_kept(const std::vector<Kept>& all, std::string_view name);
[[nodiscard]] std::string to_json(const std::vector<Kept>& kept);
[[nodiscard]] Result<std::vector<Kept>> kept_from_json(std::string_view json);

// Content for a worker. Exactly one source.
struct FromMemory {
  Bytes content;
};
struct FromVault {
  Digest commitment;  // of something kept as KeepAs::vault
};
struct FromBlob {  // a sealed blob in this machine's outbox or scratch: opened while it streams
  Digest digest;
  Bytes wrap;      // its key, wrapped for us
  Digest context;  // member/contexts.h
};
struct FromOpen {
  Digest digest;  // kept as KeepAs::open
};
// Random bytes that this machine makes at first use and keeps in its vault: an encoder's seed.
struct FromSecret {
  std::string name;
  std::uint32_t bytes = 32;
};
struct WorkerInput {
  std::string name;  // protocol/worker_frame.h says which names are valid
  std::variant<FromMemory, FromVault, FromBlob, FromOpen, FromSecret> source;
};

// --- Actions
// --------------------------------------------------------------------------------------

struct Persist {
  std::string key;
  std::optional<Bytes> value;  // none: forget it
};
struct Ask {
  std::uint64_t tag = 0;
  protocol::Request request;
  bool person_waits = false;  // for the answer: Unanswered soon where nobody is reached
};
// One worker a slot. `warm` workers stay for the next job of the same order (predictions).
struct RunWorker {
  JobId job;
  std::uint32_t attempt = 1;
  StudyId study;
  std::string order_json;  // the job frame (worker/README.md)
  std::vector<WorkerInput> inputs;
  std::vector<KeepRule> keep;
  bool resume = true;  // hand in the last kept checkpoint of this job, if there is one
  bool warm = false;
  std::string save_as;  // an `open` artifact goes there instead: a mask that was asked for
};
// Ends the worker; its last kept checkpoint stays for a later attempt unless `forget`.
struct StopWorker {
  JobId job;
  bool forget = false;
};
// A kept object (KeepAs::sealed or KeepAs::open) goes to the coordinator's blob store, resuming at
// the last acknowledged chunk. Answered by Uploaded or TransferFailed.
struct Upload {
  JobId job;
  Digest digest;
  std::uint64_t size = 0;
};
// Into the scratch, resuming. Answered by Downloaded or TransferFailed.
struct Download {
  JobId job;
  Digest digest;
  std::uint64_t size = 0;  // 0: unknown
};
struct StopTransfers {
  JobId job;
};
// HMAC under the site's secret of every image and mask that a site map lists, in the order of their
// commitments; answered by FilesCommitted.
struct CommitFiles {
  JobId job;
  std::uint32_t attempt = 1;
  Digest site_map;  // in the vault
};
// Sealed blobs and kept objects of a job that are no longer needed.
struct Discard {
  JobId job;
  std::vector<Digest> digests;
};
// A file for people, never overwritten: evidence of a fork, for instance.
struct SaveEvidence {
  std::string name;
  std::string text;
};
enum class NoticeLevel : int { info = 1, warn = 2 };
// For the log and the person in front of `status`. Never holds a patient identifier.
struct Notice {
  NoticeLevel level = NoticeLevel::info;
  std::string code;
  std::string text;
  JobId job;  // that it is about; empty: about none
};
// The answer to a PersonAsked.
struct Tell {
  std::uint64_t question = 0;
  Result<std::string> json;
};

using Action = std::variant<Persist, Ask, RunWorker, StopWorker, Upload, Download, StopTransfers,
                            CommitFiles, Discard, SaveEvidence, Notice, Tell>;
using Actions = std::vector<Action>;

// --- Events
// ---------------------------------------------------------------------------------------

struct Started {};  // once, after restoring
struct Ticked {};   // at or after next_deadline(), or any time
struct Answered {
  std::uint64_t tag = 0;
  protocol::Reply reply;  // protocol::Refused included
};
struct Unanswered {  // given up: connection lost, session closed
  std::uint64_t tag = 0;
  Error error;
};
struct LineOpened {};  // the coordinator is reached, and has let us in
struct LineFailed {    // an attempt to reach it failed, or the line was lost; it is tried again
  Error error;
};
struct WorkerProgressed {
  protocol::JobProgress progress;
};
struct ArtifactKept {
  JobId job;
  std::uint32_t attempt = 1;
  Kept kept;
};
// Everything it handed out is durable.
struct WorkerFinished {
  JobId job;
  std::uint32_t attempt = 1;
  std::string result_json;
};
struct WorkerFailed {
  JobId job;
  std::uint32_t attempt = 1;
  Error error;
};
struct FilesCommitted {
  JobId job;
  std::uint32_t attempt = 1;
  Result<std::vector<Digest>> commitments;
};
struct Uploaded {
  Digest digest;
};
struct Downloaded {
  Digest digest;
  std::uint64_t size = 0;
};
struct TransferProgressed {
  JobId job;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_whole = 0;
};
struct TransferFailed {
  Digest digest;
  Error error;
};
// A person at the control socket. `body_json` is an object; verbs: see each core.
struct PersonAsked {
  std::uint64_t question = 0;
  std::string verb;
  std::string body_json;
};

using Event =
    std::variant<Started, Ticked, Answered, Unanswered, LineOpened, LineFailed, WorkerProgressed,
                 ArtifactKept, WorkerFinished, WorkerFailed, FilesCommitted, Uploaded, Downloaded,
                 TransferProgressed, TransferFailed, PersonAsked>;

}  // namespace cloister::member
