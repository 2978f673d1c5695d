#include "privacy/gate.h"

#include <algorithm>

#include "networks/views.h"
#include "privacy/indicators.h"
#include "privacy/matching.h"
#include "privacy/trained_attacks.h"

namespace cloister::privacy {
namespace {

using networks::FloatTensor;

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

bool belong(const FloatTensor& codes, const networks::SliceSet& slices) {
  return codes.shape.size() == 4 && codes.shape[0] == static_cast<std::int64_t>(slices.size());
}

Result<void> check_input(const GateInput& input, const Gallery& gallery) {
  if (gallery.size() < 2) {
    return fail(Kind::invalid, "privacy.no_gallery",
                "The gate needs at least two held-out slices with content to attack.",
                "Give the site more patients, or hold some out for tuning or evaluation.");
  }
  if (!belong(input.codes, input.held_out) || !belong(input.mask_codes, input.held_out)) {
    return fail(Kind::invalid, "privacy.shapes",
                "The codes under attack do not belong to the held-out slices.");
  }
  if (input.held_out.labels.empty() || input.own.labels.empty()) {
    return fail(Kind::invalid, "privacy.no_masks",
                "The gate needs the masks of the slices whose codes it attacks.",
                "Check that every case has its mask.");
  }
  return {};
}

// What all attacks of one gate share.
struct Scene {
  const GateInput& input;
  const Gallery& gallery;
  const networks::Job& job;
  FloatTensor targets;    // codes of the gallery's slices
  FloatTensor own_codes;  // of the other patients, under the site's encoder
  bool repeats = false;   // does encoding the same image again give the same code?
};

Result<Scene> scene_of(const GateInput& input, const Gallery& gallery, const networks::Job& job) {
  const auto encoder = networks::Encoder::load(input.image_encoder, job.compute);
  if (!encoder) return pass(encoder);
  auto own_codes = encoder->encode(input.own);
  if (!own_codes) return pass(own_codes);
  Scene scene{input, gallery, job, rows_at(input.codes, gallery.slice), std::move(*own_codes)};
  const auto first = networks::slices_at(input.held_out, {gallery.slice.front()});
  const auto once = encoder->encode(first);
  if (!once) return pass(once);
  const auto again = encoder->encode(first);
  if (!again) return pass(again);
  scene.repeats = once->data == again->data;
  return scene;
}

// A1: both surrogates; A3: the foreign decoder. With the codes of the other patients under the
// attacker's own encoder, for the affine attack.
struct ImageAttacks {
  AttackerAutoencoder attacker;
  FloatTensor attacker_codes;
  std::vector<Attempt> surrogates;
  Attempt foreign;
};

Result<ImageAttacks> image_attacks(const Scene& scene, Phases& phases) {
  ImageAttacks made;
  auto attacker = attacker_autoencoder(scene.input, phases);
  if (!attacker) return pass(attacker);
  made.attacker = std::move(*attacker);
  const auto encoder = networks::Encoder::load(made.attacker.encoder, scene.job.compute);
  if (!encoder) return pass(encoder);
  auto codes = encoder->encode(scene.input.own);
  if (!codes) return pass(codes);
  made.attacker_codes = std::move(*codes);
  auto foreign = decoded(made.attacker.decoder, scene.targets, scene.job.compute);
  if (!foreign) return pass(foreign);
  made.foreign = attempt("a foreign decoder", "A3", std::move(*foreign), scene.gallery);

  const auto matched = covariance_match(scene.targets, made.attacker_codes);
  if (!matched) return pass(matched);
  auto cheap = decoded(made.attacker.decoder, *matched, scene.job.compute);
  if (!cheap) return pass(cheap);
  made.surrogates.push_back(attempt("codes turned into its own by their covariance", "A1",
                                    std::move(*cheap), scene.gallery));
  const std::int64_t steps = scene.input.foreign.recipe.steps;
  const AttackTraining training{steps, std::max(8, scene.input.foreign.recipe.batch),
                                scene.input.seed};
  const auto packed_images = phases.run("surrogate", steps, [&](const networks::Job& job) {
    return surrogate_attack(scene.input.own, scene.targets, training, job);
  });
  if (!packed_images) return pass(packed_images);
  auto surrogate = unpacked(*packed_images);
  if (!surrogate) return pass(surrogate);
  made.surrogates.push_back(
      attempt("a surrogate trained on other images", "A1", std::move(*surrogate), scene.gallery));
  return made;
}

Result<VolumeDice> mask_dice(const Scene& scene, const Bytes& decoder, const FloatTensor& codes) {
  const auto probabilities = decoded(decoder, codes, scene.job.compute);
  if (!probabilities) return pass(probabilities);
  return volume_dice(networks::most_probable(*probabilities), scene.input.held_out,
                     scene.input.structures);
}

// The better of two: the attacker's mask decoder on the codes as they are, and after matching.
Result<MaskLeakage> mask_attacks(const Scene& scene, Phases& phases) {
  const auto attacker = attacker_mask_autoencoder(scene.input, phases);
  if (!attacker) return pass(attacker);
  const auto encoder = networks::Encoder::load(attacker->encoder, scene.job.compute);
  if (!encoder) return pass(encoder);
  const auto own = encoder->encode(scene.input.own);
  if (!own) return pass(own);
  const auto matched = covariance_match(scene.input.mask_codes, *own);
  if (!matched) return pass(matched);
  const auto constant =
      best_constant_mask(scene.input.own, scene.input.held_out, scene.input.structures);
  MaskLeakage worst;
  for (const auto& [how, codes] :
       {std::pair<const char*, const FloatTensor*>{"as they are", &scene.input.mask_codes},
        {"turned into its own by their covariance", &*matched}}) {
    const auto dice = mask_dice(scene, attacker->decoder, *codes);
    if (!dice) return pass(dice);
    MaskLeakage found = mask_leakage(*dice, constant, scene.input.seed);
    found.how = how;
    if (worst.how.empty() || found.decoded > worst.decoded) worst = std::move(found);
  }
  return worst;
}

std::vector<Indicator> attribute_indicators(const Judging& judging, const Scene& scene) {
  std::vector<Indicator> made;
  for (const Attribute& attribute : scene.input.attributes) {
    made.push_back(attribute_indicator(judging, attribute,
                                       probe(attribute, {scene.own_codes, scene.input.own.patient},
                                             {scene.input.codes, scene.input.held_out.patient})));
  }
  return made;
}

std::vector<std::string> notes_of(const Scene& scene, const Attempt& own) {
  std::vector<std::string> notes;
  notes.push_back(fmt::format(
      "A4, the ceiling, never judged: with this site's own decoder {:.1f} % of the slices are "
      "recognised. Custody of the decoder is the defence.",
      100 * own.found.top1()));
  notes.push_back(
      scene.repeats
          ? "A5: encoding the same image twice gives the same code. Whoever may have images "
            "encoded can tell by equality whether a code belongs to an image that he has. Nobody "
            "outside of the site may."
          : "A5: encoding the same image twice gives two codes, so equality tells nothing.");
  notes.push_back(
      "Other patients of this site stood in for the attacker's public images: an attacker with "
      "less fitting images does worse, one with more images or time may do better.");
  return notes;
}

// Attacks that re-identification is measured over.
std::vector<Attempt> all_attempts(const ChannelCorrelation& channel, ImageAttacks& images,
                                  std::vector<KnownPlaintext>& leaked, const Gallery& gallery) {
  std::vector<Attempt> attacks = images.surrogates;
  attacks.push_back(
      attempt("the most telling channel", "A0", rows_at(channel.map, gallery.slice), gallery));
  attacks.push_back(images.foreign);
  for (KnownPlaintext& one : leaked) {
    // More pairs than the plan lets pass are judged by the known-plaintext indicator itself.
    if (one.pairs > 16) continue;
    attacks.push_back({fmt::format("{} leaked pairs, {}", one.pairs, one.how), "A2", one.found,
                       std::move(one.reconstructions)});
  }
  return attacks;
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

std::int64_t attack_steps_of(const GateInput& input) {
  const std::int64_t steps = input.foreign.recipe.steps;
  return 2 * steps + input.foreign_mask.recipe.steps +
         static_cast<std::int64_t>(pairs_tried(input).size()) *
             std::max<std::int64_t>(1, steps / 2);
}

Result<GateReport> assess(const GateInput& input, const networks::Job& job) {
  const Gallery gallery = make_gallery(input.held_out);
  if (auto checked = check_input(input, gallery); !checked) return pass(checked);
  const auto scene = scene_of(input, gallery, job);
  if (!scene) return pass(scene);
  auto phases = Phases::create(job, attack_steps_of(input));
  if (!phases) return pass(phases);
  auto own_images = decoded(input.image_decoder, scene->targets, job.compute);
  if (!own_images) return pass(own_images);
  const Attempt own = attempt("the site's own decoder", "A4", std::move(*own_images), gallery);
  auto images = image_attacks(*scene, *phases);
  if (!images) return pass(images);
  auto leaked =
      known_plaintext(input, {scene->own_codes, images->attacker_codes, images->attacker.decoder},
                      gallery, *phases, job);
  if (!leaked) return pass(leaked);
  const auto masks = mask_attacks(*scene, *phases);
  if (!masks) return pass(masks);
  const auto ceiling = mask_dice(*scene, input.mask_decoder, input.mask_codes);
  if (!ceiling) return pass(ceiling);

  const LeakScale scale = leak_scale(own, gallery);
  const Judging judging{input, gallery, scale};
  const ChannelCorrelation channel = channel_correlation(input.held_out, input.codes);
  const Indicator pairs = known_plaintext_indicator(judging, *leaked);
  const auto attacks = all_attempts(channel, *images, *leaked, gallery);
  const auto strongest = std::max_element(
      attacks.begin(), attacks.end(),
      [](const Attempt& a, const Attempt& b) { return a.found.hits < b.found.hits; });

  GateReport report;
  report.indicators = {
      re_identification_indicator(judging, attacks),    correlation_indicator(judging, channel),
      surrogate_indicator(judging, images->surrogates), pairs,
      foreign_indicator(judging, images->foreign),      mask_leakage_indicator(judging, *masks)};
  for (Indicator& one : attribute_indicators(judging, *scene)) {
    report.indicators.push_back(std::move(one));
  }
  report.indicators.push_back(ceiling_indicator(judging, *ceiling));
  report.verdict =
      std::max_element(report.indicators.begin(), report.indicators.end(),
                       [](const Indicator& a, const Indicator& b) { return a.verdict < b.verdict; })
          ->verdict;
  report.strongest_attack = strongest->name;
  report.examples = examples_of(input, gallery, *strongest, own);
  report.notes = notes_of(*scene, own);
  report.height = input.held_out.height;
  report.width = input.held_out.width;
  report.own_decoder_top1 = own.found.top1();
  report.seed = input.seed;
  report.attack_steps = input.foreign.recipe.steps;
  return report;
}

}  // namespace cloister::privacy
