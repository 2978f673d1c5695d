// The two folder layouts, reduced to lists of candidate files. Inside of imaging/.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "imaging/dataset.h"

namespace cloister::imaging {

struct Candidate {
  Case of;  // ids, paths, frame, split (train or test; tune where the layout says so)
  bool phase_named = true;       // false: the phase follows from frame order or the LV's size
  std::size_t frame_number = 0;  // as named, for ordering
};

struct Listing {
  std::string name;
  std::string layout;
  NamedLabels labels;
  std::vector<Candidate> candidates;
  std::vector<ExcludedCase> excluded;
  std::vector<std::string> warnings;
};

// nullopt: this is another layout. Errors: dataset.bad_description.
[[nodiscard]] Result<std::optional<Listing>> list_nnunet(const std::filesystem::path& root);
[[nodiscard]] Result<std::optional<Listing>> list_mnms(const std::filesystem::path& root,
                                                       const std::string& centre);
// Whichever it is. Errors besides: dataset.missing, dataset.unknown_layout.
[[nodiscard]] Result<Listing> list_dataset(const std::filesystem::path& root,
                                           const std::string& centre);

}  // namespace cloister::imaging
