// Structures by name, so that files that number them differently (ACDC: 1 RV, 3 LV; M&Ms: 1 LV, 3
// RV) agree in everything we compute. Class 0 is background; class k is the plan's k-th structure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

// "Left Ventricle", "lv_cavity" -> "LV"; "myocardium" -> "MYO"; "right ventricle" -> "RV"; other
// names in upper case, letters and digits only.
[[nodiscard]] std::string canonical_structure(std::string_view name);

// (name, value in the files). Names are canonicalised; "background" may be present or not.
using NamedLabels = std::vector<std::pair<std::string, std::uint8_t>>;

class LabelMap {
 public:
  // Fails with "dataset.structure_missing" when a structure of the plan is not among `file_labels`.
  // Structures of the files that the plan does not name become background.
  [[nodiscard]] static Result<LabelMap> create(const std::vector<std::string>& plan_structures,
                                               const NamedLabels& file_labels);

  // Replaces file values by class indices, in place. A value that no name stands for fails with
  // "mask.unknown_label" and leaves the mask as it was.
  [[nodiscard]] Result<void> apply(Mask& mask) const;
  [[nodiscard]] const std::vector<std::string>& structures() const { return structures_; }
  // Class indices back to the files' values, for writing masks beside the originals.
  void restore(Mask& mask) const;
  [[nodiscard]] NamedLabels file_labels() const;

 private:
  static constexpr std::uint8_t unknown = 255;
  LabelMap() { class_of_.fill(unknown); }
  std::vector<std::string> structures_;
  std::vector<std::uint8_t> value_of_;  // by class
  std::array<std::uint8_t, 256> class_of_{};
};

}  // namespace cloister::imaging
