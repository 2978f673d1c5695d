#include "cli/worker_job.h"

#include <optional>

#include "cli/child.h"
#include "cli/json_read.h"
#include "protocol/worker_frame.h"

namespace cloister::cli {
namespace {

using protocol::Frame;
using protocol::FrameType;
using OnProgress = std::function<void(const provenance::Json&)>;

// What a worker says as it comes: progress is told at once, the outcome kept.
class Listener {
 public:
  explicit Listener(const OnProgress& on_progress) : on_progress_(on_progress) {}
  void hear(std::string_view piece) {
    reader_.feed(as_bytes(piece));
    for (auto frame = reader_.next(); frame && *frame; frame = reader_.next())
      take(std::move(**frame));
  }
  [[nodiscard]] const std::optional<Frame>& outcome() const { return outcome_; }

 private:
  void take(Frame frame) {
    if (frame.type == FrameType::result || frame.type == FrameType::failure) {
      outcome_ = std::move(frame);
    } else if (frame.type == FrameType::progress && on_progress_) {
      if (const auto told = provenance::parse_json(as_text(frame.payload))) on_progress_(*told);
    }
  }

  const OnProgress& on_progress_;
  protocol::FrameReader reader_;
  std::optional<Frame> outcome_;
};

}  // namespace

Result<provenance::Json> run_worker_job(const std::filesystem::path& worker,
                                        const provenance::Json& job, Duration limit,
                                        const OnProgress& on_progress) {
  Bytes in = protocol::encode_frame(FrameType::job, as_bytes(to_jcs(job)));
  append(in, protocol::encode_frame(FrameType::start, {}));
  Listener listener(on_progress);
  RunOptions options;
  options.in = as_text(in);
  options.limit = limit;
  options.on_out = [&](std::string_view piece) { listener.hear(piece); };
  const auto ran = run_program(worker, {}, options);
  if (!ran) return pass(ran);
  if (const auto& outcome = listener.outcome()) {
    auto json = provenance::parse_json(as_text(outcome->payload), {.bytes_max = 16U << 20});
    if (json && outcome->type == FrameType::result) return json;
    if (json) {
      Error error = error_in(*json);
      if (error.code.empty()) error.code = "worker.job";
      return tl::unexpected<Error>(std::move(error));
    }
  }
  return fail(Kind::unavailable, "worker.job",
              fmt::format("The worker ended with status {} and no result: {}", ran->status,
                          ran->err.substr(0, 300)),
              "Run `cloister doctor`.");
}

}  // namespace cloister::cli
