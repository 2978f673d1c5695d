// From measurements to judged indicators.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/attacks.h"
#include "privacy/gate.h"
#include "privacy/mask_leakage.h"
#include "privacy/probes.h"

namespace cloister::privacy {

// Fewer held-out patients than this tell too little: nothing measured on them passes.
inline constexpr std::size_t patients_to_pass = 5;

// One attack's reconstructions of the gallery's slices and how far they got.
struct Attempt {
  std::string name;
  std::string attacker;
  ReIdentification found;
  networks::FloatTensor images;  // [gallery, 1, H, W]
};
[[nodiscard]] Attempt attempt(std::string name, std::string attacker, networks::FloatTensor images,
                              const Gallery& gallery);

// Judged by the threshold of that name; without one, nothing above zero passes.
[[nodiscard]] Indicator make_indicator(std::span<const GateThreshold> thresholds,
                                       std::string_view name, double value,
                                       const Interval& interval);
// Turns a pass on too few patients into a warning, and says so.
void warn_if_few(Indicator& made);

// How similar a set of reconstructions is to the gallery, between knowing nothing (0) and the
// site's own decoder (1), cut to [0, 1], with a 95 % interval over patients.
struct Leak {
  double value = 0;
  Interval interval;
};
struct LeakScale {
  std::vector<double> nothing, own;  // similarity by slice: of the mean image, of the own decoder
};
[[nodiscard]] LeakScale leak_scale(const Attempt& own, const Gallery& gallery);
[[nodiscard]] Leak leak_of(const Attempt& attack, const LeakScale& scale, const Gallery& gallery,
                           std::uint64_t seed);

// What every indicator needs besides its own measurement.
struct Judging {
  const GateInput& input;
  const Gallery& gallery;
  const LeakScale& scale;
};
[[nodiscard]] Indicator re_identification_indicator(const Judging& judging,
                                                    const std::vector<Attempt>& attacks);
[[nodiscard]] Indicator correlation_indicator(const Judging& judging,
                                              const ChannelCorrelation& found);
[[nodiscard]] Indicator surrogate_indicator(const Judging& judging,
                                            const std::vector<Attempt>& surrogates);
[[nodiscard]] Indicator known_plaintext_indicator(const Judging& judging,
                                                  const std::vector<KnownPlaintext>& found);
[[nodiscard]] Indicator foreign_indicator(const Judging& judging, const Attempt& foreign);
[[nodiscard]] Indicator mask_leakage_indicator(const Judging& judging, const MaskLeakage& found);
[[nodiscard]] Indicator attribute_indicator(const Judging& judging, const Attribute& attribute,
                                            const std::vector<Probe>& found);
[[nodiscard]] Indicator ceiling_indicator(const Judging& judging, const VolumeDice& ceiling);

}  // namespace cloister::privacy
