#include "worker-host/frame_stream.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::worker_host;
using protocol::FrameType;

namespace {

// Writes down what it hears, one line an event.
class Heard final : public WorkerListener {
 public:
  Result<void> on_message(FrameType type, std::string json) override {
    text += fmt::format("message {} {}\n", static_cast<int>(type), json);
    return {};
  }
  Result<void> on_content_begin(FrameType type, std::string name, std::uint64_t bytes) override {
    text += fmt::format("begin {} '{}' {}\n", static_cast<int>(type), name, bytes);
    content.clear();
    return {};
  }
  Result<void> on_content(BytesView piece) override {
    largest = std::max(largest, piece.size());
    append(content, piece);
    return {};
  }
  Result<void> on_content_end() override {
    text += fmt::format("end '{}'\n", as_text(content));
    return {};
  }
  std::string text;
  Bytes content;
  std::size_t largest = 0;
};

Bytes artifact(std::string_view name, std::string_view content) {
  Bytes payload = protocol::named_payload_head(name);
  append(payload, as_bytes(content));
  return protocol::encode_frame(FrameType::artifact, payload);
}

Bytes a_conversation() {
  Bytes all = protocol::encode_frame(FrameType::progress, as_bytes(R"({"step":1})"));
  append(all, artifact("shards/1.safetensors", "codes"));
  append(all, protocol::encode_frame(FrameType::checkpoint, as_bytes("state")));
  append(all, artifact("empty", ""));
  append(all, protocol::encode_frame(FrameType::result, as_bytes("{}")));
  return all;
}

const std::string heard_all =
    "message 4 {\"step\":1}\n"
    "begin 6 'shards/1.safetensors' 5\nend 'codes'\n"
    "begin 5 '' 5\nend 'state'\n"
    "begin 6 'empty' 0\nend ''\n"
    "message 7 {}\n";

}  // namespace

TEST_CASE("frames are understood however they are cut", "[worker-host]") {
  const Bytes all = a_conversation();
  for (std::size_t step = 1; step <= all.size(); ++step) {
    Heard heard;
    FrameStream stream(heard);
    for (std::size_t at = 0; at < all.size(); at += step) {
      const std::size_t count = std::min(step, all.size() - at);
      REQUIRE(stream.feed(BytesView(all).subspan(at, count)).has_value());
    }
    REQUIRE(heard.text == heard_all);
    REQUIRE(stream.at_rest());
  }
}

TEST_CASE("content is handed on piece by piece, never collected", "[worker-host]") {
  Heard heard;
  FrameStream stream(heard);
  const Bytes whole = artifact("big", std::string(1'000'000, 'x'));
  for (std::size_t at = 0; at < whole.size(); at += 1000) {
    REQUIRE(
        stream.feed(BytesView(whole).subspan(at, std::min<std::size_t>(1000, whole.size() - at)))
            .has_value());
  }
  CHECK(heard.largest <= 1000);
  CHECK(heard.content.size() == 1'000'000);
}

TEST_CASE("garbage from a worker is refused", "[worker-host]") {
  const auto refused = [](const Bytes& bytes) {
    Heard heard;
    FrameStream stream(heard);
    const auto ok = stream.feed(bytes);
    return !ok && ok.error().code == "worker.garbage";
  };
  CHECK(refused(Bytes(9, 0)));                                             // no such type
  CHECK(refused(protocol::encode_frame(FrameType::job, as_bytes("{}"))));  // only hosts say that
  CHECK(refused(protocol::frame_head(FrameType::result, message_bytes_max + 1)));
  CHECK(refused(protocol::frame_head(FrameType::checkpoint, protocol::worker_frame_bytes_max + 1)));
  CHECK(refused(protocol::encode_frame(FrameType::artifact, Bytes{1, 0})));  // name, then nothing
  CHECK(refused(protocol::encode_frame(FrameType::artifact, Bytes{0, 0, 7})));  // empty name
  CHECK(refused(protocol::encode_frame(FrameType::artifact, Bytes{9, 0, 'a'})));
  CHECK(refused(protocol::encode_frame(FrameType::artifact, Bytes{2, 0, '.', '.'})));
}
