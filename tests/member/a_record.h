// A record for tests that do not care what it says.
#pragma once

#include <string>

#include "crypto/hash.h"
#include "provenance/record.h"

namespace cloister::member::test {

// Any record, told apart by its subject.
inline provenance::Record a_record(const std::string& what) {
  provenance::Record record;
  record.kind = provenance::RecordKind::access_logged;
  record.subjects.push_back({what, crypto::sha256(as_bytes(what))});
  return record;
}

}  // namespace cloister::member::test
