// Programs that this one starts. A child ends when we do (PDEATHSIG), has its own log file, and
// gets nothing that was not named.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace cloister::cli {

// Beside our own program first, then on PATH. A path is taken as it is. "program.missing".
[[nodiscard]] Result<std::filesystem::path> find_program(const std::string& name);

struct Ran {
  int status = 0;   // as a shell would give it: 128 + signal if it was killed
  std::string out;  // standard output, at most 64 MiB
  std::string err;  // standard error, at most 1 MiB
};
struct RunOptions {
  std::string in;  // for its standard input
  Duration limit{60'000};
  std::filesystem::path log;                     // standard error goes there instead of Ran::err
  std::function<void(std::string_view)> on_out;  // each piece of standard output as it comes
};
// Runs to its end. "program.timeout" after the limit: it is killed.
[[nodiscard]] Result<Ran> run_program(const std::filesystem::path& program,
                                      const std::vector<std::string>& arguments,
                                      const RunOptions& options = {});

// A daemon of ours, in a process group of its own.
class Child {
 public:
  struct Start {
    std::string name;  // for messages
    std::filesystem::path program;
    std::vector<std::string> arguments;
    std::filesystem::path log;  // appended to
  };
  [[nodiscard]] static Result<Child> start(Start start);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();  // stop(), shortly

  [[nodiscard]] const std::string& name() const { return start_.name; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // The exit status once it has ended; then it can be started again.
  [[nodiscard]] std::optional<int> ended();
  [[nodiscard]] Result<void> restart();
  // SIGTERM to the group, SIGKILL after `patience`.
  void stop(Duration patience = Duration{3'000});

 private:
  explicit Child(Start start) : start_(std::move(start)) {}
  [[nodiscard]] Result<void> launch();
  Start start_;
  pid_t pid_ = -1;
};

}  // namespace cloister::cli
