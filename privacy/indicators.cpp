#include "privacy/indicators.h"

#include <algorithm>
#include <cmath>

namespace cloister::privacy {
namespace {

void describe_gallery(Indicator& made, const Gallery& gallery) {
  made.samples = gallery.size();
  made.patients = gallery.patients();
  made.gallery =
      fmt::format("{} slices of {} held-out patients", gallery.size(), gallery.patients());
  warn_if_few(made);
}

std::vector<double> similarities(const Attempt& attack, const Gallery& gallery) {
  const auto crops = crops_of(attack.images, gallery);
  std::vector<double> values;
  for (std::size_t i = 0; i < crops.size(); ++i) {
    values.push_back(structural_similarity(crops[i], gallery.images[i], gallery.width));
  }
  return values;
}

const Attempt& strongest_of(const std::vector<Attempt>& attacks) {
  return *std::max_element(attacks.begin(), attacks.end(), [](const Attempt& a, const Attempt& b) {
    return a.found.hits < b.found.hits;
  });
}

}  // namespace

Attempt attempt(std::string name, std::string attacker, networks::FloatTensor images,
                const Gallery& gallery) {
  Attempt made{std::move(name), std::move(attacker), {}, std::move(images)};
  made.found = re_identify(crops_of(made.images, gallery), gallery);
  return made;
}

Indicator make_indicator(std::span<const GateThreshold> thresholds, std::string_view name,
                         double value, const Interval& interval) {
  GateThreshold threshold{std::string(name), 0, 0, false};
  for (const GateThreshold& one : thresholds) {
    if (one.indicator == name) threshold = one;
  }
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

void warn_if_few(Indicator& made) {
  if (made.patients >= patients_to_pass) return;
  if (made.verdict == Verdict::pass) made.verdict = Verdict::warn;
  made.plain += fmt::format(" Only {} patients stand behind this: too few to pass.", made.patients);
}

LeakScale leak_scale(const Attempt& own, const Gallery& gallery) {
  LeakScale scale;
  scale.own = similarities(own, gallery);
  std::vector<float> mean(gallery.images.front().size(), 0.0F);
  for (const auto& image : gallery.images) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += image[i] / static_cast<float>(gallery.size());
    }
  }
  for (const auto& image : gallery.images) {
    scale.nothing.push_back(structural_similarity(mean, image, gallery.width));
  }
  return scale;
}

Leak leak_of(const Attempt& attack, const LeakScale& scale, const Gallery& gallery,
             std::uint64_t seed) {
  const auto reached = similarities(attack, gallery);
  const auto leak = [&](std::span<const std::size_t> rows) {
    double over = 0;
    double span = 0;
    for (const std::size_t row : rows) {
      over += reached[row] - scale.nothing[row];
      span += scale.own[row] - scale.nothing[row];
    }
    return std::clamp(over / std::max(1e-3 * static_cast<double>(rows.size()), span), 0.0, 1.0);
  };
  std::vector<std::size_t> all(reached.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return {leak(all), cluster_interval(gallery.patient, leak, {0, 1}, seed)};
}

Indicator re_identification_indicator(const Judging& judging, const std::vector<Attempt>& attacks) {
  const Attempt& strongest = strongest_of(attacks);
  Indicator made = make_indicator(judging.input.thresholds, "re-identification",
                                  strongest.found.top1(), strongest.found.interval());
  made.attacker = strongest.attacker;
  made.chance = strongest.found.chance();
  made.plain = fmt::format(
      "The strongest of the attacks here ({}) lets somebody with the original images pick out the "
      "right one for {:.1f} % of the codes; guessing would reach {:.1f} %.",
      strongest.name, 100 * strongest.found.top1(), 100 * strongest.found.chance());
  describe_gallery(made, judging.gallery);
  return made;
}

Indicator correlation_indicator(const Judging& judging, const ChannelCorrelation& found) {
  Indicator made = make_indicator(judging.input.thresholds, "channel-correlation", found.largest,
                                  correlation_interval(found.largest, judging.gallery.size()));
  made.attacker = "A0";
  made.plain = fmt::format(
      "Somebody who sees only the codes looks at each of their channels as a small picture. The "
      "most telling one (number {}) correlates with the coarse image to {:.2f}.",
      found.channel, found.largest);
  describe_gallery(made, judging.gallery);
  return made;
}

Indicator surrogate_indicator(const Judging& judging, const std::vector<Attempt>& surrogates) {
  Leak worst;
  const Attempt* by = &surrogates.front();
  for (const Attempt& one : surrogates) {
    const Leak leak = leak_of(one, judging.scale, judging.gallery, judging.input.seed);
    if (leak.value < worst.value) continue;
    worst = leak;
    by = &one;
  }
  const auto& most = strongest_of(surrogates);
  Indicator made =
      make_indicator(judging.input.thresholds, "surrogate-decoder", worst.value, worst.interval);
  made.attacker = "A1";
  made.plain = fmt::format(
      "The trainer, or whoever has the codes, makes an encoder of its own whose codes are "
      "distributed like these, from other images, and decodes with that ({}): {:.0f} % of the way "
      "from knowing nothing to this site's own decoder; {:.1f} % of slices recognised by the "
      "better of two such attacks.",
      by->name, 100 * worst.value, 100 * most.found.top1());
  describe_gallery(made, judging.gallery);
  return made;
}

Indicator known_plaintext_indicator(const Judging& judging,
                                    const std::vector<KnownPlaintext>& found) {
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
    tried += fmt::format("{}{} pairs {:.0f} % ({})", tried.empty() ? "" : ", ", one.pairs,
                         100 * one.found.top1(), one.how);
  }
  Indicator made = make_indicator(judging.input.thresholds, "known-plaintext-pairs", smallest,
                                  {std::min(smallest, surest), smallest});
  made.attacker = "A2";
  made.plain = fmt::format(
      "Somebody who got hold of a few images together with their codes learns to undo the "
      "encoding. Recognised held-out slices, by the best of three ways: {}.",
      tried);
  describe_gallery(made, judging.gallery);
  return made;
}

Indicator foreign_indicator(const Judging& judging, const Attempt& foreign) {
  const Leak leak = leak_of(foreign, judging.scale, judging.gallery, judging.input.seed);
  Indicator made =
      make_indicator(judging.input.thresholds, "foreign-decoder", leak.value, leak.interval);
  made.attacker = "A3";
  made.plain = fmt::format(
      "Another member of the consortium applies its own decoder to this site's codes: {:.0f} % of "
      "the way from knowing nothing to this site's own decoder, {:.1f} % of slices recognised.",
      100 * leak.value, 100 * foreign.found.top1());
  describe_gallery(made, judging.gallery);
  return made;
}

Indicator mask_leakage_indicator(const Judging& judging, const MaskLeakage& found) {
  Indicator made =
      make_indicator(judging.input.thresholds, "mask-leakage", found.value, found.interval);
  made.attacker = "A1, A3";
  made.samples = found.volumes;
  made.patients = found.patients;
  made.gallery = fmt::format("{} volumes of {} held-out patients", found.volumes, found.patients);
  made.plain = fmt::format(
      "Somebody with a mask decoder of its own decodes this site's mask codes ({}): overlap with "
      "the true masks {:.2f}, against {:.2f} for one fixed mask that knows no code.",
      found.how, found.decoded, found.constant);
  warn_if_few(made);
  return made;
}

Indicator attribute_indicator(const Judging& judging, const Attribute& attribute,
                              const std::vector<Probe>& found) {
  const Probe best = found.empty() ? Probe{} : found.front();
  const double value = std::max(0.0, best.area - 0.5);
  const Interval interval = found.empty() ? Interval{0, 0.5}
                                          : Interval{std::max(0.0, best.interval.low - 0.5),
                                                     std::max(0.0, best.interval.high - 0.5)};
  Indicator made = make_indicator(judging.input.thresholds, "attribute-probe", value, interval);
  made.name = "attribute-" + attribute.name;
  made.attacker = "A1";
  made.samples = best.positives + best.negatives;
  made.patients = made.samples;
  made.gallery =
      fmt::format("{} held-out patients with it, {} without", best.positives, best.negatives);
  made.plain =
      found.empty()
          ? fmt::format(
                "Whether codes show a patient's {} could not be tried: too few patients of "
                "each kind.",
                attribute.name)
          : fmt::format(
                "A simple classifier reads a patient's {} ({}) from the codes: it orders "
                "{:.0f} % of pairs of patients rightly; guessing 50 %.",
                attribute.name, best.value, 100 * best.area);
  if (attribute.warns_only && made.verdict == Verdict::fail) made.verdict = Verdict::warn;
  warn_if_few(made);
  return made;
}

Indicator ceiling_indicator(const Judging& judging, const VolumeDice& ceiling) {
  std::size_t weakest = 1;
  for (std::size_t k = 1; k <= ceiling.dice.size(); ++k) {
    if (ceiling.mean(k) < ceiling.mean(weakest)) weakest = k;
  }
  const double lowest = ceiling.dice.empty() ? 0 : ceiling.mean(weakest);
  const Interval interval =
      ceiling.dice.empty() ? Interval{0, 1} : ceiling.interval(weakest, judging.input.seed);
  Indicator made = make_indicator(judging.input.thresholds, "mask-ceiling", lowest, interval);
  made.attacker = "none";
  made.plain = fmt::format(
      "Not a leak but a bound on usefulness: no prediction can overlap better than the mask "
      "encoder itself, whose weakest structure reaches a DSC of {:.3f}.",
      lowest);
  made.samples = ceiling.patient.size();
  made.patients = judging.gallery.patients();
  made.gallery = fmt::format("{} volumes of {} held-out patients", made.samples, made.patients);
  warn_if_few(made);
  return made;
}

}  // namespace cloister::privacy
