// The answer that a request has, out of everything that could have come.
#pragma once

#include <utility>
#include <variant>

#include "protocol/messages.h"

namespace cloister::protocol {

// A reply of the expected kind, or "message.unexpected_reply".
template <class T>
[[nodiscard]] Result<T> reply_as(Result<Reply> reply) {
  if (!reply) return pass(reply);
  if (auto* expected = std::get_if<T>(&*reply)) return std::move(*expected);
  return fail(Kind::corrupt, "message.unexpected_reply",
              "The coordinator answered with another kind of message than asked for.",
              "Check that the coordinator has the same version as this program.");
}

}  // namespace cloister::protocol
