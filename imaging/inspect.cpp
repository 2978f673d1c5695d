#include "imaging/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "imaging/layouts.h"
#include "imaging/preprocess.h"

namespace cloister::imaging {
namespace {

constexpr double oblique_below = 0.95;  // of an axis along its nearest world axis: 18 degrees

void widen(Range& range, double value, bool is_first) {
  range.low = is_first ? value : std::min(range.low, value);
  range.high = is_first ? value : std::max(range.high, value);
}

std::array<std::size_t, 3> sizes(const Geometry& geometry) {
  return {geometry.size.x, geometry.size.y, geometry.size.z};
}

// Evenly over the list, the first and the last included.
std::vector<std::size_t> chosen(std::size_t count, std::size_t most) {
  std::vector<std::size_t> picked;
  const std::size_t take = most == 0 ? count : std::min(most, count);
  for (std::size_t i = 0; i < take; ++i)
    picked.push_back(take == 1 ? 0 : i * (count - 1) / (take - 1));
  return picked;
}

class Look {
 public:
  Look(Inspected& found, const NamedLabels& labels, const InspectOptions& options)
      : found_(found), options_(options) {
    for (const auto& [name, value] : labels) {
      const std::string structure = canonical_structure(name);
      if (value == 0) continue;
      names_[value] = structure;
      found_.declared.push_back(structure);
      found_.seen[structure] = 0;
    }
  }

  void open(const Case& of) {
    ++found_.opened;
    if (of.mask.empty()) {
      return problem(of, {Kind::invalid, "dataset.mask_missing", "", "Add the case's mask."});
    }
    const auto image = read_frame(of.image, of.frame, options_.limits);
    if (!image) return problem(of, image.error());
    const auto info = read_info(of.mask, options_.limits);
    if (!info) return problem(of, info.error());
    const auto mask = read_mask_frame(of.mask, info->frames == 1 ? 0 : of.frame, options_.limits);
    if (!mask) return problem(of, mask.error());
    if (auto same = same_space(image->geometry, mask->geometry); !same)
      return problem(of, same.error());
    take(image->geometry);
    take(*mask);
  }

  void problem(const Case& of, const Error& error) {
    found_.problems.push_back({of.case_id, error.code, error.what});
    found_.advice.emplace(error.code, error);
  }

 private:
  void take(const Geometry& geometry) {
    const bool is_first = found_.usable++ == 0;
    const auto axis = static_cast<std::size_t>(slice_axis(geometry));
    const auto size = sizes(geometry);
    for (std::size_t i = 0; i < 3; ++i) {
      if (i == axis) continue;
      const bool opens = is_first && i == (axis == 0 ? 1U : 0U);
      widen(found_.in_plane_mm, geometry.spacing_mm[i], opens);
      widen(found_.in_plane_px, static_cast<double>(size[i]), opens);
    }
    widen(found_.between_mm, geometry.spacing_mm[axis], is_first);
    widen(found_.slices, static_cast<double>(size[axis]), is_first);
    ++found_.orientations[orientation_code(geometry)];
  }

  void take(const Mask& mask) {
    std::set<std::string> shown;
    bool is_known = true;
    bool is_cut = false;
    const auto size = sizes(mask.geometry);
    for (std::size_t i = 0; i < mask.labels.size(); ++i) {
      const std::uint8_t label = mask.labels[i];
      if (label == 0) continue;
      const auto name = names_.find(label);
      is_known = is_known && name != names_.end();
      if (name == names_.end()) continue;
      shown.insert(name->second);
      const std::array<std::size_t, 3> at{i % size[0], i / size[0] % size[1],
                                          i / size[0] / size[1]};
      is_cut = is_cut || (is_asked(name->second) && is_outside(mask.geometry, at));
    }
    for (const std::string& name : shown) ++found_.seen[name];
    if (!is_known) ++found_.undeclared;
    if (is_cut) ++found_.outside_crop;
  }

  [[nodiscard]] bool is_asked(const std::string& structure) const {
    const auto& asked = options_.crop.structures;
    return asked.empty() || std::find(asked.begin(), asked.end(), structure) != asked.end();
  }

  // The map of preprocess.h: centre voxel to centre pixel.
  [[nodiscard]] bool is_outside(const Geometry& geometry,
                                const std::array<std::size_t, 3>& at) const {
    if (options_.crop.size_px == 0) return false;
    const auto axis = static_cast<std::size_t>(slice_axis(geometry));
    const auto size = sizes(geometry);
    const auto half = static_cast<double>(options_.crop.size_px) / 2;
    for (std::size_t i = 0; i < 3; ++i) {
      if (i == axis) continue;
      const double target = options_.crop.spacing_mm;
      const double scale = target == 0 ? 1 : geometry.spacing_mm[i] / target;
      const double centre = std::floor(static_cast<double>(size[i]) / 2);
      const double pixel = (static_cast<double>(at[i]) - centre) * scale;
      if (pixel < -half || pixel >= half) return true;
    }
    return false;
  }

  Inspected& found_;
  const InspectOptions& options_;
  std::map<std::uint8_t, std::string> names_;
};

}  // namespace

std::string orientation_code(const Geometry& geometry) {
  constexpr std::array<std::string_view, 3> letters{"LR", "PA", "IS"};  // minus, plus
  std::string code;
  bool is_oblique = false;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::size_t world = 0;
    const auto along = [&](std::size_t row) { return geometry.direction[3 * row + axis]; };
    for (std::size_t row = 1; row < 3; ++row) {
      if (std::abs(along(row)) > std::abs(along(world))) world = row;
    }
    code += letters[world][along(world) > 0 ? 1 : 0];
    is_oblique = is_oblique || std::abs(along(world)) < oblique_below;
  }
  return is_oblique ? code + " oblique" : code;
}

Result<Inspected> inspect_dataset(const std::filesystem::path& root,
                                  const InspectOptions& options) {
  auto listing = list_dataset(root, options.centre);
  if (!listing) return pass(std::move(listing));
  Inspected found;
  found.layout = listing->layout;
  std::vector<Case> cases;
  std::set<std::string> patients;
  Look look(found, listing->labels, options);
  for (Candidate& candidate : listing->candidates) {
    const auto& out = options.withdrawn;
    const bool is_out = std::find(out.begin(), out.end(), candidate.of.case_id) != out.end() ||
                        std::find(out.begin(), out.end(), candidate.of.patient_id) != out.end();
    if (is_out) continue;
    patients.insert(candidate.of.patient_id);
    cases.push_back(std::move(candidate.of));
  }
  found.cases = cases.size();
  found.patients = patients.size();
  for (const ExcludedCase& one : listing->excluded) {
    Case of;
    of.case_id = one.case_id;
    look.problem(of,
                 {Kind::invalid, one.code, one.reason, "Repair the case, or remove its files."});
  }
  for (const std::size_t i : chosen(cases.size(), options.cases_max)) look.open(cases[i]);
  return found;
}

}  // namespace cloister::imaging
