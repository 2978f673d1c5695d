// A site's people and their agent, or whoever runs a trainer and that: the control socket of
// docs/protocol.md, "Control socket".
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "cli/desk.h"
#include "provenance/json.h"
#include "transport/control.h"

namespace cloister::cli {

class AgentLine {
 public:
  // `home` is the agent's folder; its control.sock must be ours to open.
  [[nodiscard]] static Result<AgentLine> open(const std::filesystem::path& home);
  // The same of a trainer.
  [[nodiscard]] static Result<AgentLine> open_trainer(const std::filesystem::path& home);
  // The answer, or the error that the agent gave.
  [[nodiscard]] Result<provenance::Json> ask(const std::string& verb,
                                             provenance::Json body = provenance::Json::object(),
                                             Duration limit = Duration{30'000});

 private:
  explicit AgentLine(transport::ControlClient client) : client_(std::move(client)) {}
  transport::ControlClient client_;
};

// How often, and how long each time, a process that begins again is asked.
inline constexpr Duration reopen_look{500};
// Is this its new life? On a loaded machine its former one may still answer: ask for what is new.
using IsReopened = std::function<Result<bool>(AgentLine& process)>;
[[nodiscard]] Result<bool> answers_status(AgentLine& process);

// Has the agent or trainer read its files again, in the same process, and waits until it is seen to
// have. A worker that runs writes a checkpoint, and goes on from it. Errors:
// "control.not_reopened", or why it did not answer.
[[nodiscard]] Result<AgentLine> reopen_process(const std::filesystem::path& home,
                                               const IsReopened& is_reopened = answers_status);

// What a person of the site signed, carried to the ledger by the agent.
class AgentDesk final : public Desk {
 public:
  explicit AgentDesk(AgentLine& line) : line_(line) {}
  [[nodiscard]] Result<protocol::SignerState> place_of(const MemberId& member) override;
  [[nodiscard]] Result<void> submit(const std::vector<Bytes>& envelopes) override;

 private:
  AgentLine& line_;
};

}  // namespace cloister::cli
