// The local control socket of an agent: people at the site and their agent, on one machine.
//
// A UNIX stream socket of mode 0600: whoever may open the file may ask; there is no other check.
// Each message is its length (u32 little-endian) and UTF-8 text, one JSON object; what the objects
// say is the owner's business. One request a client at a time; an answer may take as long as it
// likes. A client that sends more than control_bytes_max is cut off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "transport/event_loop.h"

namespace cloister::transport {

inline constexpr std::size_t control_bytes_max = 4U << 20;
inline constexpr std::size_t control_clients_max = 32;

enum class ControlToken : std::uint64_t {};

class ControlServer {
 public:
  using Handler = std::function<void(ControlToken token, std::string request)>;

  // "control.in_use" if a living process answers there; a dead one's file is replaced.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> open(
      EventLoop& loop, const std::filesystem::path& path, Handler handler);
  ~ControlServer();  // removes the file
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Harmless if the client has gone.
  void reply(ControlToken token, std::string_view answer);
  [[nodiscard]] std::size_t clients() const;
  struct Inner;

 private:
  explicit ControlServer(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Blocking, for the CLI: needs no loop.
class ControlClient {
 public:
  // "control.unreachable" if no agent answers there.
  [[nodiscard]] static Result<ControlClient> open(const std::filesystem::path& path);
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&& other) noexcept;
  ~ControlClient();

  // "control.timeout" after `limit`; the connection is of no more use then.
  [[nodiscard]] Result<std::string> ask(std::string_view request, Duration limit);

 private:
  explicit ControlClient(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace cloister::transport
