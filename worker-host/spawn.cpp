#include "worker-host/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "protocol/worker_frame.h"
#include "worker-host/own_network.h"

namespace cloister::worker_host {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(Kind::exhausted, "worker.start",
                fmt::format("No pipe for a worker could be made: {}.", std::strerror(errno)),
                "Raise the limit of open files, or close other programs.");
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// Everything the child needs, made before fork(): afterwards only system calls are allowed.
struct Prepared {
  std::string program;
  std::string folder;
  std::vector<std::string> words;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::string own_network;  // a variable more, once the child is there
  Descriptor log;
  Limits limits;
  pid_t parent = 0;
};

Prepared prepare(const Launch& launch) {
  Prepared ready;
  ready.program = launch.program.string();
  ready.folder = launch.folder.empty() ? "/" : launch.folder.string();
  ready.limits = launch.limits;
  ready.parent = getpid();
  ready.words.push_back(ready.program);
  ready.words.insert(ready.words.end(), launch.arguments.begin(), launch.arguments.end());
  const std::size_t argument_count = ready.words.size();
  ready.words.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin");
  ready.words.insert(ready.words.end(), launch.environment.begin(), launch.environment.end());
  for (std::size_t i = 0; i < ready.words.size(); ++i) {
    (i < argument_count ? ready.arguments : ready.environment).push_back(ready.words[i].data());
  }
  ready.arguments.push_back(nullptr);
  ready.environment.push_back(nullptr);
  ready.own_network = fmt::format("{}=1", protocol::own_network_variable);
  ready.environment.push_back(nullptr);  // its place
  const std::string log = launch.log.empty() ? "/dev/null" : launch.log.string();
  ready.log = Descriptor(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  return ready;
}

bool set_limit(__rlimit_resource which, std::uint64_t value) {
  if (value == 0) return true;
  const rlimit limit{value, value};
  return setrlimit(which, &limit) == 0;
}

bool set_limits(const Limits& limits) {
  // SIGXCPU at the soft limit tells a worker that its time is up; the hard one ends it.
  const rlimit cpu{limits.cpu_seconds, limits.cpu_seconds + 5};
  if (limits.cpu_seconds != 0 && setrlimit(RLIMIT_CPU, &cpu) != 0) return false;
  const rlimit no_core{0, 0};  // a core file would hold images and weights in the clear
  return setrlimit(RLIMIT_CORE, &no_core) == 0 && set_limit(RLIMIT_AS, limits.memory_bytes) &&
         set_limit(RLIMIT_FSIZE, limits.file_bytes) && set_limit(RLIMIT_NOFILE, limits.open_files);
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGXCPU}) {
    std::signal(number, SIG_DFL);
  }
}

// In the child; returns only if something failed, with errno set.
void become(Prepared& ready, int input, int output) {
  reset_signals();
  // First: new credentials take back what prctl() sets below.
  if (enter_own_network())
    ready.environment[ready.environment.size() - 2] = ready.own_network.data();
  if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
  if (getppid() != ready.parent) _exit(1);  // the parent died before the line above
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0) return;
  if (ready.log.is_open() && dup2(ready.log.number(), 2) < 0) return;
  // Close-on-exec rather than closed: the pipe that reports a failure must live until exec.
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
  if (ready.limits.niceness != 0) setpriority(PRIO_PROCESS, 0, ready.limits.niceness);
  if (chdir(ready.folder.c_str()) != 0 || !set_limits(ready.limits)) return;
  execve(ready.program.c_str(), ready.arguments.data(), ready.environment.data());
}

tl::unexpected<Error> cannot_start(const std::string& program, int error_number) {
  return fail(
      Kind::unavailable, "worker.start",
      fmt::format("The worker '{}' cannot be started: {}.", program, std::strerror(error_number)),
      "Check that cloister-worker is installed beside this program and may be run.");
}

void make_non_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

Result<Child> spawn(const Launch& launch) {
  auto input = make_pipe();
  auto output = make_pipe();
  auto report = make_pipe();
  if (!input) return pass(input);
  if (!output) return pass(output);
  if (!report) return pass(report);
  Prepared ready = prepare(launch);
  const pid_t pid = fork();
  if (pid < 0) return cannot_start(ready.program, errno);
  if (pid == 0) {
    become(ready, input->read.number(), output->write.number());
    const int error_number = errno;
    const ssize_t told = write(report->write.number(), &error_number, sizeof error_number);
    _exit(told == sizeof error_number ? 127 : 126);
  }
  report->write = Descriptor();
  int error_number = 0;
  ssize_t told = 0;
  do {
    told = read(report->read.number(), &error_number, sizeof error_number);
  } while (told < 0 && errno == EINTR);
  if (told != 0) {  // nothing is written, and the pipe closed, when exec succeeded
    waitpid(pid, nullptr, 0);
    return cannot_start(ready.program, error_number);
  }
  Child child{pid, Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
              std::move(input->write), std::move(output->read)};
  if (!child.ended.is_open()) {
    const int why = errno;
    ::kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return cannot_start(ready.program, why);
  }
  fcntl(child.ended.number(), F_SETFD, FD_CLOEXEC);
  make_non_blocking(child.input.number());
  make_non_blocking(child.output.number());
  return child;
}

}  // namespace cloister::worker_host
