// Every message between processes, as plain values. protocol/codec.h turns them into Protocol
// Buffers bytes and back, within the limits of protocol/limits.h; nothing else sees a .pb.h.
//
// Clients (agents, the trainer, people at the CLI) dial the coordinator and ask; the coordinator
// answers. It never calls anybody: a hospital opens no inbound port. Work reaches a client as the
// answer to its Poll, which the coordinator may hold back until something changes.
//
// All requests are idempotent: repeating one after a lost reply has no further effect. So a client
// recovers from anything by opening a new session and asking again.
#pragma once

#include <string>
#include <variant>

#include "base/result.h"
#include "protocol/blob_messages.h"
#include "protocol/ledger_messages.h"
#include "protocol/session_messages.h"
#include "protocol/work_messages.h"

namespace cloister::protocol {

// --- Questions of people
// -----------------------------------------------------------------------------------

// `what`: "members", "studies", "study", "jobs", "job", "egress", "health". Answered with JSON
// whose schema docs/protocol.md gives; within the asker's role.
struct Ask {
  std::string what;
  std::string argument;
  friend bool operator==(const Ask&, const Ask&) = default;
};
struct Told {
  std::string json;
  friend bool operator==(const Told&, const Told&) = default;
};

// --- Outcomes
// ---------------------------------------------------------------------------------------------

struct Done {
  friend bool operator==(const Done&, const Done&) = default;
};
struct Refused {
  Error error;
  friend bool operator==(const Refused&, const Refused&) = default;
};

// The numbers of the alternatives are the wire's method numbers (index + 1): append, never reorder.
using Request =
    std::variant<OpenSession, Enrol, Invite, ListEnrolments, Submit, FetchRecords, FetchSigner,
                 Poll, BlobOpen, BlobChunk, BlobGet, PutWraps, GetWraps, Ask>;
using Reply = std::variant<SessionOpened, EnrolmentState, Enrolments, Receipts, Records,
                           SignerState, Work, BlobState, BlobData, Wraps, Told, Done, Refused>;

}  // namespace cloister::protocol
