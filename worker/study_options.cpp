#include "worker/study_options.h"

namespace cloister::worker {

imaging::PreprocessPlan preprocess_plan(const protocol::StudyPlan& plan) {
  imaging::PreprocessPlan preprocess;
  preprocess.spacing_mm = plan.budget.spacing_mm;
  preprocess.width = plan.budget.size_px;
  preprocess.height = plan.budget.size_px;
  return preprocess;
}

namespace {

networks::Hardening hardening_of(const protocol::Hardening& given) {
  networks::Hardening hardening;
  hardening.reconstruction_weight = given.reconstruction_weight;
  hardening.adversary_weight = given.adversary_weight;
  hardening.code_channels = static_cast<int>(given.code_channels);
  hardening.code_bits = static_cast<int>(given.code_bits);
  hardening.code_noise = given.code_noise;
  return hardening;
}

// What the plan switched off.
void leave_out(const protocol::Parts& parts, networks::Budget& budget) {
  if (!parts.augmentation) {
    budget.image.augmentation = networks::no_augmentation();
    budget.mask.augmentation = networks::no_augmentation();
    budget.views.augmentation = networks::no_augmentation();
  }
  if (!parts.code_noise) {
    budget.image.code_noise = 0;
    budget.mask.code_noise = 0;
    budget.segmentation.code_noise = 0;
    budget.tuning.code_noise = 0;
  }
  if (!parts.averaged_weights) {
    budget.image.recipe.ema_decay = 0;
    budget.mask.recipe.ema_decay = 0;
    budget.segmentation.recipe.ema_decay = 0;
    budget.tuning.recipe.ema_decay = 0;
  }
}

}  // namespace

Result<networks::Budget> budget_of(const protocol::StudyPlan& plan) {
  const auto preset = networks::parse_preset(plan.preset);
  if (!preset) return pass(preset);
  const auto pooling = networks::parse_pooling(plan.pooling);
  if (!pooling) return pass(pooling);
  const auto learning = networks::parse_encoder_learning(plan.encoder);
  if (!learning) return pass(learning);
  const auto backbone = networks::parse_backbone(plan.backbone);
  if (!backbone) return pass(backbone);
  const protocol::Budget& given = plan.budget;
  auto budget = networks::budget_for(given.name == "custom" ? "standard" : given.name, *preset);
  if (!budget) return budget;
  budget->name = given.name;
  budget->resolution = static_cast<int>(given.size_px);
  budget->spacing_mm = given.spacing_mm;
  budget->image.recipe.steps = given.image_encoder_steps;
  budget->image.recipe.batch = static_cast<int>(given.encoder_batch);
  budget->image.learning = *learning;
  budget->image.backbone = *backbone;
  budget->image.hardening = hardening_of(plan.hardening);
  budget->image.structures = static_cast<int>(plan.structures.size());
  budget->mask.recipe.steps = given.mask_encoder_steps;
  budget->mask.recipe.batch = static_cast<int>(given.encoder_batch);
  budget->mask.structures = static_cast<int>(plan.structures.size());
  budget->mask.ceiling_min = plan.mask_ceiling_min;
  budget->views.views = static_cast<int>(given.views);
  budget->segmentation.pooling = *pooling;
  budget->segmentation.levels = static_cast<int>(given.levels);
  budget->segmentation.recipe.steps = given.segmentation_steps;
  budget->segmentation.recipe.batch = static_cast<int>(given.segmentation_batch);
  budget->segmentation.seed = plan.seed;
  // The paper knows no tuning, whatever the budget's preset says.
  const bool tuned = *preset != networks::Preset::paper;
  budget->tuning.recipe.steps = tuned ? given.tune_steps : 0;
  budget->test_views = static_cast<int>(given.test_time_views);
  leave_out(plan.parts, *budget);
  return budget;
}

}  // namespace cloister::worker
