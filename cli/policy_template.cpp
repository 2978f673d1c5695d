#include "cli/policy_template.h"

#include <fmt/format.h>

#include "cli/homes.h"

namespace cloister::cli {

std::string policy_template(const PolicyChoices& choices) {
  const std::string root = choices.data.empty()
                               ? "# data_root = \"/srv/heart\""
                               : fmt::format("data_root = {}", toml_text(choices.data.string()));
  return fmt::format(
      R"(# What this site allows. After a change: `cloister site publish-policy` has the agent read it, and signs it.
# Only then is anything approved by itself. Nothing here can let codes out: a release, a warning of the gate
# and an exception always need the signature of a person of this site.

# The images and masks. The agent only reads here.
{}
data_layout = "auto"              # "auto", "nnunet" or "mnms"
data_centre = {}                  # of an M&Ms folder: which centre is this site

# Which studies may ask at all ("*": any of the consortium), and for which purposes (empty: any).
studies = ["*"]
purposes = []

# Kinds of jobs that need no person. Leave the list empty to decide each job by hand.
automatic = ["register-data", "train-image-encoder", "train-mask-encoder", "encode", "assess-privacy",
             "tune-mask-decoder", "evaluate"]

# An amended plan (version 2 and later) is new to everybody: a person of this site approves one job of it
# before the list above applies again. true: not even then.
amendments_automatic = false

# Whether a steward's standing permit may let the codes of single images out for predictions.
standing_predictions = true

# A study in the mode "guided" wants this site's mask decoder: its trainer could then READ THIS SITE'S
# MASKS. A steward signs that release apart from the codes'.
mask_decoder_leaves = {}

# Hard limits. No coordinator and no approval can lift them.
cases_min = 2                     # fewer usable cases: the site takes no part
leave_bytes_max = "8 GiB"         # sealed bytes that may leave for one study
leave_cases_max = 10000           # patients' shards that may leave for one study
prediction_cases_max = 1000       # of them for predictions on demand
indicators_required = []          # indicators of the gate that must pass here: no exception is accepted

# When workers may run, in UTC: "always", or for instance "20:00-06:00".
hours = "always"

# What a worker may use. "0 B" and 0: no limit of ours.
memory_max = "0 B"
cpu_time_max = "0 s"
disk_max = "0 B"
upload_per_second = "0 B"
threads = {}

# Whether a worker may compute on the GPU that `device` in agent.toml names, and how much of its memory one
# worker may take (0.5: half). Where LibTorch cannot hold a worker to its share, the job fails and says so.
gpu = true
gpu_memory_share = 1.0
)",
      root, toml_text(choices.centre), choices.mask_decoder_leaves, choices.threads);
}

}  // namespace cloister::cli
