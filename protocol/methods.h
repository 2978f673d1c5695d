// Names of the methods on the wire, and which roles may call which (docs/protocol.md has the
// table).
#pragma once

#include <cstdint>

#include "protocol/messages.h"
#include "protocol/roles.h"

namespace cloister::protocol {

// 1-based place of a request's alternative; replies have 1000 more.
inline constexpr std::uint32_t reply_method_base = 1000;

// Whether the role may call the request's method at all. What a call may then do (which study,
// which record type, whose job) is the coordinator's to decide.
[[nodiscard]] bool may_call(Role role, std::uint32_t method);
// Requests: BlobChunk. Replies: BlobData. Only these travel with a payload frame.
[[nodiscard]] bool carries_payload(std::uint32_t method);

}  // namespace cloister::protocol
