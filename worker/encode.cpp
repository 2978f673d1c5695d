#include <fmt/format.h>

#include <map>

#include "imaging/overlay.h"
#include "networks/views.h"
#include "worker/codes.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using imaging::Split;
using networks::FloatTensor;
using nlohmann::json;

std::string purpose_of(Split split) {
  return split == Split::train ? "training" : split == Split::tune ? "tuning" : "evaluation";
}

// All cases of one patient.
using Patients = std::map<int, std::vector<NumberedCase>>;

Patients by_patient(const SiteMap& map) {
  Patients patients;
  for (const NumberedCase& numbered : map.cases) patients[numbered.number].push_back(numbered);
  return patients;
}

struct Tools {
  const networks::Encoder& image;
  const networks::Encoder& mask;
  const networks::Budget& budget;
  BytesView seed;
};

struct Encoded {
  Bytes shard;
  std::size_t slices = 0;
  std::size_t views = 1;
  FloatTensor codes;  // of images, for the preview
};

Result<Encoded> encode_training(const Tools& tools, const SiteSlices& patient, int number) {
  Bytes seed(tools.seed.begin(), tools.seed.end());
  append(seed, le64(static_cast<std::uint64_t>(number)));  // views of its own for each patient
  const auto views = networks::draw_views(patient.slices, tools.budget.views, seed);
  if (!views) return pass(views);
  auto images = tools.image.encode(*views);
  if (!images) return pass(std::move(images));
  auto masks = tools.mask.encode(*views);
  if (!masks) return pass(std::move(masks));
  networks::CodePairs pairs{std::move(*images), std::move(*masks), {}, {}};
  const std::size_t count = views->size() / patient.slices.size();
  for (std::size_t i = 0; i < views->size(); ++i) {
    pairs.slice.push_back(static_cast<std::int64_t>(i / count));
    pairs.view.push_back(static_cast<std::int64_t>(i % count));
  }
  auto shard = networks::write_code_shard(pairs);
  if (!shard) return pass(std::move(shard));
  return Encoded{std::move(*shard), patient.slices.size(), count, std::move(pairs.image_codes)};
}

Result<Encoded> encode_held_out(const Tools& tools, const SiteSlices& patient) {
  auto codes = encode_with_views(tools.image, patient.slices, tools.budget.test_views);
  if (!codes) return pass(std::move(codes));
  auto shard = networks::write_codes(*codes);
  if (!shard) return pass(std::move(shard));
  const std::size_t views = static_cast<std::size_t>(codes->shape[0]) / patient.slices.size();
  return Encoded{std::move(*shard), patient.slices.size(), views, std::move(*codes)};
}

// The first channels of one slice's code, as the trainer could look at them.
Result<Bytes> preview(const FloatTensor& codes) {
  imaging::ImageStack stack;
  constexpr std::size_t zoom = 8;
  constexpr std::size_t channels = 12;
  const auto height = static_cast<std::size_t>(codes.shape[2]);
  const auto width = static_cast<std::size_t>(codes.shape[3]);
  const std::size_t middle =
      static_cast<std::size_t>(codes.shape[0]) / 2 * static_cast<std::size_t>(codes.shape[1]);
  stack = {channels, height * zoom, width * zoom, {}};
  for (std::size_t i = 0; i < channels * stack.height * stack.width; ++i) {
    const std::size_t channel = i / (stack.height * stack.width);
    const std::size_t y = i / stack.width % stack.height / zoom;
    const std::size_t x = i % stack.width / zoom;
    stack.values.push_back(codes.data[(middle + channel) * height * width + y * width + x]);
  }
  return imaging::render_strip(stack, channels);
}

class Encoding {
 public:
  Encoding(JobContext& context, const SiteMap& map, const Tools& tools)
      : context_(context), map_(map), tools_(tools) {}

  Result<void> add(int number, const std::vector<NumberedCase>& cases) {
    const auto patient = load_slices(context_, map_, cases);
    if (!patient && patient.error().code == "dataset.empty") return {};  // warned of already
    if (!patient) return pass(patient);
    const Split split = cases.front().of.split;
    const auto encoded = split == Split::train ? encode_training(tools_, *patient, number)
                                               : encode_held_out(tools_, *patient);
    if (!encoded) return pass(encoded);
    const std::string name = "shards/" + shard_name(number) + ".safetensors";
    context_.artifact(name, encoded->shard);
    CodedShard coded{number, purpose_of(split), cases.front().of.patient_id, encoded->views, {}};
    for (const PlacedCase& placed : patient->cases) {
      coded.cases.push_back({placed.numbered.of.case_id, placed.first, placed.slices});
    }
    shards_.push_back({{"number", number},
                       {"purpose", coded.purpose},
                       {"slices", encoded->slices},
                       {"views", encoded->views},
                       {"bytes", encoded->shard.size()}});
    code_map_.push_back(std::move(coded));
    grid_ = {{"channels", encoded->codes.shape[1]},
             {"height", encoded->codes.shape[2]},
             {"width", encoded->codes.shape[3]}};
    if (previewed_) return {};
    const auto picture = preview(encoded->codes);
    if (!picture) return pass(picture);
    context_.artifact("preview.png", *picture);
    previewed_ = true;
    return {};
  }

  // A guided study only: the mask decoder travels beside the shards, as number 0.
  void add_decoder(BytesView decoder) {
    context_.artifact("shards/" + shard_name(0) + ".safetensors", decoder);
    shards_.push_back({{"number", 0},
                       {"purpose", "mask-decoder"},
                       {"slices", 0},
                       {"views", 0},
                       {"bytes", decoder.size()}});
  }

  [[nodiscard]] json finish() {
    context_.document("code-map", to_json(code_map_));
    return {
        {"channels", {{"mean", tools_.image.code_mean()}, {"std", tools_.image.code_deviation()}}},
        {"shards", shards_},
        {"grid", grid_},
        {"dtype", "F16"}};
  }

 private:
  JobContext& context_;
  const SiteMap& map_;
  Tools tools_;
  std::vector<CodedShard> code_map_;
  json shards_ = json::array();
  json grid_;
  bool previewed_ = false;
};

}  // namespace

Result<json> encode(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  const auto seed = context.input("seed");
  if (!seed) return pass(seed);
  const auto map = site_map_of(context);
  if (!map) return pass(map);
  const auto image = context.encoder("image-encoder");
  if (!image) return pass(image);
  const auto mask = context.encoder("mask-encoder");
  if (!mask) return pass(mask);
  Encoding encoding(context, *map, {image->get(), mask->get(), *budget, *seed});
  const Patients patients = by_patient(*map);
  std::uint64_t done = 0;
  for (const auto& [number, cases] : patients) {
    if (auto go_on = context.check_stop(); !go_on) return pass(std::move(go_on));
    if (auto added = encoding.add(number, cases); !added) return pass(std::move(added));
    context.progress("encoding", {++done, patients.size()});
  }
  if (plan->get().mask_decoder_leaves) {
    const auto decoder = context.input("mask-decoder");
    if (!decoder) return pass(decoder);
    encoding.add_decoder(*decoder);
  }
  return encoding.finish();
}

}  // namespace cloister::worker
