// Membership inference on the pooled network, before it is released: does it predict patients that
// it was trained on so much better that their membership shows (attacker A1)?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "privacy/gate.h"

namespace cloister::privacy {

// The network's loss on one slice: mean squared error of the predicted mask code.
struct SliceLoss {
  double loss = 0;
  std::int64_t patient = 0;
};

// The loss-threshold attack (Yeom et al., CSF 2018) on patients: whose mean loss is low was in the
// training. Two indicators, "membership-auc" and "membership-tpr" (share of members found while one
// in a hundred others is accused by mistake; slices, since a site has few patients).
[[nodiscard]] std::vector<Indicator> membership(std::span<const SliceLoss> members,
                                                std::span<const SliceLoss> others,
                                                std::span<const GateThreshold> thresholds);

}  // namespace cloister::privacy
