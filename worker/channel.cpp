#include "worker/channel.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace cloister::worker {
namespace {

using nlohmann::json;

volatile std::sig_atomic_t stop_flag = 0;
void on_stop_signal(int) { stop_flag = 1; }

bool install_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;  // no SA_RESTART: a waiting read must wake up
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  return true;
}

json failure_document(const Error& error) {
  return {{"kind", to_string(error.kind)},
          {"code", error.code},
          {"what", error.what},
          {"next", error.next}};
}

tl::unexpected<Error> bad_frame(std::string what) {
  return fail(Kind::invalid, "worker.bad_frame", std::move(what),
              "cloister-worker is started by the agent or the trainer, not by hand.");
}

}  // namespace

bool stop_requested() {
  static const bool installed = install_handlers();
  return installed && stop_flag != 0;
}

Error stopped_error() {
  return {Kind::unavailable, "worker.stopped", "The worker was asked to stop.",
          "Start the job again; it resumes from its last checkpoint."};
}

Channel::Channel(int input, int output) : input_(input), output_(output) {
  const json failure = failure_document(
      {Kind::exhausted, "worker.out_of_memory", "The job needs more memory than it may have.",
       "Raise the memory limit of the site's policy, or use a smaller budget."});
  out_of_memory_frame_ =
      protocol::encode_frame(protocol::FrameType::failure, as_bytes(failure.dump()));
}

Result<std::size_t> Channel::read_fully(std::span<std::uint8_t> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    if (stop_requested()) return tl::unexpected<Error>(stopped_error());
    const ssize_t got = read(input_, into.data() + done, into.size() - done);
    if (got == 0) return done;
    if (got < 0 && errno != EINTR) return bad_frame("Standard input cannot be read.");
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::optional<protocol::Frame>> Channel::receive() {
  std::array<std::uint8_t, protocol::worker_frame_head_bytes> head{};
  const auto got = read_fully(head);
  if (!got) return pass(got);
  if (*got == 0) return std::nullopt;
  if (*got < head.size()) return bad_frame("Standard input ended within a frame.");
  const auto decoded = protocol::decode_frame_head(head);
  if (!decoded) return bad_frame("Standard input holds bytes that are no frame.");
  protocol::Frame frame{decoded->type, {}};
  // Grown as bytes arrive: a length alone must not make us ask for gigabytes.
  constexpr std::uint64_t step = 64ULL << 20;
  std::uint64_t left = decoded->payload_bytes;
  while (left > 0) {
    const auto piece = static_cast<std::size_t>(std::min(left, step));
    const std::size_t start = frame.payload.size();
    frame.payload.resize(start + piece);
    const auto filled = read_fully(std::span(frame.payload).subspan(start));
    if (!filled) return pass(filled);
    if (*filled < piece) return bad_frame("Standard input ended within a frame.");
    left -= piece;
  }
  return frame;
}

void Channel::write_fully(BytesView bytes) {
  while (!bytes.empty() && !broken_) {
    const ssize_t put = write(output_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      broken_ = true;
      return;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void Channel::send(protocol::FrameType type, const json& document) {
  // Names of files may be no UTF-8; they must not end the conversation.
  const std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  write_fully(protocol::encode_frame(type, as_bytes(text)));
}

void Channel::send_checkpoint(BytesView bytes) {
  write_fully(protocol::frame_head(protocol::FrameType::checkpoint, bytes.size()));
  write_fully(bytes);
}

void Channel::send_artifact(std::string_view name, BytesView content) {
  const Bytes head = protocol::named_payload_head(name);
  write_fully(protocol::frame_head(protocol::FrameType::artifact, head.size() + content.size()));
  write_fully(head);
  write_fully(content);
}

void Channel::send_failure(const Error& error) {
  send(protocol::FrameType::failure, failure_document(error));
}

void Channel::send_out_of_memory() { write_fully(out_of_memory_frame_); }

}  // namespace cloister::worker
