// `cloister predict` of a single image: its codes out, and the reply back onto the image.
#include <cmath>

#include "imaging/metrics.h"
#include "imaging/nifti.h"
#include "imaging/overlay.h"
#include "networks/views.h"
#include "worker/codes.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using nlohmann::json;

struct Asked {
  imaging::Volume volume;
  networks::Budget budget;
  imaging::PreprocessPlan plan;
};

Result<Asked> read_asked(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  auto budget = budget_of(plan->get());
  if (!budget) return pass(std::move(budget));
  const auto path = context.job().text("image");
  if (!path) return pass(path);
  const auto frame = context.job().whole("frame", 0);
  if (!frame) return pass(frame);
  if (path->empty() || *frame < 0) {
    return tl::unexpected<Error>(bad_job("'image' or 'frame' is missing or wrong"));
  }
  auto volume = imaging::read_frame(*path, static_cast<std::size_t>(*frame));
  if (!volume) return pass(std::move(volume));
  for (const std::string& warning : volume->warnings) context.warn("image.warning", warning);
  return Asked{std::move(*volume), std::move(*budget), preprocess_plan(plan->get())};
}

// How far these codes are from those the encoder was trained on (standardised: mean 0, deviation
// 1). An image of another kind shows here before anything leaves.
json range_of(const networks::FloatTensor& codes) {
  double sum = 0;
  std::size_t beyond = 0;
  for (const float value : codes.data) {
    sum += std::abs(value);
    beyond += std::abs(value) > 4.0F ? 1 : 0;
  }
  const auto n = static_cast<double>(codes.data.size());
  return {{"mean_abs", sum / n}, {"beyond_4", static_cast<double>(beyond) / n}};
}

// The files' own label values, where the job names them; else class k is value k.
Result<std::vector<std::uint8_t>> label_values(const JobContext& context,
                                               const std::vector<std::string>& structures) {
  std::vector<std::uint8_t> values{0};
  for (std::size_t k = 0; k < structures.size(); ++k) {
    values.push_back(static_cast<std::uint8_t>(k + 1));
  }
  const json& given = context.job().parameters.value("label_values", json::object());
  for (std::size_t k = 0; given.is_object() && k < structures.size(); ++k) {
    const auto found = given.find(structures[k]);
    if (found == given.end()) continue;
    if (!found->is_number_integer() || *found < 1 || *found > 255) {
      return tl::unexpected<Error>(bad_job("'label_values' holds something else than 1 to 255"));
    }
    values[k + 1] = found->get<std::uint8_t>();
  }
  return values;
}

// What came back, half and half with what the site's own encoder segments.
Result<networks::FloatTensor> with_own(JobContext& context, const Asked& asked,
                                       networks::FloatTensor maps) {
  const auto encoder = context.encoder("image-encoder");
  if (!encoder) return pass(encoder);
  auto stack = imaging::to_slices(asked.volume, asked.plan);
  if (!stack) return pass(std::move(stack));
  if (stack->count != static_cast<std::size_t>(maps.shape[0])) {
    return fail(Kind::conflict, "codes.count", "The image has changed since it was encoded.",
                "Ask for the prediction again.");
  }
  const auto own =
      segment_with_views(encoder->get(), slices_of(std::move(*stack)), asked.budget.test_views);
  if (!own) return own;
  return half_and_half(std::move(maps), *own);
}

}  // namespace

Result<json> encode_volume(JobContext& context) {
  const auto asked = read_asked(context);
  if (!asked) return pass(asked);
  const auto encoder = context.encoder("image-encoder");
  if (!encoder) return pass(encoder);
  auto stack = imaging::to_slices(asked->volume, asked->plan);
  if (!stack) return pass(std::move(stack));
  const std::size_t count = stack->count;
  const auto slices = slices_of(std::move(*stack));
  const auto codes = encode_with_views(encoder->get(), slices, asked->budget.test_views);
  if (!codes) return pass(codes);
  const auto request = networks::write_codes(*codes);
  if (!request) return pass(request);
  context.artifact("request", *request);
  return json{
      {"slices", count},
      {"views", codes->shape[0] / static_cast<std::int64_t>(count)},
      {"grid",
       {{"channels", codes->shape[1]}, {"height", codes->shape[2]}, {"width", codes->shape[3]}}},
      {"range", range_of(*codes)},
      {"spacing_mm", asked->volume.geometry.spacing_mm}};
}

Result<json> decode_volume(JobContext& context) {
  const auto asked = read_asked(context);
  if (!asked) return pass(asked);
  const auto& structures = context.plan()->get().structures;
  const auto values = label_values(context, structures);
  if (!values) return pass(values);
  const auto decoder = context.decoder("mask-decoder");
  if (!decoder) return pass(decoder);
  const auto reply = context.input("reply");
  if (!reply) return pass(reply);
  const auto codes = networks::read_codes(*reply);
  if (!codes) return pass(codes);
  auto maps = decode_views(decoder->get(), *codes, asked->budget.test_views);
  if (maps && context.plan()->get().parts.own_segmentation) {
    maps = with_own(context, *asked, std::move(*maps));
  }
  if (!maps) return pass(std::move(maps));
  const imaging::ProbabilityStack stack{
      static_cast<std::size_t>(maps->shape[0]), static_cast<std::size_t>(maps->shape[1]),
      static_cast<std::size_t>(maps->shape[2]), static_cast<std::size_t>(maps->shape[3]),
      std::move(maps->data)};
  const auto raw = imaging::to_mask(stack, asked->volume.geometry, asked->plan);
  if (!raw) return pass(raw);
  auto mask = context.plan()->get().parts.largest_component
                  ? imaging::keep_largest_components(*raw, structures.size())
                  : raw;
  if (!mask) return pass(std::move(mask));
  json found = json::object();
  for (std::size_t k = 0; k < structures.size(); ++k) {
    const auto count = std::count(mask->labels.begin(), mask->labels.end(), k + 1);
    found[structures[k]] = {{"ml", static_cast<double>(count) * mask->geometry.voxel_volume_ml()}};
  }
  imaging::OverlayOptions options;
  options.slice = imaging::busiest_slice(*mask);
  const auto png = imaging::render_overlay(asked->volume, *mask, options);
  if (!png) return pass(png);
  for (std::uint8_t& label : mask->labels) label = (*values)[label];
  const auto bytes = imaging::mask_to_nifti(*mask);
  if (!bytes) return pass(bytes);
  context.artifact("prediction.nii.gz", *bytes);
  context.artifact("overlay.png", *png);
  return json{
      {"structures", found}, {"bytes", bytes->size()}, {"warnings", asked->volume.warnings}};
}

}  // namespace cloister::worker
