// Slices of a dataset through imaging/, for builds that have ITK.
#include <map>

#include "bench/trial_slices.h"
#include "imaging/dataset.h"
#include "imaging/preprocess.h"

namespace cloister {

Result<networks::SliceSet> read_dataset_slices(const std::filesystem::path& folder,
                                               const SliceGrid& grid);

Result<networks::SliceSet> read_dataset_slices(const std::filesystem::path& folder,
                                               const SliceGrid& grid) {
  const auto dataset = imaging::scan_dataset(folder);
  if (!dataset) return pass(dataset);
  imaging::PreprocessPlan plan;
  plan.spacing_mm = grid.spacing_mm;
  plan.width = plan.height = static_cast<std::size_t>(grid.pixels);
  networks::SliceSet slices;
  slices.height = slices.width = grid.pixels;
  std::map<std::string, std::int64_t> patients;
  std::int64_t volume = 0;
  for (const auto& of : dataset->cases) {
    if (of.split == imaging::Split::test) continue;
    const auto loaded = imaging::load_case(of, dataset->labels);
    if (!loaded) return pass(loaded);
    const auto image = imaging::to_slices(loaded->image, plan);
    if (!image) return pass(image);
    const auto mask = imaging::to_slices(loaded->mask, plan);
    if (!mask) return pass(mask);
    slices.images.insert(slices.images.end(), image->values.begin(), image->values.end());
    slices.labels.insert(slices.labels.end(), mask->labels.begin(), mask->labels.end());
    const auto patient =
        patients.emplace(of.patient_id, static_cast<std::int64_t>(patients.size())).first->second;
    slices.volume.insert(slices.volume.end(), image->count, volume++);
    slices.patient.insert(slices.patient.end(), image->count, patient);
  }
  return slices;
}

}  // namespace cloister
