#include "imaging/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/prng.h"
#include "imaging/layouts.h"
#include "imaging/preprocess.h"

namespace cloister::imaging {
namespace {

namespace fs = std::filesystem;

// FNV-1a over size and voxels: equal images under two names are one image. Not cryptographic.
std::uint64_t fingerprint(const Volume& volume) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&](std::uint64_t word) { hash = (hash ^ word) * 0x100000001b3ULL; };
  mix(volume.geometry.size.x);
  mix(volume.geometry.size.y);
  for (const float value : volume.voxels) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    mix(bits);
  }
  return hash;
}

std::vector<std::size_t> count_structures(const Mask& mask, std::size_t structures) {
  std::vector<std::size_t> counts(structures, 0);
  for (const std::uint8_t label : mask.labels) {
    if (label > 0) ++counts[label - 1];
  }
  return counts;
}

// Everything that can be wrong with one case; on success its facts are filled in.
Result<std::uint64_t> vouch(Case& of, const LabelMap& labels, const ReadLimits& limits) {
  if (of.mask.empty()) {
    return fail(Kind::invalid, "dataset.mask_missing", "The case has no mask.", "Add it.");
  }
  const auto loaded = load_case(of, labels, limits);
  if (!loaded) return pass(loaded);
  of.structure_voxels = count_structures(loaded->mask, labels.structures().size());
  const bool empty = std::all_of(of.structure_voxels.begin(), of.structure_voxels.end(),
                                 [](std::size_t count) { return count == 0; });
  if (empty) {
    return fail(Kind::invalid, "mask.empty",
                "The mask labels no structure of the plan in any slice.",
                "Check that it belongs to this image.");
  }
  const Geometry& geometry = loaded->image.geometry;
  const auto axis = slice_axis(geometry);
  of.slices = axis == 0 ? geometry.size.x : axis == 1 ? geometry.size.y : geometry.size.z;
  of.spacing_mm = geometry.spacing_mm;
  return fingerprint(loaded->image);
}

class Scan {
 public:
  Scan(Dataset& dataset, const ScanOptions& options) : dataset_(dataset), options_(options) {}

  void add(Candidate candidate) {
    Case& of = candidate.of;
    const auto& out = options_.withdrawn;
    if (std::find(out.begin(), out.end(), of.case_id) != out.end() ||
        std::find(out.begin(), out.end(), of.patient_id) != out.end()) {
      return exclude(of.case_id, "dataset.withdrawn", "The case has been withdrawn.");
    }
    if (!case_ids_.insert(of.case_id).second) {
      return exclude(of.case_id, "dataset.duplicate_case", "Two cases carry this name.");
    }
    const auto vouched = vouch(of, dataset_.labels, options_.limits);
    if (!vouched) return exclude(of.case_id, vouched.error().code, vouched.error().what);
    const auto [known, fresh] = images_.emplace(*vouched, of.case_id);
    if (!fresh) {
      return exclude(of.case_id, "dataset.duplicate_image",
                     fmt::format("The image is the same as that of '{}'.", known->second));
    }
    kept_.push_back(std::move(candidate));
  }

  // A patient in training and test would make every figure too good: its training cases go.
  void separate_test_patients() {
    std::set<std::string> tested;
    for (const Candidate& c : kept_) {
      if (c.of.split == Split::test) tested.insert(c.of.patient_id);
    }
    std::erase_if(kept_, [&](const Candidate& c) {
      const bool leaks = c.of.split != Split::test && tested.contains(c.of.patient_id);
      if (leaks) {
        exclude(c.of.case_id, "dataset.patient_in_test",
                "The patient is also among the test cases.");
      }
      return leaks;
    });
  }

  // See the header for the rule.
  void name_phases() {
    const auto& structures = dataset_.labels.structures();
    const auto lv = std::find(structures.begin(), structures.end(), "LV");
    const auto at =
        lv == structures.end() ? std::size_t{0} : static_cast<std::size_t>(lv - structures.begin());
    std::map<std::string, std::vector<Candidate*>> frames;
    for (Candidate& c : kept_) {
      if (!c.phase_named) frames[c.of.patient_id].push_back(&c);
    }
    for (auto& [patient, pair] : frames) {
      if (pair.size() != 2) continue;
      const auto ml = [&](const Candidate* c) { return c->of.structure_voxels[at]; };
      const bool by_size = ml(pair[0]) != ml(pair[1]);
      const bool first_is_ed =
          by_size ? ml(pair[0]) > ml(pair[1]) : pair[0]->frame_number < pair[1]->frame_number;
      pair[0]->of.phase = first_is_ed ? Phase::ed : Phase::es;
      pair[1]->of.phase = first_is_ed ? Phase::es : Phase::ed;
    }
  }

  void finish() {
    for (Candidate& c : kept_) dataset_.cases.push_back(std::move(c.of));
    std::sort(dataset_.cases.begin(), dataset_.cases.end(),
              [](const Case& a, const Case& b) { return a.case_id < b.case_id; });
    std::sort(dataset_.excluded.begin(), dataset_.excluded.end(),
              [](const auto& a, const auto& b) { return a.case_id < b.case_id; });
  }

 private:
  void exclude(const std::string& case_id, std::string code, std::string reason) {
    dataset_.excluded.push_back({case_id, std::move(code), std::move(reason)});
  }

  Dataset& dataset_;
  const ScanOptions& options_;
  std::set<std::string> case_ids_;
  std::map<std::uint64_t, std::string> images_;
  std::vector<Candidate> kept_;
};

std::vector<std::string> patients_of(const Dataset& dataset, Split split) {
  std::set<std::string> patients;
  for (const Case& c : dataset.cases) {
    if (c.split == split) patients.insert(c.patient_id);
  }
  return {patients.begin(), patients.end()};
}

// Moves about `share` of the training patients, at least one, into `split`; keeps at least one.
void hold_out(Dataset& dataset, Split split, double share, Prng& prng) {
  std::vector<std::string> patients = patients_of(dataset, Split::train);
  if (patients.size() < 2) return;
  for (std::size_t i = patients.size() - 1; i > 0; --i) {
    std::swap(patients[i], patients[prng.below(i + 1)]);
  }
  const auto wanted = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 0.9) * static_cast<double>(patients.size())));
  patients.resize(std::clamp<std::size_t>(wanted, 1, patients.size() - 1));
  for (Case& c : dataset.cases) {
    const bool chosen = std::find(patients.begin(), patients.end(), c.patient_id) != patients.end();
    if (c.split == Split::train && chosen) c.split = split;
  }
}

Result<void> split_by_patient(Dataset& dataset, const ScanOptions& options) {
  const std::size_t training = dataset.patients(Split::train) + dataset.patients(Split::tune);
  if (training < 2) {
    return fail(Kind::invalid, "dataset.one_patient",
                fmt::format("The site has {} usable training patient(s); at least 2 are needed to "
                            "train and to check. {} case(s) were excluded.",
                            training, dataset.excluded.size()),
                "Add patients, or repair the excluded cases.");
  }
  Prng prng(options.split_seed);
  if (dataset.patients(Split::test) == 0) {
    if (dataset.patients(Split::train) >= 3)
      hold_out(dataset, Split::test, options.test_share, prng);
    dataset.warnings.emplace_back(
        "The folder brings no test patients; some training patients were held out for it.");
  }
  if (dataset.patients(Split::tune) == 0) {
    hold_out(dataset, Split::tune, options.tuning_share, prng);
  }
  return {};
}

}  // namespace

Result<Listing> list_dataset(const fs::path& root, const std::string& centre) {
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return fail(Kind::not_found, "dataset.missing", "The data folder is not there.",
                "Check data_root in the site's policy.toml.");
  }
  auto nnunet = list_nnunet(root);
  if (!nnunet) return pass(std::move(nnunet));
  if (*nnunet) return std::move(**nnunet);
  auto mnms = list_mnms(root, centre);
  if (!mnms) return pass(std::move(mnms));
  if (*mnms) return std::move(**mnms);
  return fail(Kind::invalid, "dataset.unknown_layout",
              "The data folder has neither a dataset.json (nnU-Net raw) nor a CSV with a column "
              "'External code' (M&Ms).",
              "Arrange the data in one of these layouts.");
}

std::string_view to_string(Phase phase) {
  return phase == Phase::ed ? "ED" : phase == Phase::es ? "ES" : "none";
}
std::string_view to_string(Split split) {
  return split == Split::train ? "train" : split == Split::tune ? "tune" : "test";
}
Result<Phase> phase_from(std::string_view text) {
  for (const Phase phase : {Phase::none, Phase::ed, Phase::es}) {
    if (text == to_string(phase)) return phase;
  }
  return fail(Kind::invalid, "dataset.bad_phase", "A phase is ED, ES or none.");
}
Result<Split> split_from(std::string_view text) {
  for (const Split split : {Split::train, Split::tune, Split::test}) {
    if (text == to_string(split)) return split;
  }
  return fail(Kind::invalid, "dataset.bad_split", "A split is train, tune or test.");
}

std::vector<Case> Dataset::of(Split split) const {
  std::vector<Case> chosen;
  for (const Case& c : cases) {
    if (c.split == split) chosen.push_back(c);
  }
  return chosen;
}

std::size_t Dataset::patients(Split split) const { return patients_of(*this, split).size(); }

Result<Dataset> scan_dataset(const fs::path& root, const ScanOptions& options) {
  auto listing = list_dataset(root, options.centre);
  if (!listing) return pass(std::move(listing));
  if (listing->candidates.size() > options.cases_max) {
    return fail(Kind::exhausted, "dataset.too_many_cases",
                fmt::format("The folder holds {} cases.", listing->candidates.size()),
                "Split the site's data.");
  }
  auto labels = LabelMap::create(options.structures, listing->labels);
  if (!labels) return pass(std::move(labels));
  Dataset dataset{std::move(listing->name),
                  std::move(listing->layout),
                  std::move(*labels),
                  std::move(listing->labels),
                  {},
                  std::move(listing->excluded),
                  std::move(listing->warnings)};
  Scan scan(dataset, options);
  for (Candidate& candidate : listing->candidates) scan.add(std::move(candidate));
  scan.separate_test_patients();
  scan.name_phases();
  scan.finish();
  if (dataset.cases.empty()) {
    const std::string example =
        dataset.excluded.empty() ? "" : " The first: " + dataset.excluded.front().reason;
    return fail(
        Kind::invalid, "dataset.empty",
        fmt::format("No case can be used; {} were excluded.{}", dataset.excluded.size(), example),
        "Repair the cases, or check the layout.");
  }
  if (auto split = split_by_patient(dataset, options); !split) return pass(std::move(split));
  return dataset;
}

Result<LoadedCase> load_case(const Case& of, const LabelMap& labels, const ReadLimits& limits) {
  auto image = read_frame(of.image, of.frame, limits);
  if (!image) return pass(std::move(image));
  // A 3-D mask of a 4-D series labels the frame that the case names.
  const auto info = read_info(of.mask, limits);
  if (!info) return pass(info);
  auto mask = read_mask_frame(of.mask, info->frames == 1 ? 0 : of.frame, limits);
  if (!mask) return pass(std::move(mask));
  if (auto same = same_space(image->geometry, mask->geometry); !same) return pass(std::move(same));
  if (auto mapped = labels.apply(*mask); !mapped) return pass(std::move(mapped));
  return LoadedCase{std::move(*image), std::move(*mask)};
}

}  // namespace cloister::imaging
