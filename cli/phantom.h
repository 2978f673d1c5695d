// Data to practise with: drawn hearts, no patient behind them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/answer.h"

namespace cloister::cli {

struct PhantomOptions {
  std::filesystem::path folder;
  std::string name = "site-a";
  std::uint64_t scanner = 0;  // 0, 1 or 2: three hospitals look different
  std::uint64_t training = 14;
  std::uint64_t test = 4;
  std::uint64_t seed = 20261123;
  std::string worker = "cloister-worker";
};
// Patients in the nnU-Net raw layout. An existing folder that is not empty is refused
// ("phantom.folder").
[[nodiscard]] Result<Answer> make_phantoms(const PhantomOptions& options);

}  // namespace cloister::cli
