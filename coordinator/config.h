// What an operator chooses (coordinator.toml; docs/homes.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "transport/address.h"

namespace cloister::coordinator {

struct Config {
  transport::Address members;    // where members dial
  transport::Address enrolment;  // where newcomers dial
  std::filesystem::path home;    // ledger/, blobs/, wraps/, checkpoint
  std::filesystem::path identity;
  std::filesystem::path passphrase_file;  // empty: CLOISTER_PASSPHRASE, or asked
  std::filesystem::path genesis;
  std::uint64_t blob_quota = 100ULL << 30;         // of all members together
  std::uint64_t blob_member_quota = 100ULL << 30;  // of each
  std::string metrics;  // loopback address of the page for Prometheus; empty: none
};

// Unknown keys are refused; all problems are reported together ("config.*").
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file);
// The effective configuration, for --check-config. Holds no secret.
[[nodiscard]] std::string to_text(const Config& config);

}  // namespace cloister::coordinator
