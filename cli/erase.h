// Erasing the words that somebody wrote into a record, for a person's right to be forgotten.
#pragma once

#include <string>

#include "cli/answer.h"
#include "cli/line.h"

namespace cloister::cli {

struct EraseOptions {
  std::string record;  // its number in the ledger, or its leaf hash
  std::string basis;   // in law; may be empty
};
// Signs the erasure. "erase.unreadable": the record is not for us to read, so not ours to erase;
// "erase.unknown": there is none; "erasure.*": its words stay (provenance/erasure.h).
[[nodiscard]] Result<Answer> erase_words(Seat& seat, const EraseOptions& options);

}  // namespace cloister::cli
