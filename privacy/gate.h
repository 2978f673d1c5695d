// The admission gate: attacks exactly the codes that would leave a site and says what they give
// away. Runs at the site, in a worker. Nothing here calls codes anonymous or encrypted.
//
// Thresholds come from the study plan; their defaults are part literature (re-identification: the
// NeuraCrypt challenge's 5 and 20 %), part our own policy (docs/privacy.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "networks/encoders.h"
#include "networks/job.h"
#include "networks/slices.h"
#include "privacy/gallery.h"
#include "privacy/probes.h"

namespace cloister::privacy {

enum class Verdict { pass, warn, fail };
[[nodiscard]] std::string_view to_string(Verdict verdict);

// When an indicator passes, warns or fails. `higher_is_better`: pass is at or above `pass`.
struct GateThreshold {
  std::string indicator;
  double pass = 0;
  double fail = 0;
  bool higher_is_better = false;
};

struct Indicator {
  std::string name;      // "re-identification", "channel-correlation", ...
  std::string attacker;  // "A2", ...
  std::string plain;     // what was tried and found, in words for an ethics board
  double value = 0;
  Interval interval;  // 95 %
  double chance = 0;  // what blind guessing reaches; 0 where it has no meaning
  double pass = 0;
  double fail = 0;
  bool higher_is_better = false;
  Verdict verdict = Verdict::warn;
  std::size_t samples = 0;   // what the interval is made of
  std::size_t patients = 0;  // behind the samples
  std::string gallery;       // "120 slices of 5 patients"
  int attack_version = 2;
};

// Only a value whose whole interval is clear of failing may pass: too few samples warn.
[[nodiscard]] Verdict judge(double value, const Interval& interval, const GateThreshold& threshold);

struct GateInput {
  networks::SliceSet held_out;       // slices whose codes are attacked
  networks::FloatTensor codes;       // [N, C, h, w]: the exact image codes of `held_out`
  networks::FloatTensor mask_codes;  // [N, C, h, w]: the exact mask codes of `held_out`
  networks::SliceSet own;  // other patients of the site: leaked pairs, and public images' stand-in
  Bytes image_encoder;     // encodes the leaked pairs
  Bytes image_decoder;     // ceiling of every attack (A4), never gated
  Bytes mask_decoder;      // for the utility ceiling
  int structures = 3;
  std::vector<Attribute> attributes;  // of all patients, where the site knows any
  std::vector<GateThreshold> thresholds;
  // How the attacker's own autoencoders are trained. `foreign.recipe.steps` is the attack budget S:
  // S steps each for the image and mask autoencoders and the surrogate, S / 2 for each decoder
  // trained on leaked pairs.
  networks::ImageEncoderOptions foreign;
  networks::MaskEncoderOptions foreign_mask;
  std::uint64_t seed = 1;  // of the attacks; published
};
// Steps of all trained attacks together, for progress.
[[nodiscard]] std::int64_t attack_steps_of(const GateInput& input);

// Pictures that stay at the site: an original, what the strongest attack made of it, and what the
// site's own decoder makes of it.
struct Example {
  std::vector<float> original, attack, own_decoder;  // [H, W]
};

struct GateReport {
  std::vector<Indicator> indicators;
  Verdict verdict = Verdict::fail;  // the worst of them
  std::string strongest_attack;
  std::vector<Example> examples;
  std::vector<std::string> notes;  // what no threshold judges, in words: A4, A5
  int height = 0;
  int width = 0;
  double own_decoder_top1 = 0;  // A4, for comparison
  std::uint64_t seed = 0;
  std::int64_t attack_steps = 0;
};

// Errors: Kind::invalid "privacy.*" when there is nothing to attack; those of networks/ otherwise.
// Progress and stopping by `job`; a checkpoint carries what the attacks before it made.
[[nodiscard]] Result<GateReport> assess(const GateInput& input, const networks::Job& job);

}  // namespace cloister::privacy
