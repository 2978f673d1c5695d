#include "report/indicator_words.h"

#include <algorithm>
#include <array>

namespace cloister::report {
namespace {

constexpr std::array<IndicatorWords, 9> known{{
    {"re-identification",
     "share of reconstructed images that an attacker matches to the right original",
     "whoever got hold of codes, with the best of the attacks below"},
    {"channel-correlation", "largest correlation of one code channel with the shrunken image",
     "an outsider who has the codes and nothing else"},
    {"surrogate-decoder",
     "how much of the image a decoder recovers that was made from the codes and other people's "
     "images, from 0 (nothing) to 1 (all that the site's own decoder can)",
     "the trainer, curious: it has the codes of all sites and images of its own"},
    {"known-plaintext-pairs",
     "leaked pairs of image and code that an attacker needs before 5 % of the images are matched",
     "someone who got hold of a few original images with their codes"},
    {"foreign-decoder",
     "how much of the image another encoder's decoder recovers, from 0 (nothing) to 1 (all that "
     "the site's own decoder can)",
     "another member of the consortium with an encoder and decoder of its own"},
    {"mask-leakage",
     "how much better than one fixed guess a stranger's decoder draws the masks from their codes",
     "the trainer, or another member of the consortium"},
    {"membership-auc",
     "how well the network's behaviour tells patients it was trained on from others: 0.5 is "
     "guessing, 1 is always right",
     "whoever may use the released network and has a patient's codes"},
    {"membership-tpr",
     "share of the training slices that are found when only one in a hundred others is accused",
     "whoever may use the released network and has a patient's codes"},
    {"mask-ceiling",
     "smallest overlap of a mask with itself after the site's own mask encoder and decoder",
     "nobody: this one measures usefulness, not leakage"},
}};

}  // namespace

IndicatorWords indicator_words(std::string_view name) {
  const auto* found = std::find_if(known.begin(), known.end(),
                                   [&](const IndicatorWords& one) { return one.name == name; });
  if (name.starts_with("attribute-")) {
    return {name, "how far above guessing (0) a classifier reads this attribute from the codes",
            "the trainer, curious about patients"};
  }
  return found == known.end() ? IndicatorWords{name, "", ""} : *found;
}

}  // namespace cloister::report
