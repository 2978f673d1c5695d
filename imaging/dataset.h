// What lies in a site's data folder. Two layouts are recognised:
//
//   nnU-Net raw     dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz, imagesTs,
//   labelsTs M&Ms challenge  a CSV with "External code", "ED", "ES" (frames counted from 0) and 4-D
//   files
//                   CODE_sa.nii.gz, CODE_sa_gt.nii.gz anywhere below the folder
//
// A case is one volume. nnU-Net case names are read as PATIENT_ED, PATIENT_ES or PATIENT_<frame>;
// any other name is a patient of its own without a phase. Of a patient's two frames the one with
// the larger LV in its mask is ED (frame order does not tell: in ACDC a few patients start at
// systole); without masks the earlier frame is.
//
// One bad case never fails a site: it is excluded with a code and a reason. Splits go by patient
// and depend on names and seed only: test = imagesTs or M&Ms Testing; tuning = patients held out
// from training (M&Ms: Validation where present); where no test folder exists, a share of the
// patients is held out for it as well.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "imaging/labels.h"
#include "imaging/nifti.h"
#include "imaging/volume.h"

namespace cloister::imaging {

enum class Phase { none, ed, es };
enum class Split { train, tune, test };

[[nodiscard]] std::string_view to_string(Phase phase);  // "none", "ED", "ES"
[[nodiscard]] std::string_view to_string(Split split);  // "train", "tune", "test"
[[nodiscard]] Result<Phase> phase_from(std::string_view text);
[[nodiscard]] Result<Split> split_from(std::string_view text);

struct Case {
  std::string case_id;     // unique in the dataset; site-internal, never leaves the site
  std::string patient_id;  // the same
  Phase phase = Phase::none;
  Split split = Split::train;
  std::filesystem::path image;
  std::filesystem::path mask;
  std::size_t frame = 0;  // of both files; 0 for 3-D
  std::size_t slices = 0;
  Vector3 spacing_mm{1, 1, 1};
  std::vector<std::size_t> structure_voxels;  // one a structure of the plan
  // Of the patient, where the layout's table tells: "vendor", "sex", "pathology". Never leaves.
  std::map<std::string, std::string> attributes;
};

struct ExcludedCase {
  std::string case_id;
  std::string code;  // "image.size_mismatch", "dataset.mask_missing", "dataset.duplicate_case", ...
  std::string reason;  // a sentence
};

struct Dataset {
  std::string name;
  std::string layout;  // "nnunet-raw" or "mnms"
  LabelMap labels;
  NamedLabels file_labels;  // all of them, also those that the plan does not name
  std::vector<Case> cases;  // sorted by case_id
  std::vector<ExcludedCase> excluded;
  std::vector<std::string> warnings;

  [[nodiscard]] std::vector<Case> of(Split split) const;
  [[nodiscard]] std::size_t patients(Split split) const;
};

struct ScanOptions {
  std::vector<std::string> structures{"LV", "MYO", "RV"};
  std::uint64_t split_seed = 1;
  double tuning_share = 0.2;           // of the training patients, at least one patient
  double test_share = 0.2;             // used only where the layout brings no test patients
  std::string centre;                  // M&Ms: only rows of this Centre; empty = all
  std::vector<std::string> withdrawn;  // case or patient ids, excluded as "dataset.withdrawn"
  std::size_t cases_max = 100'000;
  ReadLimits limits;
};

// Reads every image and mask once, to vouch for them. Errors: dataset.missing,
// dataset.unknown_layout, dataset.bad_description (dataset.json or CSV), dataset.structure_missing,
// dataset.empty (no usable case), dataset.one_patient, dataset.too_many_cases.
[[nodiscard]] Result<Dataset> scan_dataset(const std::filesystem::path& root,
                                           const ScanOptions& options = {});

struct LoadedCase {
  Volume image;
  Mask mask;  // class indices of the plan
};
// Image and mask of one case, checked again (files can change between jobs).
[[nodiscard]] Result<LoadedCase> load_case(const Case& of, const LabelMap& labels,
                                           const ReadLimits& limits = {});

}  // namespace cloister::imaging
