// policy.toml as it is written at enrolment: every key with its reason.
#pragma once

#include <filesystem>
#include <string>

namespace cloister::cli {

struct PolicyChoices {
  std::filesystem::path data;  // the data root; empty: a line to fill in
  std::string centre;          // of an M&Ms folder: which centre is this site; else empty
  unsigned threads = 0;        // of a worker; 0: as many as there are
  bool mask_decoder_leaves = false;
};
[[nodiscard]] std::string policy_template(const PolicyChoices& choices);

}  // namespace cloister::cli
