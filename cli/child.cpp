#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/file.h"
#include "cli/interrupt.h"

namespace cloister::cli {
namespace {

constexpr std::size_t out_max = 64U << 20;
constexpr std::size_t err_max = 1U << 20;

std::vector<char*> arguments_of(const std::string& program, const std::vector<std::string>& rest) {
  std::vector<char*> all;
  all.push_back(const_cast<char*>(program.c_str()));
  for (const auto& one : rest) all.push_back(const_cast<char*>(one.c_str()));
  all.push_back(nullptr);
  return all;
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const std::vector<char*>& arguments, pid_t parent, bool own_group) {
  if (own_group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  // Our handlers are not the program's: what arrives before exec must simply end this child.
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) signal(one, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

int shell_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// As fork(), but no signal is delivered to the child before become() made it harmless.
pid_t fork_quietly() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child != 0) sigprocmask(SIG_SETMASK, &before, nullptr);
  return child;
}

struct Pipe {
  int read = -1;
  int write = -1;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return tl::unexpected<Error>(system_error(errno, "open a pipe for", "a child process"));
  }
  return Pipe{ends[0], ends[1]};
}

// Feeds `in`, collects `out` and `err`, until both are closed or the time is up.
struct Exchange {
  Pipe in, out, err;
  std::string_view to_write;
  std::function<void(std::string_view)> on_out;
  Ran ran;

  void close_all() const {
    for (const int one : {in.write, out.read, err.read}) {
      if (one >= 0) close(one);
    }
  }
  static bool take(int& descriptor, std::string& into, std::size_t most) {
    std::array<char, 65536> piece{};
    const ssize_t got = read(descriptor, piece.data(), piece.size());
    if (got > 0 && into.size() < most) into.append(piece.data(), static_cast<std::size_t>(got));
    if (got > 0 || (got < 0 && errno == EINTR)) return true;
    close(descriptor);
    descriptor = -1;
    return false;
  }
  void feed() {
    const ssize_t sent = write(in.write, to_write.data(), to_write.size());
    if (sent > 0) to_write.remove_prefix(static_cast<std::size_t>(sent));
    if (to_write.empty() || (sent < 0 && errno != EINTR && errno != EAGAIN)) {
      close(in.write);
      in.write = -1;
    }
  }
  // False when the time is up.
  bool run(Duration limit) {
    const SystemClock clock;
    const Duration end = clock.monotonic() + limit;
    if (to_write.empty()) feed();
    while (out.read >= 0 || err.read >= 0) {
      const Duration left = end - clock.monotonic();
      if (left <= Duration(0)) return false;
      std::array<pollfd, 3> all{
          {{in.write, POLLOUT, 0}, {out.read, POLLIN, 0}, {err.read, POLLIN, 0}}};
      poll(all.data(), all.size(), static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
      if (all[0].revents != 0) feed();
      const std::size_t before = ran.out.size();
      if (all[1].revents != 0) take(out.read, ran.out, out_max);
      if (on_out && ran.out.size() > before) on_out(std::string_view(ran.out).substr(before));
      if (all[2].revents != 0) take(err.read, ran.err, err_max);
    }
    return true;
  }
};

}  // namespace

Result<std::filesystem::path> find_program(const std::string& name) {
  std::error_code ignored;
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return std::filesystem::path(name);
  } else {
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    std::string folders = self.parent_path().string();
    if (const char* path = std::getenv("PATH")) folders += std::string(":") + path;
    for (std::size_t at = 0; at <= folders.size();) {
      const std::size_t end = std::min(folders.find(':', at), folders.size());
      const auto candidate = std::filesystem::path(folders.substr(at, end - at)) / name;
      if (end > at && access(candidate.c_str(), X_OK) == 0) return candidate;
      at = end + 1;
    }
  }
  return fail(Kind::not_found, "program.missing", fmt::format("There is no program '{}'.", name),
              name.starts_with("cloister") ? "Build it with ./dev build, or name its path."
                                           : fmt::format("Install it: apt-get install {}.", name));
}

Result<Ran> run_program(const std::filesystem::path& program,
                        const std::vector<std::string>& arguments, const RunOptions& options) {
  Exchange exchange;
  exchange.to_write = options.in;
  exchange.on_out = options.on_out;
  for (Pipe* one : {&exchange.in, &exchange.out, &exchange.err}) {
    auto made = make_pipe();
    if (!made) return pass(made);
    *one = *made;
  }
  const std::string path = program.string();
  const auto argv = arguments_of(path, arguments);
  const int log = options.log.empty()
                      ? -1
                      : open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t parent = getpid();
  const pid_t child = fork_quietly();
  if (child == 0) {
    dup2(exchange.in.read, STDIN_FILENO);
    dup2(exchange.out.write, STDOUT_FILENO);
    dup2(log >= 0 ? log : exchange.err.write, STDERR_FILENO);
    become(argv, parent, false);
  }
  if (log >= 0) close(log);
  for (const int one : {exchange.in.read, exchange.out.write, exchange.err.write}) close(one);
  if (child < 0) {
    exchange.close_all();
    return tl::unexpected<Error>(system_error(errno, "start", program));
  }
  struct sigaction quiet {};
  struct sigaction before {};
  quiet.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &quiet, &before);
  const bool in_time = exchange.run(options.limit);
  sigaction(SIGPIPE, &before, nullptr);
  exchange.close_all();
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return fail(Kind::unavailable, "program.timeout",
                fmt::format("{} did not end within {}.", path, for_people(options.limit)),
                "Look at the load of this machine and try again.");
  }
  exchange.ran.status = shell_status(status);
  return std::move(exchange.ran);
}

Result<Child> Child::start(Start start) {
  Child child(std::move(start));
  if (auto launched = child.launch(); !launched) return pass(launched);
  return child;
}

Child::Child(Child&& other) noexcept
    : start_(std::move(other.start_)), pid_(std::exchange(other.pid_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    stop();
    start_ = std::move(other.start_);
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

Child::~Child() { stop(); }

Result<void> Child::launch() {
  const std::string path = start_.program.string();
  const auto argv = arguments_of(path, start_.arguments);
  const int log = open(start_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return tl::unexpected<Error>(system_error(errno, "write", start_.log));
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = fork_quietly();
  if (pid_ == 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    become(argv, parent, true);
  }
  close(log);
  if (nothing >= 0) close(nothing);
  if (pid_ < 0) return tl::unexpected<Error>(system_error(errno, "start", start_.program));
  setpgid(pid_, pid_);  // from both sides, so that neither can be late
  remember_group(pid_);
  return {};
}

std::optional<int> Child::ended() {
  if (pid_ < 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  kill(-pid_, SIGKILL);  // whatever it had started
  forget_group(pid_);
  pid_ = -1;
  return shell_status(status);
}

Result<void> Child::restart() {
  stop(Duration(0));
  return launch();
}

void Child::stop(Duration patience) {
  if (pid_ < 0) return;
  const SystemClock clock;
  const Duration end = clock.monotonic() + patience;
  kill(pid_, SIGTERM);
  while (clock.monotonic() < end) {
    if (ended()) return;
    std::this_thread::sleep_for(Duration(20));
  }
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  forget_group(pid_);
  pid_ = -1;
}

}  // namespace cloister::cli
