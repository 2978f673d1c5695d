// The kinds of job, who performs each, and the order they come in.
#pragma once

#include <span>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace cloister::protocol {

enum class Performer { site, trainer };

// What must have happened before a job of this kind is offered.
enum class Wants {
  study_open,        // the plan is signed and the site takes part
  previous_at_site,  // the kind listed before it is done at the same site
  quorum,            // enough admitted encoded datasets
  model,             // a segmentation network exists for this study version
};

struct JobKind {
  std::string_view name;  // "train-image-encoder"
  Performer performer;
  Wants wants;
  bool leaves_site;  // does its result leave the site? Then a person approves it, never policy
  std::string_view plain;  // what it does, in words for a site administrator
};

// register-data, train-image-encoder, train-mask-encoder, encode, assess-privacy, release,
// train-segmentation, predict, tune-mask-decoder, evaluate: in the order of a study's life.
[[nodiscard]] std::span<const JobKind> job_kinds();
[[nodiscard]] Result<JobKind> job_kind(std::string_view name);

// Deterministic, so that offering twice is offering once: "<study>.<site or pool>.<kind>.<version>"
// with '.' as '-'. `version` counts retrains from 1; `part` tells on-demand predictions apart.
[[nodiscard]] JobId job_id(const StudyId& study, std::string_view site, std::string_view kind,
                           std::uint32_t version, std::string_view part = {});

}  // namespace cloister::protocol
