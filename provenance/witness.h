// What a site (or any outside witness) does before it cosigns a checkpoint.
//
// A witness remembers one head a log. It cosigns a new one only if the log signed it and a
// consistency proof shows that it extends the remembered one. Check and persistence must be one
// atomic step, and the new head must be durable BEFORE the cosignature is sent: otherwise two
// requests in flight could roll the witness back.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "provenance/note.h"
#include "provenance/proof.h"

namespace cloister::provenance {

// Two signed heads of one log that cannot both be true. For people, and for other sites.
struct ForkEvidence {
  std::string reason;  // one sentence
  Note seen;           // what this witness holds
  Note offered;        // what it was offered
};
// A file that a stranger can check: reason, both notes, and how to read them.
[[nodiscard]] std::string to_text(const ForkEvidence& evidence);

// The replies of the witness protocol, with the HTTP status that C2SP gives each.
struct Cosigned {
  Note head;                // persist this first ...
  NoteSignature signature;  // ... then send this (200)
};
struct WrongOldSize {
  std::uint64_t size = 0;  // 409: what the log should have started from
  // The log offers a smaller tree than was cosigned: it lost records, or was restored from an old
  // backup, or this request is an old one. Save it and tell a person.
  std::optional<ForkEvidence> rollback;
};
struct Refused {
  int status = 400;  // 400, 403, 404 or 422
  Error error;
  std::optional<ForkEvidence> evidence;  // save it and tell a person
};
using WitnessReply = std::variant<Cosigned, WrongOldSize, Refused>;

class Witness {
 public:
  // `name` is the cosigner's key name; `log` the only log it knows. References are not kept.
  Witness(std::string name, NoteKey log) : name_(std::move(name)), log_(std::move(log)) {}

  // `last` is the remembered head as it was persisted, if there is any. An agent restored from a
  // backup must not call this until a person confirmed its head.
  [[nodiscard]] WitnessReply check(const std::optional<Note>& last, const AddCheckpoint& request,
                                   const crypto::SecretKey& key, Instant now) const;

  // Another site showed us `theirs`. Evidence if it cannot be reconciled with ours: same size and
  // another root. Different sizes need a consistency proof from the log (Kind::stale asks for it).
  [[nodiscard]] Result<std::optional<ForkEvidence>> compare(const Note& ours,
                                                            const Note& theirs) const;
  // The same with the proof between the two sizes at hand.
  [[nodiscard]] Result<std::optional<ForkEvidence>> compare(const Note& ours, const Note& theirs,
                                                            std::span<const Digest> proof) const;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  NoteKey log_;
};

// The body of the reply and its status.
[[nodiscard]] std::string reply_body(const WitnessReply& reply);
[[nodiscard]] int reply_status(const WitnessReply& reply);

}  // namespace cloister::provenance
