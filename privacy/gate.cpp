#include "privacy/gate.h"

#include <algorithm>

#include "privacy/attacks.h"

namespace cloister::privacy {
namespace {

using networks::FloatTensor;

// One attack's reconstructions of the gallery and how far they got.
struct Attempt {
  std::string name;
  std::string attacker;
  ReIdentification found;
  FloatTensor images;  // of the gallery's slices
};

GateThreshold threshold_for(const GateInput& input, std::string_view name) {
  for (const GateThreshold& threshold : input.thresholds) {
    if (threshold.indicator == name) return threshold;
  }
  return {std::string(name), 0, 0, false};  // absent from the plan: nothing above zero passes
}

Indicator indicator(const GateInput& input, std::string_view name, double value,
                    Interval interval) {
  const GateThreshold threshold = threshold_for(input, name);
  Indicator made;
  made.name = name;
  made.value = value;
  made.interval = interval;
  made.pass = threshold.pass;
  made.fail = threshold.fail;
  made.higher_is_better = threshold.higher_is_better;
  made.verdict = judge(value, interval, threshold);
  return made;
}

void describe_gallery(Indicator& made, const Gallery& gallery) {
  made.samples = gallery.size();
  made.patients = gallery.patients();
  made.gallery =
      fmt::format("{} slices of {} held-out patients", gallery.size(), gallery.patients());
}

Indicator correlation_indicator(const GateInput& input, const ChannelCorrelation& found,
                                const Gallery& gallery) {
  Indicator made = indicator(input, "channel-correlation", found.largest,
                             correlation_interval(found.largest, gallery.size()));
  made.attacker = "A0";
  made.plain = fmt::format(
      "Somebody who sees only the codes looks at each of their channels as a small picture. The "
      "most "
      "telling one (number {}) correlates with the coarse image to {:.2f}.",
      found.channel, found.largest);
  describe_gallery(made, gallery);
  return made;
}

Indicator known_plaintext_indicator(const GateInput& input,
                                    const std::vector<KnownPlaintext>& found,
                                    const Gallery& gallery) {
  constexpr double recognised = 0.05;
  // Twice the largest number tried stands for "more than that".
  double smallest = found.empty() ? 0 : 2.0 * static_cast<double>(found.back().pairs);
  double surest = smallest;
  std::string tried;
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    if (it->found.top1() > recognised) smallest = static_cast<double>(it->pairs);
    if (it->found.interval().high > recognised) surest = static_cast<double>(it->pairs);
  }
  for (const KnownPlaintext& one : found) {
    tried += fmt::format("{}{} pairs {:.0f} %", tried.empty() ? "" : ", ", one.pairs,
                         100 * one.found.top1());
  }
  Indicator made =
      indicator(input, "known-plaintext-pairs", smallest, {std::min(smallest, surest), smallest});
  made.attacker = "A2";
  made.plain = fmt::format(
      "Somebody who got hold of a few images together with their codes learns to undo the "
      "encoding. "
      "Recognised held-out slices: {}.",
      tried);
  describe_gallery(made, gallery);
  return made;
}

Indicator foreign_indicator(const GateInput& input, const Attempt& foreign, const Attempt& own,
                            const Gallery& gallery) {
  const double mean = mean_image_similarity(gallery);
  const double attack = mean_similarity(crops_of(foreign.images, gallery), gallery);
  const double ceiling = mean_similarity(crops_of(own.images, gallery), gallery);
  const double span = std::max(1e-3, ceiling - mean);
  const double leak = std::clamp((attack - mean) / span, 0.0, 1.0);
  // Similarity has no closed interval; the share of recognised slices bounds how far it may be off.
  const Interval seen = foreign.found.interval();
  Indicator made = indicator(input, "foreign-decoder", leak, {leak, std::max(leak, seen.high)});
  made.attacker = "A3";
  made.chance = 0;
  made.plain = fmt::format(
      "Another member of the consortium applies its own decoder to this site's codes: {:.0f} % of "
      "the way "
      "from knowing nothing to this site's own decoder, {:.1f} % of slices recognised.",
      100 * leak, 100 * foreign.found.top1());
  describe_gallery(made, gallery);
  return made;
}

Indicator re_identification_indicator(const GateInput& input, const Attempt& strongest,
                                      const Gallery& gallery) {
  Indicator made =
      indicator(input, "re-identification", strongest.found.top1(), strongest.found.interval());
  made.attacker = strongest.attacker;
  made.chance = strongest.found.chance();
  made.plain = fmt::format(
      "The strongest of the attacks here ({}) lets somebody with the original images pick out the "
      "right one "
      "for {:.1f} % of the codes; guessing would reach {:.1f} %.",
      strongest.name, 100 * strongest.found.top1(), 100 * strongest.found.chance());
  describe_gallery(made, gallery);
  return made;
}

Indicator ceiling_indicator(const GateInput& input) {
  const double lowest = input.mask_ceilings.empty() ? 0.0
                                                    : *std::min_element(input.mask_ceilings.begin(),
                                                                        input.mask_ceilings.end());
  Indicator made = indicator(input, "mask-ceiling", lowest, {lowest, lowest});
  made.attacker = "none";
  made.plain = fmt::format(
      "Not a leak but a bound on usefulness: no prediction can overlap better than the mask "
      "encoder "
      "itself, whose weakest structure reaches a DSC of {:.3f}.",
      lowest);
  made.samples = input.mask_patients;
  made.patients = input.mask_patients;
  return made;
}

Attempt attempt(std::string name, std::string attacker, FloatTensor images,
                const Gallery& gallery) {
  Attempt made{std::move(name), std::move(attacker), {}, std::move(images)};
  made.found = re_identify(crops_of(made.images, gallery), gallery);
  return made;
}

std::vector<Example> examples_of(const GateInput& input, const Gallery& gallery,
                                 const Attempt& attack, const Attempt& own) {
  constexpr std::size_t wanted = 4;
  std::vector<Example> examples;
  const std::size_t pixels = input.held_out.pixels();
  for (std::size_t i = 0; i < std::min(wanted, gallery.size()); ++i) {
    const std::size_t row = i * gallery.size() / wanted + gallery.size() / (2 * wanted);
    if (row >= gallery.size()) break;
    auto cut = [pixels](const std::vector<float>& from, std::size_t at) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(at * pixels);
      return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(pixels));
    };
    examples.push_back({cut(input.held_out.images, gallery.slice[row]),
                        cut(attack.images.data, row), cut(own.images.data, row)});
  }
  return examples;
}

Result<void> check_input(const GateInput& input, const Gallery& gallery) {
  if (gallery.size() < 2) {
    return fail(Kind::invalid, "privacy.no_gallery",
                "The gate needs at least two held-out slices with content to attack.",
                "Give the site more patients, or hold some out for tuning or evaluation.");
  }
  if (input.codes.shape.size() != 4 ||
      input.codes.shape[0] != static_cast<std::int64_t>(input.held_out.size())) {
    return fail(Kind::invalid, "privacy.shapes",
                "The codes under attack do not belong to the held-out slices.");
  }
  return {};
}

Result<FloatTensor> decoded(const Bytes& network, const FloatTensor& codes,
                            const networks::Job& job) {
  auto decoder = networks::Decoder::load(network, job.compute);
  if (!decoder) return pass(decoder);
  return decoder->decode(codes);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::warn:
      return "warn";
    case Verdict::fail:
      return "fail";
  }
  return "fail";
}

Verdict judge(double value, const Interval& interval, const GateThreshold& threshold) {
  if (threshold.higher_is_better) {
    if (value < threshold.fail) return Verdict::fail;
    return value >= threshold.pass && interval.low >= threshold.fail ? Verdict::pass
                                                                     : Verdict::warn;
  }
  if (value > threshold.fail) return Verdict::fail;
  return value < threshold.pass && interval.high <= threshold.fail ? Verdict::pass : Verdict::warn;
}

Result<GateReport> assess(const GateInput& input, const networks::Job& job) {
  const Gallery gallery = make_gallery(input.held_out);
  if (auto checked = check_input(input, gallery); !checked) return pass(checked);
  auto encoder = networks::Encoder::load(input.image_encoder, job.compute);
  if (!encoder) return pass(encoder);
  auto own_codes = encoder->encode(input.own);
  if (!own_codes) return pass(own_codes);
  auto own_images = decoded(input.image_decoder, rows_at(input.codes, gallery.slice), job);
  if (!own_images) return pass(own_images);
  auto leaked = known_plaintext(input, *own_codes, gallery);
  if (!leaked) return pass(leaked);
  auto foreign_images = foreign_decoder(input, job);
  if (!foreign_images) return pass(foreign_images);

  const ChannelCorrelation channel = channel_correlation(input.held_out, input.codes);
  const Attempt own = attempt("the site's own decoder", "A4", std::move(*own_images), gallery);
  std::vector<Attempt> attacks;
  attacks.push_back(
      attempt("the most telling channel", "A0", rows_at(channel.map, gallery.slice), gallery));
  attacks.push_back(
      attempt("a foreign decoder", "A3", rows_at(*foreign_images, gallery.slice), gallery));
  for (KnownPlaintext& one : *leaked) {
    // More pairs than the plan lets pass are judged by the known-plaintext indicator itself.
    if (one.pairs > 16) continue;
    attacks.push_back({fmt::format("{} leaked pairs", one.pairs), "A2", one.found,
                       std::move(one.reconstructions)});
  }
  const auto strongest = std::max_element(
      attacks.begin(), attacks.end(),
      [](const Attempt& a, const Attempt& b) { return a.found.hits < b.found.hits; });

  GateReport report;
  report.indicators = {re_identification_indicator(input, *strongest, gallery),
                       correlation_indicator(input, channel, gallery),
                       known_plaintext_indicator(input, *leaked, gallery),
                       foreign_indicator(input, attacks[1], own, gallery),
                       ceiling_indicator(input)};
  report.verdict =
      std::max_element(report.indicators.begin(), report.indicators.end(),
                       [](const Indicator& a, const Indicator& b) { return a.verdict < b.verdict; })
          ->verdict;
  report.strongest_attack = strongest->name;
  report.examples = examples_of(input, gallery, *strongest, own);
  report.height = input.held_out.height;
  report.width = input.held_out.width;
  report.own_decoder_top1 = own.found.top1();
  report.seed = input.seed;
  report.attack_steps = input.foreign.recipe.steps;
  return report;
}

}  // namespace cloister::privacy
