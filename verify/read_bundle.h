// A bundle's folder as the map of files that provenance/ checks.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "provenance/bundle.h"

namespace cloister::verify {

inline constexpr std::size_t bundle_files_max = 1'000'000;
inline constexpr std::uint64_t bundle_bytes_max = 4ULL << 30;
inline constexpr std::uint64_t bundle_file_bytes_max = 256ULL << 20;

// Reads every regular file below `folder`. Links and anything else that is no plain file are
// refused ("bundle.not_plain"): a bundle that points elsewhere is no evidence.
[[nodiscard]] Result<provenance::BundleFiles> read_bundle(const std::filesystem::path& folder);

}  // namespace cloister::verify
