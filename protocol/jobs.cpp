#include "protocol/jobs.h"

#include <algorithm>
#include <array>

namespace cloister::protocol {
namespace {

constexpr std::array<JobKind, 10> kinds{{
    {"register-data", Performer::site, Wants::study_open, false,
     "Reads the images and masks, lists the cases that can be used, and registers salted "
     "commitments "
     "of them. No image content leaves."},
    {"train-image-encoder", Performer::site, Wants::previous_at_site, false,
     "Trains this site's own image encoder on its training patients. The encoder stays here."},
    {"train-mask-encoder", Performer::site, Wants::previous_at_site, false,
     "Trains this site's own mask encoder on its training masks and checks every structure. The "
     "encoder stays here."},
    {"encode", Performer::site, Wants::previous_at_site, false,
     "Encodes the training, tuning and evaluation patients into shards sealed to the trainer. They "
     "stay here until a person releases them."},
    {"assess-privacy", Performer::site, Wants::previous_at_site, false,
     "Attacks exactly the codes that would leave and reports what they give away."},
    {"release", Performer::site, Wants::previous_at_site, true,
     "Uploads the sealed shards listed in the manifest. Needs the signature of a person of this "
     "site."},
    {"train-segmentation", Performer::trainer, Wants::quorum, false,
     "Trains the shared segmentation network on the codes of all sites that released theirs."},
    {"predict", Performer::trainer, Wants::model, false,
     "Predicts mask codes for image codes that a site released, sealed back to that site."},
    {"tune-mask-decoder", Performer::site, Wants::model, false,
     "Tunes this site's mask decoder on predicted codes of patients the network was not trained "
     "on. "
     "The decoder stays here."},
    {"evaluate", Performer::site, Wants::previous_at_site, false,
     "Compares decoded predictions with this site's own masks of held-out patients; only "
     "aggregates "
     "leave."},
}};

}  // namespace

std::span<const JobKind> job_kinds() { return kinds; }

Result<JobKind> job_kind(std::string_view name) {
  const auto* found = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const JobKind& kind) { return kind.name == name; });
  if (found == kinds.end()) {
    return fail(Kind::unsupported, "job.unknown_kind",
                fmt::format("This version knows no job of kind '{}'.", name.substr(0, 40)),
                "Upgrade this program to the version of the coordinator.");
  }
  return *found;
}

JobId job_id(const StudyId& study, std::string_view site, std::string_view kind,
             std::uint32_t version, std::string_view part) {
  std::string text = fmt::format("{}-{}-{}-{}", study, site.empty() ? "pool" : site, kind, version);
  if (!part.empty()) text += fmt::format("-{}", part);
  return JobId::trusted(std::move(text));
}

}  // namespace cloister::protocol
