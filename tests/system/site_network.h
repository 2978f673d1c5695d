// A network namespace for one member of a consortium. In it are a loopback interface of its own and
// one listening socket, whose descriptor the outside holds: nothing else can be reached from there,
// neither this machine's loopback nor any other network. Needs no kernel module, and no privilege
// where users may have namespaces.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace cloister::system_test {

[[nodiscard]] sockaddr_in loopback_address(std::uint16_t port);

// A TCP socket on the loopback interface; does not block.
struct Listener {
  int descriptor = -1;
  std::uint16_t port = 0;
};
// Port 0: one that is free. None if the port is taken; errno says more.
[[nodiscard]] std::optional<Listener> listen_on_loopback(std::uint16_t port);

// Whether somebody listens on this port of the caller's loopback.
[[nodiscard]] bool is_reached(std::uint16_t port);

// The calling process moves into the namespaces of this folder (/proc/PID/ns); errno otherwise.
[[nodiscard]] bool enter_network(const std::filesystem::path& namespaces);

// Held by a child process, until the object or this process ends.
class SiteNetwork {
 public:
  // The error says why the kernel permits none here.
  [[nodiscard]] static tl::expected<SiteNetwork, std::string> make();
  SiteNetwork(SiteNetwork&& other) noexcept;
  SiteNetwork& operator=(SiteNetwork&&) = delete;
  ~SiteNetwork();

  // Its descriptor is the caller's, to close too.
  [[nodiscard]] const Listener& listener() const { return listener_; }
  // For enter_network(), as long as the object lives.
  [[nodiscard]] std::filesystem::path namespaces() const;
  // is_reached(), asked from the inside.
  [[nodiscard]] bool reaches(std::uint16_t port) const;
  // Whether this process runs in it; nothing if that cannot be seen (it may have ended).
  [[nodiscard]] std::optional<bool> holds(pid_t process) const;

 private:
  SiteNetwork(pid_t holder, Listener listener) : holder_(holder), listener_(listener) {}
  pid_t holder_ = -1;
  Listener listener_;
};

}  // namespace cloister::system_test
