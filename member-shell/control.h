// The control socket of an agent or a trainer: people's questions to the core, and what only the
// shell knows. docs/protocol.md, "Control socket".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "member-shell/shell.h"
#include "provenance/json.h"
#include "transport/control.h"

namespace cloister::member_shell {

struct ControlOptions {
  // Whether the process's files hold no mistake: asked before it lets go of its store to open them
  // again.
  std::function<Result<void>()> check_files;
  // Questions that the shell answers by itself; everything else is the core's.
  std::map<std::string, std::function<Result<std::string>(const provenance::Json&)>> own_verbs;
};

class Control {
 public:
  // Opens control.sock in `home`. `shell` must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<Control>> open(Shell& shell,
                                                             const std::filesystem::path& home,
                                                             ControlOptions options);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The core's answer to a question.
  void tell(const member::Tell& tell);

 private:
  Control(Shell& shell, ControlOptions options) : shell_(shell), options_(std::move(options)) {}
  void on_request(transport::ControlToken token, const std::string& request);
  void answer(transport::ControlToken token, const Result<std::string>& json);
  void reopen(transport::ControlToken token);

  Shell& shell_;
  ControlOptions options_;
  std::unique_ptr<transport::ControlServer> server_;
  std::map<std::uint64_t, transport::ControlToken> waiting_;
  std::uint64_t next_question_ = 1;
};

}  // namespace cloister::member_shell
