// Does the pooled network know its training patients? Tried at the site, where the true mask codes
// are, on the codes that the network predicted for this site.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "worker/context.h"
#include "worker/site_data.h"

namespace cloister::worker {

// The indicators of privacy/membership.h as JSON, from the inputs `replies/NNNNNN` of training
// patients (members) and of tuning and evaluation patients (others). An empty list where the job
// has no mask encoder or no reply of a training patient.
[[nodiscard]] Result<nlohmann::json> membership_of(JobContext& context, const SiteMap& map);

}  // namespace cloister::worker
