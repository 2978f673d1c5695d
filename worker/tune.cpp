#include <set>

#include "networks/encoders.h"
#include "worker/codes.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using nlohmann::json;

// Predicted codes and true labels of the tuning patients, slice by slice.
struct TuningSet {
  networks::FloatTensor predicted;
  networks::SliceSet truth;
  std::set<int> patients;
  std::int64_t volumes = 0;

  void add(const networks::FloatTensor& codes, const networks::SliceSet& slices, int patient) {
    const auto count = static_cast<std::int64_t>(slices.size());
    if (predicted.shape.empty()) {
      predicted.shape = codes.shape;
      predicted.shape[0] = 0;
      truth.height = slices.height;
      truth.width = slices.width;
    }
    predicted.shape[0] += count;
    predicted.data.insert(predicted.data.end(), codes.data.begin(), codes.data.end());
    truth.labels.insert(truth.labels.end(), slices.labels.begin(), slices.labels.end());
    truth.images.insert(truth.images.end(), slices.images.begin(), slices.images.end());
    truth.volume.insert(truth.volume.end(), slices.size(), volumes++);
    truth.patient.insert(truth.patient.end(), slices.size(), patient);
    patients.insert(patient);
  }
};

json by_structure(const std::vector<std::string>& structures, const std::vector<double>& values) {
  json named = json::object();
  for (std::size_t k = 0; k < structures.size() && k < values.size(); ++k) {
    named[structures[k]] = values[k];
  }
  return named;
}

}  // namespace

Result<json> tune_mask_decoder(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  const auto decoder = context.input("mask-decoder");
  if (!decoder) return pass(decoder);
  const auto map = site_map_of(context);
  if (!map) return pass(map);
  TuningSet set;
  const auto collect = [&](ReplyCase reply) -> Result<void> {
    const auto slices = load_slices(context, *map, {reply.numbered});
    if (!slices && slices.error().code == "dataset.empty") return {};  // warned of already
    if (!slices) return pass(slices);
    set.add(first_views(reply.codes, budget->test_views), slices->slices, reply.numbered.number);
    return {};
  };
  if (auto read = for_each_reply(context, *map, "tuning", collect); !read) {
    return pass(std::move(read));
  }
  if (set.patients.empty()) {
    return fail(Kind::invalid, "dataset.empty", "None of the tuning cases can be read.",
                "Check that the data folder is where it was.");
  }
  const auto tuned = networks::tune_mask_decoder(
      *decoder, set.predicted, set.truth, budget->tuning,
      context.training("tuning the mask decoder", budget->tuning.recipe.steps));
  if (!tuned) return pass(tuned);
  context.artifact("mask-decoder", tuned->decoder);
  const auto& structures = plan->get().structures;
  return json{{"dice_before", by_structure(structures, tuned->dice_before)},
              {"dice_after", by_structure(structures, tuned->dice_after)},
              {"patients", set.patients.size()}};
}

}  // namespace cloister::worker
