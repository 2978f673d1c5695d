// What a newcomer, and a member with its next keys, ask at the enrolment address.
#pragma once

#include <vector>

#include "cli/line.h"
#include "cli/token.h"

namespace cloister::cli {

// The request that proves possession of these keys, for this token.
[[nodiscard]] protocol::Enrol request_of(const Token& token, const crypto::Identity& identity);
// Asks again and again until people have decided, or the time is up.
[[nodiscard]] Result<protocol::EnrolmentState> wait_for_approval(Line& line,
                                                                 const protocol::Enrol& enrol,
                                                                 Duration wait);
// Nothing of the answer is believed that the token's root key did not sign.
[[nodiscard]] Result<void> check_membership(const Token& token, const crypto::Identity& identity,
                                            const std::vector<Bytes>& envelopes);

}  // namespace cloister::cli
