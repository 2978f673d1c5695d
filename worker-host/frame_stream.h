// Frames from a worker, flat in memory: messages come whole, content is handed on piece by piece.
// (protocol::FrameReader holds whole frames and is for small ones; a shard may have gigabytes.)
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/worker_frame.h"

namespace cloister::worker_host {

// One JSON message of a worker.
inline constexpr std::uint64_t message_bytes_max = 4ULL << 20;

// What a worker says. Called from within pump(); an error ends the worker ("worker.refused" and
// whatever the listener says).
class WorkerListener {
 public:
  virtual ~WorkerListener() = default;
  // progress, result, failure, warning: JSON text.
  virtual Result<void> on_message(protocol::FrameType type, std::string json) = 0;
  // artifact (with its name) or checkpoint (name empty): begin, pieces, end.
  virtual Result<void> on_content_begin(protocol::FrameType type, std::string name,
                                        std::uint64_t bytes) = 0;
  virtual Result<void> on_content(BytesView piece) = 0;
  virtual Result<void> on_content_end() = 0;
};

class FrameStream {
 public:
  // `listener` must outlive this.
  explicit FrameStream(WorkerListener& listener) : listener_(listener) {}
  // Any number of bytes, cut anywhere. After an error the stream cannot be followed any more.
  [[nodiscard]] Result<void> feed(BytesView bytes);
  // Whether the worker stopped between two frames.
  [[nodiscard]] bool at_rest() const { return state_ == State::head && buffer_.empty(); }

 private:
  enum class State { head, message, name, content };
  [[nodiscard]] Result<std::size_t> take(BytesView bytes);
  [[nodiscard]] Result<std::size_t> take_name(BytesView bytes);
  [[nodiscard]] Result<void> on_head();
  [[nodiscard]] Result<void> on_message();
  [[nodiscard]] Result<void> on_name();
  [[nodiscard]] Result<void> begin_content(std::string name);
  [[nodiscard]] Result<void> end_content();
  [[nodiscard]] std::size_t fill(BytesView bytes, std::uint64_t wanted);

  WorkerListener& listener_;
  State state_ = State::head;
  protocol::FrameType type_ = protocol::FrameType::progress;
  std::uint64_t payload_left_ = 0;  // of the present frame, after what was handed on
  Bytes buffer_;
};

}  // namespace cloister::worker_host
