// Answers to people's questions (protocol::Ask) as JSON. Schemas: docs/protocol.md.
#pragma once

#include "coordinator/core/work.h"

namespace cloister::coordinator {

struct AnswerView {
  WorkView work;
  const std::map<MemberId, Instant>& heard;  // when each member was last heard
  std::uint64_t ledger_size = 0;
  Instant now;
};

// "ask.unknown", "ask.not_found" (also for what the asker may not see).
[[nodiscard]] Result<std::string> answer(const Member& asker, const protocol::Ask& ask,
                                         const AnswerView& view);

}  // namespace cloister::coordinator
