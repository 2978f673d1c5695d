#include "protocol/worker_frame.h"

#include <algorithm>

#include "base/ensure.h"

namespace cloister::protocol {
namespace {

constexpr std::size_t name_bytes_max = 200;

bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max || name.front() == '/') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
           c == '/';
  });
}

tl::unexpected<Error> garbage(std::string_view detail) {
  return fail(Kind::corrupt, "worker.garbage",
              fmt::format("The worker wrote something that is no frame: {}.", detail),
              "Look at the worker's log; the attempt is given up and tried again.");
}

}  // namespace

Bytes frame_head(FrameType type, std::uint64_t payload_bytes) {
  Bytes head{static_cast<std::uint8_t>(type)};
  append(head, le64(payload_bytes));
  return head;
}

Bytes encode_frame(FrameType type, BytesView payload) {
  Bytes bytes = frame_head(type, payload.size());
  append(bytes, payload);
  return bytes;
}

Result<FrameHead> decode_frame_head(BytesView head, std::uint64_t limit) {
  ensure(head.size() >= worker_frame_head_bytes, "a whole frame head");
  if (head[0] < 1 || head[0] > 9) return garbage("unknown frame type");
  const std::uint64_t length = read_le64(head.subspan(1));
  if (length > limit) return garbage("a frame longer than its limit");
  return FrameHead{static_cast<FrameType>(head[0]), length};
}

Bytes named_payload_head(std::string_view name) {
  ensure(is_valid_name(name), "names of inputs and artifacts are ours");
  Bytes head{static_cast<std::uint8_t>(name.size() & 0xff),
             static_cast<std::uint8_t>(name.size() >> 8)};
  append(head, as_bytes(name));
  return head;
}

Result<NamedPayload> decode_named(BytesView payload) {
  if (payload.size() < 2) return garbage("no name");
  const std::size_t length = payload[0] + (static_cast<std::size_t>(payload[1]) << 8);
  if (payload.size() < 2 + length) return garbage("a name that runs past its frame");
  const std::string_view name = as_text(payload.subspan(2, length));
  if (!is_valid_name(name)) return garbage("a name with other characters than a-z 0-9 . _ - /");
  return NamedPayload{std::string(name), payload.subspan(2 + length)};
}

Result<std::optional<Frame>> FrameReader::next() {
  const BytesView left = BytesView(buffer_).subspan(taken_);
  if (left.size() < worker_frame_head_bytes) return std::optional<Frame>{};
  auto head = decode_frame_head(left, limit_);
  if (!head) return pass(head);
  if (left.size() - worker_frame_head_bytes < head->payload_bytes) return std::optional<Frame>{};
  const BytesView payload = left.subspan(worker_frame_head_bytes, head->payload_bytes);
  Frame frame{head->type, Bytes(payload.begin(), payload.end())};
  taken_ += worker_frame_head_bytes + head->payload_bytes;
  // Give the memory back once most of it is used up: frames of many megabytes pass through here.
  if (taken_ == buffer_.size() || taken_ > (1U << 20)) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  return std::optional<Frame>(std::move(frame));
}

}  // namespace cloister::protocol
