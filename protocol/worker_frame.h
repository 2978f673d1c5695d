// How a worker and its host talk over the worker's stdin and stdout: frames of
//   type u8 | payload length u64 little-endian | payload
// Payloads: JSON text for job, progress, result, failure and warning; for input and artifact
// name length u16 little-endian | name | content; for checkpoint raw bytes.
// A worker is our own program but parses hostile files, so the host reads its frames with limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister::protocol {

enum class FrameType : std::uint8_t {
  job = 1,         // host -> worker: what to do (JSON)
  input = 2,       // host -> worker: named bytes (weights, shards, secrets, a checkpoint)
  start = 3,       // host -> worker: all inputs of this job are there (empty)
  progress = 4,    // worker -> host (JSON)
  checkpoint = 5,  // worker -> host: bytes to seal and keep
  artifact = 6,    // worker -> host: named bytes
  result = 7,      // worker -> host: the job is done (JSON)
  failure = 8,     // worker -> host: the job failed: {kind, code, what, next}
  warning = 9,     // worker -> host: something a person should know {code, what}
};

struct Frame {
  FrameType type = FrameType::progress;
  Bytes payload;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// One frame may hold a patient's shard or a network, never more.
inline constexpr std::uint64_t worker_frame_bytes_max = 4ULL << 30;
inline constexpr std::size_t worker_frame_head_bytes = 9;

// In a worker's environment where its host gave it a network of its own, with a loopback.
inline constexpr const char* own_network_variable = "CLOISTER_OWN_NETWORK";

[[nodiscard]] Bytes frame_head(FrameType type, std::uint64_t payload_bytes);
[[nodiscard]] Bytes encode_frame(FrameType type, BytesView payload);

struct FrameHead {
  FrameType type = FrameType::progress;
  std::uint64_t payload_bytes = 0;
};
// `head` has worker_frame_head_bytes bytes. Refuses unknown types and lengths above `limit`.
[[nodiscard]] Result<FrameHead> decode_frame_head(BytesView head,
                                                  std::uint64_t limit = worker_frame_bytes_max);

// Payload of an input or artifact frame.
[[nodiscard]] Bytes named_payload_head(std::string_view name);
struct NamedPayload {
  std::string name;   // 1..200 characters of [a-z0-9._/-], no "..", not absolute
  BytesView content;  // points into the payload it was decoded from
};
[[nodiscard]] Result<NamedPayload> decode_named(BytesView payload);

// Collects bytes as they arrive and hands out whole frames.
class FrameReader {
 public:
  explicit FrameReader(std::uint64_t limit = worker_frame_bytes_max) : limit_(limit) {}
  void feed(BytesView bytes) { append(buffer_, bytes); }
  // A frame, nothing yet, or an error after which the stream cannot be followed any more.
  [[nodiscard]] Result<std::optional<Frame>> next();

 private:
  std::uint64_t limit_;
  Bytes buffer_;
  std::size_t taken_ = 0;
};

}  // namespace cloister::protocol
