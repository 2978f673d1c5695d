// A record with its place in the ledger: what every fold of this room is fed with, in order.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/digest.h"
#include "provenance/record.h"

namespace cloister::coordinator {

struct Placed {
  std::uint64_t index = 0;
  Digest leaf;  // the record's name
  provenance::Record record;
  Bytes envelope;  // DSSE JSON, the very bytes that were signed
};

}  // namespace cloister::coordinator
