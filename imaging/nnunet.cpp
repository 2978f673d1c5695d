// nnU-Net raw, versions 1 (labels: {"1": "LV"}) and 2 (labels: {"LV": 1}).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "imaging/layouts.h"

namespace cloister::imaging {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

tl::unexpected<Error> bad_description(std::string what) {
  return fail(Kind::invalid, "dataset.bad_description", "dataset.json: " + std::move(what),
              "Compare it with the nnU-Net documentation of dataset.json.");
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 6 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<NamedLabels> read_labels(const json& description) {
  if (!description.contains("labels") || !description["labels"].is_object()) {
    return bad_description("'labels' is missing.");
  }
  NamedLabels labels;
  for (const auto& [key, value] : description["labels"].items()) {
    const bool first_version = is_number(key) && value.is_string();
    const bool second_version = value.is_number_integer();
    if (!first_version && !second_version) {
      return bad_description(fmt::format("the label '{}' is neither a number nor a name.", key));
    }
    const std::int64_t number = first_version ? std::stoll(key) : value.get<std::int64_t>();
    if (number < 0 || number > 254) {
      return bad_description(fmt::format("the label value {} is not within 0 to 254.", number));
    }
    labels.emplace_back(first_version ? value.get<std::string>() : key,
                        static_cast<std::uint8_t>(number));
  }
  return labels;
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> without_suffix(const std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix) || name.size() == suffix.size()) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

// The case of a file "CASE<marker>.nii.gz" or "CASE<marker>.nii".
std::optional<std::string> case_of(const std::string& name, std::string_view marker) {
  for (std::string_view ending : {".nii.gz", ".nii"}) {
    if (auto stem = without_suffix(name, std::string(marker) + std::string(ending))) return stem;
  }
  return std::nullopt;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// PATIENT_ED, PATIENT_ES, PATIENT_<frame>, PATIENT_frame<frame>; else a patient of its own.
Candidate parse_case(const std::string& case_id) {
  Candidate candidate;
  candidate.of.case_id = case_id;
  candidate.of.patient_id = case_id;
  const std::size_t bar = case_id.rfind('_');
  if (bar == std::string::npos || bar == 0) return candidate;
  std::string tail = lower(case_id.substr(bar + 1));
  if (tail == "ed" || tail == "es") {
    candidate.of.phase = tail == "ed" ? Phase::ed : Phase::es;
  } else {
    if (tail.starts_with("frame")) tail = tail.substr(5);
    if (!is_number(tail)) return candidate;
    candidate.phase_named = false;
    candidate.frame_number = static_cast<std::size_t>(std::stoul(tail));
  }
  candidate.of.patient_id = case_id.substr(0, bar);
  return candidate;
}

void list_split(const fs::path& root, const std::string& split, Listing& listing) {
  const fs::path images = root / ("images" + split);
  const fs::path labels = root / ("labels" + split);
  std::set<std::string> masks;
  for (const std::string& name : file_names(labels)) {
    if (case_of(name, "")) masks.insert(name);
  }
  std::set<std::string> seen;
  for (const std::string& name : file_names(images)) {
    const auto case_id = case_of(name, "_0000");
    if (!case_id) {
      listing.warnings.push_back("A file of images" + split +
                                 " is no channel 0 image: passed over.");
      continue;
    }
    if (!seen.insert(*case_id).second) {
      listing.excluded.push_back(
          {*case_id, "dataset.duplicate_case", "The case has two image files; the first is used."});
      continue;
    }
    Candidate candidate = parse_case(*case_id);
    candidate.of.split = split == "Tr" ? Split::train : Split::test;
    candidate.of.image = images / name;
    for (const char* ending : {".nii.gz", ".nii"}) {
      if (!candidate.of.mask.empty() || !masks.contains(*case_id + ending)) continue;
      candidate.of.mask = labels / (*case_id + ending);
    }
    listing.candidates.push_back(std::move(candidate));
  }
  for (const std::string& name : masks) {
    const std::string case_id = *case_of(name, "");
    if (seen.contains(case_id)) continue;
    listing.excluded.push_back(
        {case_id, "dataset.image_missing", "There is a mask but no image (_0000) of this case."});
  }
}

}  // namespace

Result<std::optional<Listing>> list_nnunet(const fs::path& root) {
  std::error_code error;
  if (!fs::exists(root / "dataset.json", error)) return std::nullopt;
  const auto text = read_text(root / "dataset.json", 1 << 20);
  if (!text) return bad_description(text.error().what);
  const json description = json::parse(*text, nullptr, false);
  if (!description.is_object()) return bad_description("it is not a JSON object.");
  auto labels = read_labels(description);
  if (!labels) return pass(std::move(labels));
  Listing listing;
  listing.layout = "nnunet-raw";
  listing.labels = std::move(*labels);
  const auto name = description.find("name");
  if (name != description.end() && name->is_string()) listing.name = name->get<std::string>();
  list_split(root, "Tr", listing);
  list_split(root, "Ts", listing);
  return listing;
}

}  // namespace cloister::imaging
