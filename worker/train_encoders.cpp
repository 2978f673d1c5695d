#include "networks/encoders.h"
#include "networks/score.h"
#include "networks/views.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using imaging::Split;
using nlohmann::json;

struct TrainingInputs {
  SiteMap map;
  SiteSlices training;
  networks::Budget budget;
  BytesView seed;
};

Result<TrainingInputs> training_inputs(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  auto budget = budget_of(plan->get());
  if (!budget) return pass(std::move(budget));
  const auto seed = context.input("seed");
  if (!seed) return pass(seed);
  auto map = site_map_of(context);
  if (!map) return pass(std::move(map));
  auto slices = load_slices(context, *map, map->of(Split::train));
  if (!slices) return pass(std::move(slices));
  return TrainingInputs{std::move(*map), std::move(*slices), std::move(*budget), *seed};
}

json by_structure(const std::vector<std::string>& structures, const std::vector<double>& values) {
  json named = json::object();
  for (std::size_t k = 0; k < structures.size() && k < values.size(); ++k) {
    named[structures[k]] = values[k];
  }
  return named;
}

// Dice of masks against themselves through encoder and decoder, on patients that neither saw.
Result<std::vector<double>> held_out_ceiling(JobContext& context,
                                             const networks::TrainedMaskEncoder& trained,
                                             const SiteSlices& held_out) {
  const auto encoder = networks::Encoder::load(trained.encoder, context.compute());
  if (!encoder) return pass(encoder);
  const auto decoder = networks::Decoder::load(trained.decoder, context.compute());
  if (!decoder) return pass(decoder);
  const auto codes = encoder->encode(held_out.slices);
  if (!codes) return pass(codes);
  const auto probabilities = decoder->decode(*codes);
  if (!probabilities) return pass(probabilities);
  const auto predicted = networks::most_probable(*probabilities);
  const auto structures = static_cast<int>(context.plan()->get().structures.size());
  return networks::dice_by_structure(
      {predicted, held_out.slices.labels, held_out.slices.volume, held_out.slices.pixels()},
      structures);
}

}  // namespace

Result<json> train_image_encoder(JobContext& context) {
  const auto inputs = training_inputs(context);
  if (!inputs) return pass(inputs);
  const auto trained = networks::train_image_encoder(
      inputs->training.slices, inputs->budget.image, inputs->seed,
      context.training("training the image encoder", inputs->budget.image.recipe.steps));
  if (!trained) return pass(trained);
  context.artifact("image-encoder", trained->encoder);
  context.artifact("image-decoder", trained->decoder);
  return json{{"unexplained", trained->unexplained},
              {"final_loss", trained->final_loss},
              {"steps", inputs->budget.image.recipe.steps},
              {"patients", inputs->training.patients},
              {"slices", inputs->training.slices.size()}};
}

Result<json> train_mask_encoder(JobContext& context) {
  const auto inputs = training_inputs(context);
  if (!inputs) return pass(inputs);
  const auto& structures = context.plan()->get().structures;
  const auto trained = networks::train_mask_encoder(
      inputs->training.slices, inputs->budget.mask, inputs->seed,
      context.training("training the mask encoder", inputs->budget.mask.recipe.steps));
  if (!trained) return pass(trained);
  json result{{"ceiling_training", by_structure(structures, trained->ceiling)},
              {"attempts", trained->attempts},
              {"final_loss", trained->final_loss},
              {"steps", inputs->budget.mask.recipe.steps},
              {"patients", inputs->training.patients},
              {"slices", inputs->training.slices.size()}};
  const auto tuning = inputs->map.of(Split::tune);
  result["ceiling"] = result["ceiling_training"];
  result["ceiling_patients"] = "training";
  if (!tuning.empty()) {
    const auto held_out = load_slices(context, inputs->map, tuning);
    if (!held_out) return pass(held_out);
    const auto ceiling = held_out_ceiling(context, *trained, *held_out);
    if (!ceiling) return pass(ceiling);
    result["ceiling"] = by_structure(structures, *ceiling);
    result["ceiling_patients"] = "tuning";
  }
  result["dropped"] = json::array();
  for (const int structure : trained->dropped) {
    const std::string& name = structures.at(static_cast<std::size_t>(structure) - 1);
    result["dropped"].push_back(name);
    context.warn("encoder.structure_dropped",
                 "The mask encoder does not keep the structure " + name + " well enough.");
  }
  context.artifact("mask-encoder", trained->encoder);
  context.artifact("mask-decoder", trained->decoder);
  return result;
}

}  // namespace cloister::worker
