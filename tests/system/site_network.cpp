#include "tests/system/site_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "tests/system/give_up.h"

namespace cloister::system_test {
namespace {

// No port that a kernel hands out by itself, so never the one of a coordinator outside.
constexpr std::uint16_t inner_port = 7010;

bool write_to(const char* path, std::string_view text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  return written;
}

// Where we may not have a network namespace as we are, a user namespace gives the right to it; in
// that one we stay who we were, so that files keep their owner.
bool leave_network() {
  if (unshare(CLONE_NEWNET) == 0) return true;
  const auto same = [](auto id) { return fmt::format("{0} {0} 1", id); };
  const std::string user = same(geteuid());
  const std::string group = same(getegid());
  return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_to("/proc/self/setgroups", "deny") &&
         write_to("/proc/self/uid_map", user) && write_to("/proc/self/gid_map", group);
}

bool raise_loopback() {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return false;
  ifreq request{};
  std::strncpy(static_cast<char*>(request.ifr_name), "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ioctl(any, SIOCSIFFLAGS, &request) == 0;
  close(any);
  return up;
}

// One int, and a descriptor that comes along with it if there is one.
struct Parcel {
  int problem = 0;  // errno
  int descriptor = -1;
};

// The same layout for both ends of the line.
struct Envelope {
  int problem = 0;
  iovec content{&problem, sizeof(problem)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr header{};
  Envelope() {
    header.msg_iov = &content;
    header.msg_iovlen = 1;
    header.msg_control = room.data();
    header.msg_controllen = room.size();
  }
};

void send_parcel(int line, const Parcel& parcel) {
  Envelope envelope;
  envelope.problem = parcel.problem;
  if (parcel.descriptor < 0) {
    envelope.header.msg_controllen = 0;
  } else {
    cmsghdr* rights = CMSG_FIRSTHDR(&envelope.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &parcel.descriptor, sizeof(int));
  }
  sendmsg(line, &envelope.header, MSG_NOSIGNAL);
}

Parcel receive_parcel(int line) {
  Envelope envelope;
  if (recvmsg(line, &envelope.header, MSG_CMSG_CLOEXEC) <= 0) return {ECHILD, -1};
  Parcel parcel{envelope.problem, -1};
  const cmsghdr* rights = CMSG_FIRSTHDR(&envelope.header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS)
    std::memcpy(&parcel.descriptor, CMSG_DATA(rights), sizeof(int));
  return parcel;
}

// The child that holds the namespace: it lives, and does nothing more.
[[noreturn]] void hold(int line, pid_t parent) {
  if (!leave_network() || !raise_loopback()) {
    send_parcel(line, {errno, -1});
    _exit(1);
  }
  const auto listener = listen_on_loopback(inner_port);
  send_parcel(line, {0, listener ? listener->descriptor : -1});
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!listener || getppid() != parent) _exit(1);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  while (true) pause();
}

bool is_same(const std::filesystem::path& one, const std::filesystem::path& other) {
  struct stat first {};
  struct stat second {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::optional<Listener> listen_on_loopback(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = loopback_address(port);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (descriptor >= 0 && bind(descriptor, plain, size) == 0 && listen(descriptor, 64) == 0 &&
      getsockname(descriptor, plain, &size) == 0)
    return Listener{descriptor, ntohs(address.sin_port)};
  const int problem = errno;
  if (descriptor >= 0) close(descriptor);
  errno = problem;
  return std::nullopt;
}

bool is_reached(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback_address(port);
  const bool connected =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(descriptor);
  return connected;
}

bool enter_network(const std::filesystem::path& namespaces) {
  const int user = open((namespaces / "user").c_str(), O_RDONLY | O_CLOEXEC);
  const int network = open((namespaces / "net").c_str(), O_RDONLY | O_CLOEXEC);
  if (user < 0 || network < 0) return false;
  const bool is_at_home = is_same("/proc/self/ns/user", namespaces / "user");
  if (!is_at_home && setns(user, CLONE_NEWUSER) != 0) return false;
  return setns(network, CLONE_NEWNET) == 0;
}

tl::expected<SiteNetwork, std::string> SiteNetwork::make() {
  std::array<int, 2> line{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line.data()) != 0) std::abort();
  const pid_t parent = getpid();
  const pid_t holder = fork();
  if (holder == 0) hold(line[1], parent);
  close(line[1]);
  const Parcel parcel = receive_parcel(line[0]);
  close(line[0]);
  SiteNetwork network(holder, {parcel.descriptor, inner_port});
  if (parcel.problem != 0) return tl::unexpected<std::string>(std::strerror(parcel.problem));
  if (parcel.descriptor < 0)
    give_up(1, fmt::format("port {} is taken in a new network namespace", inner_port));
  return network;
}

SiteNetwork::SiteNetwork(SiteNetwork&& other) noexcept
    : holder_(std::exchange(other.holder_, -1)), listener_(other.listener_) {}

SiteNetwork::~SiteNetwork() {
  if (holder_ < 0) return;
  kill(holder_, SIGKILL);
  waitpid(holder_, nullptr, 0);
}

std::filesystem::path SiteNetwork::namespaces() const {
  return fmt::format("/proc/{}/ns", holder_);
}

bool SiteNetwork::reaches(std::uint16_t port) const {
  const pid_t scout = fork();
  if (scout == 0) {
    if (!enter_network(namespaces())) _exit(2);
    _exit(is_reached(port) ? 0 : 1);
  }
  int status = 0;
  waitpid(scout, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) std::abort();  // not even entered
  return WEXITSTATUS(status) == 0;
}

std::optional<bool> SiteNetwork::holds(pid_t process) const {
  const auto theirs = std::filesystem::path(fmt::format("/proc/{}/ns/net", process));
  struct stat there {};
  if (stat(theirs.c_str(), &there) != 0) return std::nullopt;
  return is_same(theirs, namespaces() / "net");
}

}  // namespace cloister::system_test
