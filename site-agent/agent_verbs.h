// What an agent's shell answers at the control socket by itself, beside its core: where its reports
// lie, and what a doctor asks. docs/protocol.md, "Control socket".
#pragma once

#include "member-shell/control.h"
#include "site-agent/daemon.h"

namespace cloister::site_agent {

// Both must outlive what is returned.
[[nodiscard]] member_shell::ControlOptions agent_verbs(member_shell::Shell& shell,
                                                       const Config& config);

}  // namespace cloister::site_agent
