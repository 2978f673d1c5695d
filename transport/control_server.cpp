#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "base/ensure.h"
#include "base/file.h"
#include "transport/control.h"
#include "transport/control_frame.h"

namespace cloister::transport {

std::string control_frame(std::string_view text) {
  ensure(text.size() <= control_bytes_max, "an answer on the control socket has a limit");
  const Bytes length = le64(text.size());
  std::string frame(as_text(BytesView(length).first(4)));
  frame += text;
  return frame;
}

Result<std::optional<std::string>> ControlFrames::next() {
  if (buffer_.size() < 4) return std::optional<std::string>{};
  Bytes eight(8);
  std::memcpy(eight.data(), buffer_.data(), 4);
  const std::uint64_t length = read_le64(eight);
  if (length > control_bytes_max) {
    return fail(Kind::exhausted, "control.too_large",
                "A message on the control socket is longer than 4 MiB.", "Ask for less at once.");
  }
  if (buffer_.size() - 4 < length) return std::optional<std::string>{};
  std::string text = buffer_.substr(4, length);
  buffer_.erase(0, 4 + length);
  return std::optional<std::string>(std::move(text));
}

namespace {

Result<sockaddr_un> socket_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return fail(Kind::invalid, "control.path",
                fmt::format("The path '{}' is too long for a socket.", text),
                "Use a home with a shorter path: 107 characters at most.");
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

const sockaddr* plain(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

bool somebody_answers(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = probe >= 0 && connect(probe, plain(address), sizeof address) == 0;
  if (probe >= 0) close(probe);
  return answered;
}

}  // namespace

struct ControlServer::Inner {
  struct Client {
    int descriptor = -1;
    WatchId watch{};
    ControlFrames frames;
    ControlToken token{};  // of the request under way; 0: none
    std::string out;
  };

  Inner(EventLoop& its_loop, std::filesystem::path its_path, Handler its_handler)
      : loop(its_loop), path(std::move(its_path)), handler(std::move(its_handler)) {}
  ~Inner() {
    while (!clients.empty()) drop(clients.begin()->first);
    loop.unwatch(watch);
    if (listener >= 0) {
      close(listener);
      unlink(path.c_str());
    }
  }

  Result<void> listen_there() {
    auto address = socket_address(path);
    if (!address) return pass(address);
    if (somebody_answers(*address)) {
      return fail(Kind::conflict, "control.in_use",
                  fmt::format("Another process already answers at '{}'.", path.string()),
                  "Stop it, or give this one a home of its own.");
    }
    unlink(path.c_str());  // left by one that died
    const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // The socket is born with the right mode: there is no moment at which others could connect.
    const mode_t before = umask(0177);
    const bool bound = made >= 0 && bind(made, plain(*address), sizeof *address) == 0;
    const int bind_error = errno;
    umask(before);
    if (!bound || listen(made, 16) != 0) {
      const int number = bound ? errno : bind_error;
      if (made >= 0) close(made);
      return tl::unexpected<Error>(system_error(number, "open the control socket", path));
    }
    listener = made;
    watch = loop.watch(listener, [this](Readiness) { accept_clients(); });
    return {};
  }

  void accept_clients() {
    for (int i = 0; i < 16; ++i) {
      const int descriptor = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) return;
      if (clients.size() >= control_clients_max) {
        close(descriptor);
        continue;
      }
      const std::uint64_t id = ++last_id;
      Client& client = clients[id];
      client.descriptor = descriptor;
      client.watch = loop.watch(descriptor, [this, id](Readiness ready) { on_ready(id, ready); });
    }
  }

  void on_ready(std::uint64_t id, Readiness ready) {
    const auto found = clients.find(id);
    if (found == clients.end()) return;
    if (ready.writable && !flush(found->second)) return drop(id);
    if (ready.readable && !read_some(found->second)) return drop(id);
    next_request(id, found->second);
  }

  // One read a wake-up; false: the client has gone.
  static bool read_some(Client& client) {
    char buffer[64 << 10];
    const ssize_t got = read(client.descriptor, buffer, sizeof buffer);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    client.frames.feed({buffer, static_cast<std::size_t>(got)});
    return got > 0;
  }

  void next_request(std::uint64_t id, Client& client) {
    if (client.token != ControlToken{}) return;  // its turn comes after the answer
    auto text = client.frames.next();
    if (!text) return drop(id);
    if (!*text) return;
    const ControlToken token{++last_id};
    client.token = token;
    askers[token] = id;
    handler(token, std::move(**text));
  }

  void reply(ControlToken token, std::string_view answer) {
    const auto asker = askers.find(token);
    if (asker == askers.end()) return;
    const std::uint64_t id = asker->second;
    askers.erase(asker);
    Client& client = clients.at(id);
    client.token = ControlToken{};
    client.out += control_frame(answer);
    if (!flush(client)) return drop(id);
    // From the loop, not from inside the handler that may be calling.
    loop.after(Duration(0), [this, id, alive = std::weak_ptr<int>(here)] {
      if (alive.expired()) return;
      const auto found = clients.find(id);
      if (found != clients.end()) next_request(id, found->second);
    });
  }

  bool flush(Client& client) {
    while (!client.out.empty()) {
      const ssize_t sent =
          send(client.descriptor, client.out.data(), client.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) break;
      if (sent < 0 && errno != EINTR) return false;
      if (sent > 0) client.out.erase(0, static_cast<std::size_t>(sent));
    }
    loop.want_writable(client.watch, !client.out.empty());
    return true;
  }

  void drop(std::uint64_t id) {
    Client& client = clients.at(id);
    loop.unwatch(client.watch);
    close(client.descriptor);
    askers.erase(client.token);
    clients.erase(id);
  }

  EventLoop& loop;
  std::filesystem::path path;
  Handler handler;
  int listener = -1;
  WatchId watch{};
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, Client> clients;
  std::map<ControlToken, std::uint64_t> askers;
  std::shared_ptr<int> here = std::make_shared<int>(0);  // timers outlive us
};

ControlServer::ControlServer(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
ControlServer::~ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::open(EventLoop& loop,
                                                           const std::filesystem::path& path,
                                                           Handler handler) {
  auto inner = std::make_unique<Inner>(loop, path, std::move(handler));
  if (auto listening = inner->listen_there(); !listening) return pass(listening);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(inner)));
}

void ControlServer::reply(ControlToken token, std::string_view answer) {
  inner_->reply(token, answer);
}
std::size_t ControlServer::clients() const { return inner_->clients.size(); }

}  // namespace cloister::transport
