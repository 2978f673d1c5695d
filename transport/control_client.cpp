#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "transport/control.h"
#include "transport/control_frame.h"

namespace cloister::transport {
namespace {

tl::unexpected<Error> gone() {
  return fail(Kind::unavailable, "control.gone", "The process closed its control socket.",
              "Look at the log of the agent or trainer, and start it again.");
}

Result<void> send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return gone();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// True if something can be read before `end`.
bool wait_readable(int descriptor, Duration end) {
  while (true) {
    const Duration left = std::max(Duration(0), end - SystemClock().monotonic());
    pollfd item{descriptor, POLLIN, 0};
    const int wait = static_cast<int>(std::min(left, Duration(60'000)).count());
    const int ready = poll(&item, 1, wait);
    if (ready > 0) return true;
    if (left == Duration(0)) return false;
  }
}

}  // namespace

Result<ControlClient> ControlClient::open(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ControlClient client(descriptor);  // closes it on every way out
  if (text.size() < sizeof address.sun_path) {
    std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    const auto* plain = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (connect(descriptor, plain, sizeof address) == 0) return client;
  }
  if (errno == EACCES) {
    return fail(Kind::forbidden, "control.forbidden",
                fmt::format("This user may not open the agent's control socket '{}'.", text),
                "Run as the user that runs the agent.");
  }
  return fail(Kind::unavailable, "control.unreachable",
              fmt::format("No agent answers at '{}'.", text),
              "Start cloister-agent, or point --agent at the home of a running one.");
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}
ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
ControlClient::~ControlClient() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<std::string> ControlClient::ask(std::string_view request, Duration limit) {
  if (request.size() > control_bytes_max) {
    return fail(Kind::exhausted, "control.too_large", "The request is longer than 4 MiB.",
                "Ask for less at once.");
  }
  if (auto sent = send_all(descriptor_, control_frame(request)); !sent) return pass(sent);
  const Duration now = SystemClock().monotonic();
  const Duration end =
      limit > Duration(std::chrono::hours(24 * 365)) ? Duration::max() : now + limit;
  ControlFrames frames;
  char buffer[64 << 10];
  while (wait_readable(descriptor_, end)) {
    const ssize_t got = read(descriptor_, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return gone();
    frames.feed({buffer, static_cast<std::size_t>(got)});
    auto text = frames.next();
    if (!text) return pass(text);
    if (*text) return std::move(**text);
  }
  return fail(Kind::unavailable, "control.timeout",
              fmt::format("The control socket gave no answer within {}.", for_people(limit)),
              "Look at the log of the agent or trainer; it may be busy.");
}

}  // namespace cloister::transport
