#include "worker-host/frame_stream.h"

#include <algorithm>

namespace cloister::worker_host {
namespace {

using protocol::FrameType;

bool is_content(FrameType type) {
  return type == FrameType::artifact || type == FrameType::checkpoint;
}

bool is_from_worker(FrameType type) {
  return type == FrameType::progress || type == FrameType::result || type == FrameType::failure ||
         type == FrameType::warning || is_content(type);
}

tl::unexpected<Error> garbage(std::string_view detail) {
  return fail(Kind::corrupt, "worker.garbage",
              fmt::format("The worker wrote something that is no frame of its own: {}.", detail),
              "Look at the worker's log; the attempt is given up and tried again.");
}

}  // namespace

Result<void> FrameStream::feed(BytesView bytes) {
  while (!bytes.empty()) {
    auto taken = take(bytes);
    if (!taken) return pass(taken);
    bytes = bytes.subspan(*taken);
  }
  return {};
}

// Moves bytes into the buffer until it holds `wanted`; says how many it took.
std::size_t FrameStream::fill(BytesView bytes, std::uint64_t wanted) {
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), wanted - buffer_.size()));
  append(buffer_, bytes.first(count));
  return count;
}

Result<std::size_t> FrameStream::take(BytesView bytes) {
  std::size_t taken = 0;
  switch (state_) {
    case State::head:
      taken = fill(bytes, protocol::worker_frame_head_bytes);
      if (buffer_.size() < protocol::worker_frame_head_bytes) return taken;
      if (auto ok = on_head(); !ok) return pass(ok);
      return taken;
    case State::message:
      taken = fill(bytes, payload_left_);
      if (buffer_.size() < payload_left_) return taken;
      if (auto ok = on_message(); !ok) return pass(ok);
      return taken;
    case State::name:
      return take_name(bytes);
    case State::content:
      break;
  }
  taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), payload_left_));
  if (auto ok = listener_.on_content(bytes.first(taken)); !ok) return pass(ok);
  payload_left_ -= taken;
  if (auto ok = end_content(); !ok) return pass(ok);
  return taken;
}

Result<std::size_t> FrameStream::take_name(BytesView bytes) {
  if (buffer_.size() < 2) return fill(bytes, 2);
  const std::uint64_t wanted = 2 + buffer_[0] + (std::uint64_t{buffer_[1]} << 8);
  if (wanted > payload_left_) return garbage("a name that runs past its frame");
  const std::size_t taken = fill(bytes, wanted);
  if (buffer_.size() < wanted) return taken;
  if (auto ok = on_name(); !ok) return pass(ok);
  return taken;
}

Result<void> FrameStream::on_head() {
  auto head = protocol::decode_frame_head(buffer_);
  buffer_.clear();
  if (!head) return pass(head);
  if (!is_from_worker(head->type)) return garbage("a frame that only the host may send");
  type_ = head->type;
  payload_left_ = head->payload_bytes;
  if (!is_content(type_)) {
    if (payload_left_ > message_bytes_max) return garbage("a message longer than its limit");
    state_ = State::message;
    return payload_left_ == 0 ? on_message() : Result<void>{};
  }
  if (type_ == FrameType::artifact) {
    state_ = State::name;
    return payload_left_ < 3 ? Result<void>(garbage("an artifact without a name")) : Result<void>{};
  }
  return begin_content({});
}

Result<void> FrameStream::on_message() {
  std::string json(as_text(buffer_));
  buffer_.clear();
  state_ = State::head;
  return listener_.on_message(type_, std::move(json));
}

Result<void> FrameStream::on_name() {
  auto named = protocol::decode_named(buffer_);
  if (!named) return pass(named);
  payload_left_ -= buffer_.size();
  buffer_.clear();
  return begin_content(std::move(named->name));
}

Result<void> FrameStream::begin_content(std::string name) {
  state_ = State::content;
  if (auto ok = listener_.on_content_begin(type_, std::move(name), payload_left_); !ok) return ok;
  return end_content();
}

Result<void> FrameStream::end_content() {
  if (payload_left_ > 0) return {};
  state_ = State::head;
  return listener_.on_content_end();
}

}  // namespace cloister::worker_host
