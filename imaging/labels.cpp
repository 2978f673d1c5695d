#include "imaging/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace cloister::imaging {

std::string canonical_structure(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0) plain.push_back(static_cast<char>(std::toupper(u)));
  }
  struct Alias {
    std::string_view canonical;
    std::vector<std::string_view> names;
  };
  static const std::vector<Alias> aliases{
      {"LV",
       {"LVC", "LVCAVITY", "LVBP", "LVBLOODPOOL", "LEFTVENTRICLE", "LEFTVENTRICULARCAVITY",
        "LEFTVENTRICLECAVITY", "LVENDO"}},
      {"MYO", {"MYOCARDIUM", "LVM", "LVMYO", "LVMYOCARDIUM", "MLV", "LEFTVENTRICULARMYOCARDIUM"}},
      {"RV",
       {"RVC", "RVCAVITY", "RVBP", "RVBLOODPOOL", "RIGHTVENTRICLE", "RIGHTVENTRICULARCAVITY",
        "RIGHTVENTRICLECAVITY"}}};
  for (const Alias& alias : aliases) {
    if (std::find(alias.names.begin(), alias.names.end(), plain) != alias.names.end()) {
      return std::string(alias.canonical);
    }
  }
  return plain;
}

Result<LabelMap> LabelMap::create(const std::vector<std::string>& plan_structures,
                                  const NamedLabels& file_labels) {
  LabelMap map;
  map.class_of_[0] = 0;
  map.value_of_.push_back(0);
  for (const auto& [name, value] : file_labels) map.class_of_[value] = 0;
  for (const std::string& wanted : plan_structures) {
    const std::string structure = canonical_structure(wanted);
    const auto found = std::find_if(file_labels.begin(), file_labels.end(), [&](const auto& label) {
      return label.second != 0 && canonical_structure(label.first) == structure;
    });
    if (found == file_labels.end()) {
      return fail(
          Kind::invalid, "dataset.structure_missing",
          fmt::format("The plan asks for the structure '{}', which the data does not label.",
                      structure),
          "Compare the plan's structures with the labels of dataset.json.");
    }
    if (map.class_of_[found->second] != 0) {
      return fail(Kind::invalid, "dataset.bad_description",
                  fmt::format("Two structures share the label value {}.", found->second),
                  "Give each structure a value of its own.");
    }
    map.structures_.push_back(structure);
    map.value_of_.push_back(found->second);
    map.class_of_[found->second] = static_cast<std::uint8_t>(map.structures_.size());
  }
  if (map.structures_.empty() || map.structures_.size() > 31) {
    return fail(Kind::invalid, "dataset.structure_missing",
                "A plan names between 1 and 31 structures.", "Name them in the plan.");
  }
  return map;
}

Result<void> LabelMap::apply(Mask& mask) const {
  for (const std::uint8_t value : mask.labels) {
    if (class_of_[value] == unknown) {
      return fail(
          Kind::invalid, "mask.unknown_label",
          fmt::format("The mask holds the value {}, which no label name stands for.", value),
          "Add the label to dataset.json, or correct the mask.");
    }
  }
  for (std::uint8_t& value : mask.labels) value = class_of_[value];
  return {};
}

void LabelMap::restore(Mask& mask) const {
  for (std::uint8_t& value : mask.labels) value = value < value_of_.size() ? value_of_[value] : 0;
}

NamedLabels LabelMap::file_labels() const {
  NamedLabels labels;
  for (std::size_t k = 0; k < structures_.size(); ++k) {
    labels.emplace_back(structures_[k], value_of_[k + 1]);
  }
  return labels;
}

}  // namespace cloister::imaging
