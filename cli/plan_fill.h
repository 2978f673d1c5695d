// The plan template with what the consortium knows filled in: nobody should copy a key by hand.
#pragma once

#include <string>
#include <vector>

#include "cli/line.h"
#include "member/membership.h"

namespace cloister::cli {

// Owner, trainer and its certified sealing key; and, unless there are none, these sites with a
// quorum of all of them.
[[nodiscard]] std::string filled_template(const member::Membership& known, const MemberId& owner,
                                          const std::vector<std::string>& sites);
// The sites that have an agent, as the coordinator tells: the owner reads the plan anyway.
[[nodiscard]] Result<std::vector<std::string>> sites_told(Seat& seat);

}  // namespace cloister::cli
