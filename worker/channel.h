// The worker's end of the pipes to its host (protocol/worker_frame.h). One thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/worker_frame.h"

namespace cloister::worker {

// True once SIGTERM or SIGINT came. Installs its handlers at the first call.
[[nodiscard]] bool stop_requested();
[[nodiscard]] Error stopped_error();

class Channel {
 public:
  // Borrows both descriptors.
  Channel(int input, int output);

  // Waits for the next frame. nullopt: the host closed its end between two frames.
  // "worker.bad_frame": what came is no frame. "worker.stopped": a signal came while waiting.
  [[nodiscard]] Result<std::optional<protocol::Frame>> receive();

  void send(protocol::FrameType type, const nlohmann::json& document);
  void send_checkpoint(BytesView bytes);
  void send_artifact(std::string_view name, BytesView content);
  void send_failure(const Error& error);
  // As the last word when there is no memory left: the frame was made beforehand.
  void send_out_of_memory();
  // The host is gone or its pipe is broken: nothing that is sent arrives any more.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  // How many bytes came before the end of the file.
  [[nodiscard]] Result<std::size_t> read_fully(std::span<std::uint8_t> into);
  void write_fully(BytesView bytes);

  int input_;
  int output_;
  Bytes out_of_memory_frame_;
  bool broken_ = false;
};

}  // namespace cloister::worker
