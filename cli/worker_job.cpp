#include "cli/worker_job.h"

#include "cli/child.h"
#include "protocol/worker_frame.h"

namespace cloister::cli {

Result<provenance::Json> run_worker_job(
    const std::filesystem::path& worker, const provenance::Json& job, Duration limit,
    const std::function<void(const provenance::Json&)>& on_progress) {
  Bytes in = protocol::encode_frame(protocol::FrameType::job, as_bytes(to_jcs(job)));
  append(in, protocol::encode_frame(protocol::FrameType::start, {}));
  RunOptions options;
  options.in = as_text(in);
  options.limit = limit;
  protocol::FrameReader meanwhile;
  if (on_progress) {
    options.on_out = [&](std::string_view piece) {
      meanwhile.feed(as_bytes(piece));
      for (auto frame = meanwhile.next(); frame && *frame; frame = meanwhile.next()) {
        if ((*frame)->type != protocol::FrameType::progress) continue;
        if (const auto told = provenance::parse_json(as_text((*frame)->payload)))
          on_progress(*told);
      }
    };
  }
  auto ran = run_program(worker, {}, options);
  if (!ran) return pass(ran);
  protocol::FrameReader reader;
  reader.feed(as_bytes(ran->out));
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
    const bool is_result = (*frame)->type == protocol::FrameType::result;
    if (!is_result && (*frame)->type != protocol::FrameType::failure) continue;
    auto json = provenance::parse_json(as_text((*frame)->payload), {.bytes_max = 16U << 20});
    if (!json) break;
    if (is_result) return json;
    return fail(Kind::unavailable, "worker.job", provenance::text_or_empty(*json, "what"),
                provenance::text_or_empty(*json, "next"));
  }
  return fail(Kind::unavailable, "worker.job",
              fmt::format("The worker ended with status {} and no result: {}", ran->status,
                          ran->err.substr(0, 300)),
              "Run `cloister doctor`.");
}

}  // namespace cloister::cli
