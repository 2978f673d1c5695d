#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "imaging/nifti.h"
#include "imaging/overlay.h"
#include "networks/score.h"
#include "networks/views.h"
#include "worker/codes.h"
#include "worker/evaluation.h"
#include "worker/kinds.h"
#include "worker/membership.h"
#include "worker/study_options.h"
#include "worker/temperature.h"

namespace cloister::worker {
namespace {

using nlohmann::json;

struct Tools {
  const SiteMap& map;
  const imaging::LabelMap& labels;
  imaging::PreprocessPlan plan;
  const networks::Decoder& decoder;
  int views = 1;
  bool write_predictions = true;
  bool largest_component = true;
  const networks::Encoder* own = nullptr;  // whose segmentation counts half
};

using Told = std::function<void(const networks::FloatTensor& probabilities)>;

tl::unexpected<Error> changed_case() {
  return fail(Kind::conflict, "codes.count", "A case has changed since it was encoded.",
              "Register and encode the data again.");
}

// Dice by structure of what the network says without the site's own segmentation, on the slices
// that it saw: whether it adds anything would else be hidden behind the half that is the site's.
class NetworkAlone {
 public:
  void add(const networks::FloatTensor& probabilities, const imaging::LabelStack& truth) {
    if (truth.count != static_cast<std::size_t>(probabilities.shape[0])) return;
    const auto labels = networks::most_probable(probabilities);
    predicted_.insert(predicted_.end(), labels.begin(), labels.end());
    truth_.insert(truth_.end(), truth.labels.begin(), truth.labels.end());
    volume_.insert(volume_.end(), truth.count, volumes_++);
    pixels_ = truth.height * truth.width;
  }
  // null where nothing was added
  [[nodiscard]] json dice(const std::vector<std::string>& structures) const {
    if (predicted_.empty()) return nullptr;
    const auto dice = networks::dice_by_structure({predicted_, truth_, volume_, pixels_},
                                                  static_cast<int>(structures.size()));
    json named = json::object();
    for (std::size_t k = 0; k < structures.size(); ++k) named[structures[k]] = dice[k];
    return named;
  }

 private:
  std::vector<std::uint8_t> predicted_, truth_;
  std::vector<std::int64_t> volume_;
  std::int64_t volumes_ = 0;
  std::size_t pixels_ = 0;
};

// What the site would say of a case whose codes came back; `alone`, if given, is told what the
// network says of it by itself.
Result<networks::FloatTensor> probabilities_of(const Tools& tools, const ReplyCase& reply,
                                               const imaging::LoadedCase& loaded,
                                               const Told& alone = {}) {
  auto decoded = decode_views(tools.decoder, reply.codes, tools.views);
  if (!decoded || tools.own == nullptr) return decoded;
  if (alone) alone(*decoded);
  auto stack = imaging::to_slices(loaded.image, tools.plan);
  if (!stack) return pass(std::move(stack));
  if (stack->count != static_cast<std::size_t>(decoded->shape[0])) return changed_case();
  const auto own = segment_with_views(*tools.own, slices_of(std::move(*stack)), tools.views);
  if (!own) return own;
  return half_and_half(std::move(*decoded), *own);
}

// What the overlays need of a case besides its score.
struct Drawn {
  double mean_dsc = 0;
  std::string case_id;
  Bytes png;
};

class Evaluator {
 public:
  Evaluator(JobContext& context, const Tools& tools)
      : context_(context), tools_(tools), evaluation_(tools.labels.structures()) {}

  Result<void> add(const ReplyCase& reply) {
    const auto loaded = imaging::load_case(reply.numbered.of, tools_.labels);
    if (!loaded) {
      context_.warn(loaded.error().code,
                    "A case cannot be read any more and is left out: " + loaded.error().what);
      return {};
    }
    const auto truth = imaging::to_slices(loaded->mask, tools_.plan);
    if (!truth) return pass(truth);
    const auto probabilities = probabilities_of(
        tools_, reply, *loaded,
        [&](const networks::FloatTensor& network) { alone_.add(network, *truth); });
    if (!probabilities) return pass(probabilities);
    if (truth->count != static_cast<std::size_t>(probabilities->shape[0])) {
      return changed_case();
    }
    calibrate(evaluation_.calibration(), *probabilities, *truth, temperature_);
    calibrate(uncalibrated_, *probabilities, *truth, 1);
    const imaging::ProbabilityStack stack{truth->count,
                                          static_cast<std::size_t>(probabilities->shape[1]),
                                          truth->height, truth->width, probabilities->data};
    const auto raw = imaging::to_mask(stack, loaded->image.geometry, tools_.plan);
    if (!raw) return pass(raw);
    if (!tools_.largest_component) return score(reply.numbered, *loaded, *raw);
    const auto mask = imaging::keep_largest_components(*raw, tools_.labels.structures().size());
    if (!mask) return pass(mask);
    return score(reply.numbered, *loaded, *mask);
  }

  // Before the first `add`: probabilities are judged at this temperature.
  void set_temperature(double temperature) { temperature_ = temperature; }

  [[nodiscard]] json finish(const std::string& label, const json& ceiling, const json& membership) {
    json result = evaluation_.aggregates();
    result["label"] = label;
    result["calibration"]["temperature"] = temperature_;
    result["calibration"]["ece_uncalibrated"] = uncalibrated_.expected_error();
    if (!membership.empty()) result["membership"] = membership;
    if (!ceiling.is_null()) result["ceiling"] = ceiling;
    const json alone = alone_.dice(tools_.labels.structures());
    if (!alone.is_null()) result["network_alone"] = alone;
    json report = result;
    report["cases"] = evaluation_.case_list();
    report["overlays"] = json::array();
    std::sort(drawn_.begin(), drawn_.end(),
              [](const Drawn& a, const Drawn& b) { return a.mean_dsc > b.mean_dsc; });
    const std::size_t last = drawn_.empty() ? 0 : drawn_.size() - 1;
    const std::array<std::pair<const char*, std::size_t>, 3> shown{
        {{"best", 0}, {"median", last / 2}, {"worst", last}}};
    for (const auto& [name, at] : shown) {
      if (drawn_.empty()) break;
      const std::string artifact = fmt::format("overlays/{}.png", name);
      context_.artifact(artifact, drawn_[at].png);
      report["overlays"].push_back(
          {{"name", artifact}, {"case", drawn_[at].case_id}, {"mean_dsc", drawn_[at].mean_dsc}});
    }
    context_.document("site-report", report);
    return result;
  }

  [[nodiscard]] bool empty() const { return evaluation_.cases().empty(); }

 private:
  Result<void> score(const NumberedCase& numbered, const imaging::LoadedCase& loaded,
                     const imaging::Mask& mask) {
    auto scores = imaging::score_structures(mask, loaded.mask, tools_.labels.structures().size());
    if (!scores) return pass(std::move(scores));
    ScoredCase scored{numbered, std::move(*scores), {}};
    if (tools_.write_predictions) {
      imaging::Mask written = mask;
      tools_.labels.restore(written);
      const auto bytes = imaging::mask_to_nifti(written);
      if (!bytes) return pass(bytes);
      const int part = parts_[numbered.number]++;
      scored.prediction =
          fmt::format("predictions/{}-{}.nii.gz", shard_name(numbered.number), part);
      context_.artifact(scored.prediction, *bytes);
    }
    imaging::OverlayOptions options;
    options.slice = imaging::busiest_slice(loaded.mask);
    auto png = imaging::render_overlay(loaded.image, loaded.mask, mask, options);
    if (!png) return pass(std::move(png));
    drawn_.push_back({scored.mean_dsc(), numbered.of.case_id, std::move(*png)});
    evaluation_.add(std::move(scored));
    return {};
  }

  JobContext& context_;
  Tools tools_;
  Evaluation evaluation_;
  double temperature_ = 1;
  imaging::Calibration uncalibrated_;
  NetworkAlone alone_;
  std::map<int, int> parts_;
  std::vector<Drawn> drawn_;
};

// What the mask encoder and this decoder could reach at best on the same patients; null without
// the encoder.
Result<json> ceiling_of(JobContext& context, const SiteMap& map, const networks::Decoder& decoder) {
  if (!context.has_input("mask-encoder")) return json(nullptr);
  const auto encoder = context.encoder("mask-encoder");
  if (!encoder) return pass(encoder);
  const auto slices = load_slices(context, map, map.of(imaging::Split::test));
  if (!slices) return pass(slices);
  const auto codes = encoder->get().encode(slices->slices);
  if (!codes) return pass(codes);
  const auto probabilities = decoder.decode(*codes);
  if (!probabilities) return pass(probabilities);
  const auto predicted = networks::most_probable(*probabilities);
  const auto& structures = context.plan()->get().structures;
  const auto dice = networks::dice_by_structure(
      {predicted, slices->slices.labels, slices->slices.volume, slices->slices.pixels()},
      static_cast<int>(structures.size()));
  json named = json::object();
  for (std::size_t k = 0; k < structures.size(); ++k) named[structures[k]] = dice[k];
  return named;
}

// From the tuning patients' replies; 1 where the plan wants none or there are none.
Result<double> fitted_temperature(JobContext& context, const Tools& tools) {
  if (!context.plan()->get().parts.temperature) return 1.0;
  TemperatureFit fit;
  const auto add = [&](const ReplyCase& reply) -> Result<void> {
    const auto loaded = imaging::load_case(reply.numbered.of, tools.labels);
    if (!loaded) return {};  // told of where the case is judged
    const auto probabilities = probabilities_of(tools, reply, *loaded);
    if (!probabilities) return pass(probabilities);
    const auto truth = imaging::to_slices(loaded->mask, tools.plan);
    if (!truth) return pass(truth);
    if (truth->count == static_cast<std::size_t>(probabilities->shape[0])) {
      fit.add(*probabilities, *truth);
    }
    return {};
  };
  const auto read = for_each_reply(context, tools.map, "tuning", add);
  if (!read && read.error().code != "predict.no_replies") return pass(read);
  return fit.temperature();
}

}  // namespace

Result<json> evaluate(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  const auto map = site_map_of(context);
  if (!map) return pass(map);
  const auto labels = label_map_of(context, *map);
  if (!labels) return pass(labels);
  const auto decoder = context.decoder("mask-decoder");
  if (!decoder) return pass(decoder);
  const auto write = context.job().truth("predictions", true);
  if (!write) return pass(write);
  const auto label = context.job().text("label", plan->get().preset);
  if (!label) return pass(label);
  Tools tools{*map,
              *labels,
              preprocess_plan(plan->get()),
              decoder->get(),
              budget->test_views,
              *write,
              plan->get().parts.largest_component};
  if (plan->get().parts.own_segmentation) {
    const auto encoder = context.encoder("image-encoder");
    if (!encoder) return pass(encoder);
    tools.own = &encoder->get();
  }
  const auto temperature = fitted_temperature(context, tools);
  if (!temperature) return pass(temperature);
  Evaluator evaluator(context, tools);
  evaluator.set_temperature(*temperature);
  const std::uint64_t total = map->of(imaging::Split::test).size();
  std::uint64_t done = 0;
  const auto add = [&](const ReplyCase& reply) {
    context.progress("evaluating", {++done, total});
    return evaluator.add(reply);
  };
  if (auto read = for_each_reply(context, *map, "evaluation", add); !read) {
    return pass(std::move(read));
  }
  if (evaluator.empty()) {
    return fail(Kind::invalid, "dataset.empty", "None of the evaluation cases can be read.",
                "Check that the data folder is where it was.");
  }
  const auto ceiling = ceiling_of(context, *map, decoder->get());
  if (!ceiling) return pass(ceiling);
  const auto membership = membership_of(context, *map);
  if (!membership) return pass(membership);
  return evaluator.finish(*label, *ceiling, *membership);
}

}  // namespace cloister::worker
