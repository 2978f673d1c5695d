// What happens to the coordinator's core. Facts, in the past tense.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "coordinator/core/placed.h"
#include "protocol/messages.h"

namespace cloister::coordinator {

// The shell's number for a request that waits for its answer.
using Token = std::uint64_t;

// Signature, session and counter are verified; `member` is who signed it.
struct RequestArrived {
  Token token = 0;
  MemberId member;
  protocol::Request request;
};
// At the enrolment endpoint, from anyone.
struct EnrolArrived {
  Token token = 0;
  protocol::Enrol enrol;
};
// Records got their places, in this order. Not yet durable: nothing is answered on them. (If the
// write then fails the process ends, and the next one replays what reached the disk.)
struct RecordsPlaced {
  std::vector<Placed> records;
};
// The first `size` records are on the disk and under a checkpoint; others may have got their places
// meanwhile. What the core answers, it answers of all of them: the shell holds it until they are
// durable too.
struct LedgerSynced {
  std::uint64_t size = 0;
};
// The ledger refused a record of our own (an input was quarantined meanwhile, say).
struct AppendRefused {
  std::string key;  // of the Draft
  Error error;
};
// Verified and durable.
struct BlobCompleted {
  Digest blob;
};
struct WrapsStored {
  MemberId reader;
  std::vector<Digest> blobs;
};
struct Ticked {};

using Event = std::variant<RequestArrived, EnrolArrived, RecordsPlaced, LedgerSynced, AppendRefused,
                           BlobCompleted, WrapsStored, Ticked>;

}  // namespace cloister::coordinator
