// How much work a study spends, as data. A plan names a budget and may override single fields.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "networks/encoders.h"
#include "networks/segmentation.h"
#include "networks/views.h"

namespace cloister::networks {

struct Budget {
  std::string name;         // "quick", "standard", "full"
  int resolution = 192;     // pixels a side of a preprocessed slice; a multiple of 16
  double spacing_mm = 1.5;  // in-plane
  ImageEncoderOptions image;
  MaskEncoderOptions mask;
  ViewOptions views;
  SegmentationOptions segmentation;
  TuningOptions tuning;
  double tuning_patients_percent = 20;  // of the training patients, kept out of the pooled training
  int test_views = 1;
};

enum class Preset { paper, adapted, guided, hardened };
[[nodiscard]] Result<Preset> parse_preset(std::string_view text);

// Known names: quick (a minute or two on two cores), standard (about an hour for three sites on two
// cores), full (a GPU). Errors: Kind::invalid "budget.unknown". The preset `paper` keeps to the
// paper: plain pooling, foreground channels, no code noise, no adapters, no tuning.
[[nodiscard]] Result<Budget> budget_for(std::string_view name, Preset preset);

}  // namespace cloister::networks
