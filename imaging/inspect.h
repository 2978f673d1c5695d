// A look at a site's data folder before any study: what an administrator wants to know, in counts.
// Nothing is refused here: what a job would leave out is counted by its code.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imaging/dataset.h"

namespace cloister::imaging {

struct Range {
  double low = 0;
  double high = 0;
};

// What a plan asks of the images.
struct CropQuestion {
  std::vector<std::string> structures;  // canonical names; empty: all that the files name
  double spacing_mm = 0;                // in plane; 0: the image's own
  std::size_t size_px = 0;              // 0: not asked
};

struct InspectOptions {
  std::size_t cases_max = 8;  // opened, spread evenly over the folder; 0: all
  std::string centre;         // M&Ms
  std::vector<std::string> withdrawn;
  CropQuestion crop;
  ReadLimits limits;
};

struct Inspected {
  std::string layout;
  std::size_t cases = 0;     // listed
  std::size_t patients = 0;  // the same
  std::size_t opened = 0;
  std::size_t usable = 0;                   // of those opened
  std::map<std::string, Error> advice;      // by code: the first error of that code, for its `next`
  std::vector<ExcludedCase> problems;       // by case: site-internal
  std::vector<std::string> declared;        // structures that the folder's description names
  std::map<std::string, std::size_t> seen;  // of those opened, how many masks show the structure
  std::size_t undeclared = 0;               // masks with a value that no name stands for
  Range in_plane_mm, between_mm;            // spacing, of the usable ones
  Range in_plane_px, slices;                // the same for sizes
  std::map<std::string, std::size_t> orientations;  // "LPS": where x, y and z point; " oblique"
  std::size_t outside_crop = 0;  // masks whose structures would be cut by the plan's crop
};
// Errors: dataset.missing, dataset.unknown_layout, dataset.bad_description.
[[nodiscard]] Result<Inspected> inspect_dataset(const std::filesystem::path& root,
                                                const InspectOptions& options = {});

// Where the axes point in NIfTI's world, as other tools write it: "RAS", "LPS", ...
[[nodiscard]] std::string orientation_code(const Geometry& geometry);

}  // namespace cloister::imaging
