#include "cli/plan_template.h"

#include "cli/homes.h"

namespace cloister::cli {
namespace {

std::string list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + toml_text(item);
  return out + "]";
}

// TOML tells 2 from 2.0; a real keeps its point.
std::string real(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string plan_template() {
  return R"(# A study plan: every choice of a study. Check it with `cloister study check PLAN.toml`, then open the
# study with `cloister study open PLAN.toml`: that signs it with your key, and nothing in it can be
# changed afterwards without a new version that every site approves again.

study = "heart-1"                 # lower-case letters, digits and '-'
version = 1
title = "Left and right ventricle in cine MRI"
purpose = "Segmentation of the heart for research on ventricular function"
legal_basis = "Ethics vote 2026-117 of the participating hospitals"

owner = "olivia"                  # the member who signs: you
trainer = "trainer"               # the member that may open encoded shards, and its sealing key:
trainer_seal_key = "replace-by-64-hexadecimal-digits"   # `cloister consortium members` shows it

sites = ["site-a", "site-b", "site-c"]
quorum = 2                        # encoded datasets that must be admitted before training starts, and sites
                                  # that must witness a release before it counts: more than half of them
release_approvals = 2             # sites that must approve the network's release
patients_min = 4                  # a site with fewer patients is refused

# Label names that every site's data must have, in this order.
structures = ["LV", "MYO", "RV"]

# How it learns.
#   "adapted"   per-site adapters around one shared network; each site tunes its own mask decoder
#   "paper"     the method of the source paper, nothing added
#   "hardened"  as adapted, with encoders that are trained against an attacker: less of an image
#               survives in the codes, at a cost in quality ([hardening] below)
#   "guided"    as adapted, and the trainer learns through each site's own mask decoder. It can then
#               READ THE MASKS of every site: needs mask_decoder_leaves = true, and every site's
#               policy must allow it
preset = "adapted"
# backbone = "unet"               # what a site's image encoder begins with: a U-Net that segments, whose class
                                  # probabilities alone are then encoded; "none": the image itself, as in the paper
mask_decoder_leaves = false
seed = 1                          # of the shared network and the attacks; published

# A mask encoder that keeps less than this of any structure is trained again.
mask_ceiling_min = 0.90

retention_days = 365              # how long the coordinator keeps sealed shards
# deadline = "2027-03-31"         # the last day (UTC) on which data are encoded and a network is trained; judging and release go on

[budget]
name = "standard"                 # quick: minutes, standard: about an hour, full: a GPU
# Any number of the preset can be replaced here, for instance:
# size_px = 144                   # a multiple of 16
# spacing_mm = 1.5
# views = 8                       # encoded views of each slice: each is a sample for an attacker too

# Only for the preset "hardened": what its encoders give up.
# [hardening]
# reconstruction_weight = 0.0     # of reproducing the image in the encoder's loss
# adversary_weight = 1.0          # how hard it works against a decoder that tries to
# code_channels = 32              # of 128
# code_bits = 4                   # of each number that leaves; 0: not quantised
# code_noise = 0.5                # in deviations of a channel, in every code that leaves

# Parts that can be switched off, to see what each brings.
# [parts]
# augmentation = true
# code_noise = true
# averaged_weights = true
# largest_component = true
# temperature = true
# own_segmentation = true         # what a site's own U-Net says counts half in what the site decodes (needs the backbone)

# When the admission gate passes, warns or fails. Leave them out for the defaults; an entry replaces the
# default of its indicator.
# [[gate]]
# indicator = "re-identification"
# pass = 0.05
# fail = 0.20
)";
}

std::string plan_toml(const protocol::StudyPlan& plan) {
  std::string out = fmt::format(
      "study = {}\nversion = {}\ntitle = {}\npurpose = {}\nlegal_basis = {}\n\nowner = {}\n"
      "trainer = {}\ntrainer_seal_key = {}\n\nsites = {}\nquorum = {}\nrelease_approvals = {}\n"
      "patients_min = {}\nstructures = {}\n\npreset = {}\nencoder = {}\nbackbone = {}\n"
      "pooling = {}\nmask_decoder_leaves = {}\nseed = {}\n"
      "mask_ceiling_min = {}\nretention_days = {}\n",
      toml_text(plan.study.text()), plan.version, toml_text(plan.title), toml_text(plan.purpose),
      toml_text(plan.legal_basis), toml_text(plan.owner), toml_text(plan.trainer),
      toml_text(plan.trainer_seal_key), list(plan.sites), plan.quorum, plan.release_approvals,
      plan.patients_min, list(plan.structures), toml_text(plan.preset), toml_text(plan.encoder),
      toml_text(plan.backbone), toml_text(plan.pooling), plan.mask_decoder_leaves, plan.seed,
      real(plan.mask_ceiling_min), plan.retention_days);
  if (!plan.deadline.empty()) out += fmt::format("deadline = {}\n", toml_text(plan.deadline));
  const protocol::Budget& budget = plan.budget;
  out += fmt::format(
      "\n[budget]\nname = {}\nspacing_mm = {}\nsize_px = {}\nimage_encoder_steps = {}\n"
      "mask_encoder_steps = {}\nsegmentation_steps = {}\ntune_steps = {}\nattack_steps = {}\n"
      "encoder_batch = {}\nsegmentation_batch = {}\nviews = {}\ntest_time_views = {}\nlevels = "
      "{}\n",
      toml_text(budget.name), real(budget.spacing_mm), budget.size_px, budget.image_encoder_steps,
      budget.mask_encoder_steps, budget.segmentation_steps, budget.tune_steps, budget.attack_steps,
      budget.encoder_batch, budget.segmentation_batch, budget.views, budget.test_time_views,
      budget.levels);
  const protocol::Hardening& hard = plan.hardening;
  out += fmt::format(
      "\n[hardening]\nreconstruction_weight = {}\nadversary_weight = {}\ncode_channels = {}\n"
      "code_bits = {}\ncode_noise = {}\n",
      real(hard.reconstruction_weight), real(hard.adversary_weight), hard.code_channels,
      hard.code_bits, real(hard.code_noise));
  const protocol::Parts& parts = plan.parts;
  out += fmt::format(
      "\n[parts]\naugmentation = {}\ncode_noise = {}\naveraged_weights = {}\n"
      "largest_component = {}\ntemperature = {}\nown_segmentation = {}\n",
      parts.augmentation, parts.code_noise, parts.averaged_weights, parts.largest_component,
      parts.temperature, parts.own_segmentation);
  for (const protocol::Threshold& threshold : plan.gate) {
    out += fmt::format("\n[[gate]]\nindicator = {}\npass = {}\nfail = {}\nhigher_is_better = {}\n",
                       toml_text(threshold.indicator), real(threshold.pass), real(threshold.fail),
                       threshold.higher_is_better);
  }
  return out;
}

}  // namespace cloister::cli
