#include "report/indicator_words.h"

#include <algorithm>
#include <array>

namespace cloister::report {
namespace {

constexpr std::array<IndicatorWords, 5> known{{
    {"re-identification",
     "share of reconstructed images that an attacker matches to the right original",
     "whoever got hold of codes, with the best of the attacks below"},
    {"channel-correlation", "largest correlation of one code channel with the shrunken image",
     "an outsider who has the codes and nothing else"},
    {"known-plaintext-pairs",
     "leaked pairs of image and code that an attacker needs before 5 % of the images are matched",
     "someone who got hold of a few original images with their codes"},
    {"foreign-decoder",
     "how much of the image another encoder's decoder recovers, from 0 (nothing) to 1 (all that "
     "the site's own decoder can)",
     "another member of the consortium with an encoder and decoder of its own"},
    {"mask-ceiling",
     "smallest overlap of a mask with itself after the site's own mask encoder and decoder",
     "nobody: this one measures usefulness, not leakage"},
}};

}  // namespace

IndicatorWords indicator_words(std::string_view name) {
  const auto* found = std::find_if(known.begin(), known.end(),
                                   [&](const IndicatorWords& one) { return one.name == name; });
  return found == known.end() ? IndicatorWords{name, "", ""} : *found;
}

}  // namespace cloister::report
