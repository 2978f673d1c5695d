// Preprocessed slices for quality_trial: from datasets through imaging/, or from files that a
// machine without ITK can read.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "networks/slices.h"

namespace cloister {

struct SliceGrid {
  int pixels = 192;  // a side
  double spacing_mm = 1.5;
};

// One place a site under `folder`, sorted: its sub-folders, or its .slices files.
[[nodiscard]] std::vector<std::filesystem::path> site_places(const std::filesystem::path& folder);

// Training patients only; the test split is never read. A .slices file is brought to the grid asked
// for.
[[nodiscard]] Result<networks::SliceSet> read_trial_slices(const std::filesystem::path& place,
                                                           const SliceGrid& grid);
// Intensities in 256 steps: for trials.
[[nodiscard]] Result<void> write_trial_slices(const networks::SliceSet& slices,
                                              const SliceGrid& grid,
                                              const std::filesystem::path& file);

}  // namespace cloister
