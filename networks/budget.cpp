#include "networks/budget.h"

#include <fmt/format.h>

namespace cloister::networks {
namespace {

// About five minutes on two cores for the whole demo of three phantom sites. 96 pixels of 2.5 mm
// hold a heart that lies off the middle.
Budget quick() {
  Budget budget;
  budget.name = "quick";
  budget.resolution = 96;
  budget.spacing_mm = 2.5;
  budget.image.recipe.steps = 400;  // 600 without a backbone
  budget.mask.recipe.steps = 700;
  budget.mask.code_noise = 0.3;  // little time: a higher ceiling before robustness
  budget.mask.attempts_max = 1;
  budget.views.views = 4;
  budget.segmentation.grid_blocks = 2;
  budget.segmentation.recipe.steps = 1200;
  budget.segmentation.recipe.batch = 8;
  budget.tuning.recipe.steps = 150;
  budget.tuning.recipe.learning_rate = 5e-4;
  budget.tuning.recipe.ema_decay = 0.95;
  return budget;
}

// About an hour on two cores for three sites. docs/experiments.md has the trials behind it.
Budget standard() {
  Budget budget;
  budget.name = "standard";
  budget.image.recipe.steps = 6000;  // 8000 without a backbone
  budget.mask.recipe.steps = 8000;
  budget.image.window = budget.mask.window = 128;
  budget.segmentation.grid_blocks = 2;
  budget.segmentation.code_noise = 0.3;
  budget.segmentation.recipe.steps = 4500;
  budget.segmentation.recipe.batch = 8;
  budget.tuning.recipe.steps = 400;
  budget.tuning.recipe.learning_rate = 5e-4;
  budget.tuning.recipe.ema_decay = 0.98;
  budget.test_views = 3;
  return budget;
}

Budget full() {
  Budget budget = standard();
  budget.name = "full";
  budget.resolution = 224;
  budget.spacing_mm = 1.25;
  budget.image.recipe.steps = 30000;
  budget.mask.recipe.steps = 30000;
  budget.segmentation.recipe.steps = 40000;
  budget.segmentation.recipe.ema_decay = 0.999;
  budget.views.views = 16;
  budget.tuning.recipe.steps = 1500;
  budget.test_views = 5;
  return budget;
}

// To the paper: see system.md's table and section 2.2 of the paper.
void keep_to_paper(Budget& budget) {
  budget.image.learning = EncoderLearning::reconstruct;
  budget.image.backbone = Backbone::none;
  if (budget.name == "quick") budget.image.recipe.steps = 600;
  if (budget.name == "standard") budget.image.recipe.steps = 8000;
  budget.mask.foreground_only = true;
  budget.mask.code_noise = 0;
  budget.image.code_noise = 0;
  budget.segmentation.pooling = Pooling::plain;
  budget.segmentation.grid_blocks = 0;
  budget.segmentation.code_noise = 0;
  budget.segmentation.channel_drop_percent = 0;
  budget.tuning.recipe.steps = 0;
  budget.tuning_patients_percent = 0;
  budget.test_views = 1;
}

}  // namespace

Result<Preset> parse_preset(std::string_view text) {
  if (text == "paper") return Preset::paper;
  if (text == "adapted") return Preset::adapted;
  if (text == "guided") return Preset::guided;
  if (text == "hardened") return Preset::hardened;
  return fail(Kind::invalid, "plan.preset", fmt::format("There is no preset called '{}'.", text),
              "Use 'paper', 'adapted', 'guided' or 'hardened'.");
}

Result<Budget> budget_for(std::string_view name, Preset preset) {
  Budget budget;
  if (name == "quick") {
    budget = quick();
  } else if (name == "standard") {
    budget = standard();
  } else if (name == "full") {
    budget = full();
  } else {
    return fail(Kind::invalid, "budget.unknown", fmt::format("There is no budget '{}'.", name),
                "Use 'quick', 'standard' or 'full'.");
  }
  budget.image.learning = EncoderLearning::task;  // the better of the two by measurement
  budget.image.backbone = Backbone::unet;         // decision 0088
  budget.image.code_noise = 0.2;
  if (preset == Preset::hardened) budget.image.learning = EncoderLearning::hardened;
  if (preset == Preset::paper) keep_to_paper(budget);
  return budget;
}

}  // namespace cloister::networks
