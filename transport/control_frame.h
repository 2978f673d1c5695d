// Private to the room: messages on a stream socket, length (u32 little-endian) and text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cloister::transport {

[[nodiscard]] std::string control_frame(std::string_view text);

// Collects bytes and gives out texts.
class ControlFrames {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  // A text, nothing yet, or "control.too_large" after which the stream is of no more use.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::string buffer_;
};

}  // namespace cloister::transport
