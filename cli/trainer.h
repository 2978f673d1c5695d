// What agent and trainer have in common for whoever runs them, and what the trainer's operator
// asks.
#pragma once

#include "cli/agent_line.h"
#include "cli/answer.h"

namespace cloister::cli {

enum class ProcessKind { agent, trainer };

// Shows why the process is halted and what it would go on with; goes on only with `sure`.
// "agent.not_halted", "trainer.not_halted".
[[nodiscard]] Result<Answer> confirm_process(AgentLine& process, ProcessKind kind, bool sure);
// One line: fingerprint, since, when they should be renewed and how.
[[nodiscard]] std::string keys_line(const provenance::Json& keys, ProcessKind kind);
// What keeps it from the coordinator: since when, and what to do. Empty where nothing does.
[[nodiscard]] std::string problem_lines(const provenance::Json& status);
// The trainer: connection, keys, its jobs and what each waits for.
[[nodiscard]] Result<Answer> trainer_status(AgentLine& trainer);

}  // namespace cloister::cli
