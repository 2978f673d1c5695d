// The control socket of an agent: people's questions to the core, and what only the shell knows
// (reports, doctor). docs/protocol.md, "Control socket".
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "member-shell/shell.h"
#include "provenance/json.h"
#include "site-agent/daemon.h"
#include "transport/control.h"

namespace cloister::site_agent {

class Control {
 public:
  // Opens control.sock in the home. Both must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<Control>> open(member_shell::Shell& shell,
                                                             const Config& config);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The core's answer to a question.
  void tell(const member::Tell& tell);

 private:
  Control(member_shell::Shell& shell, const Config& config) : shell_(shell), config_(config) {}
  void on_request(transport::ControlToken token, const std::string& request);
  void answer(transport::ControlToken token, const Result<std::string>& json);
  [[nodiscard]] Result<std::string> report(const provenance::Json& body) const;
  [[nodiscard]] std::string doctor() const;
  void reopen(transport::ControlToken token);

  member_shell::Shell& shell_;
  const Config& config_;
  std::unique_ptr<transport::ControlServer> server_;
  std::map<std::uint64_t, transport::ControlToken> waiting_;
  std::uint64_t next_question_ = 1;
};

}  // namespace cloister::site_agent
