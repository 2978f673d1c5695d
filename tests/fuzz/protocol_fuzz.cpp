// libFuzzer over messages between processes: FUZZ_PARSER is "message" (first byte: the method,
// from 128 on a reply's) or
// "header". Whatever the bytes, the decoder answers; what it accepts encodes and decodes again.
#include <cstdlib>
#include <string_view>

#include "protocol/envelope.h"
#include "protocol/plan.h"
#include "protocol/worker_frame.h"

using namespace cloister;
using namespace cloister::protocol;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void message(BytesView bytes) {
  if (bytes.empty()) return;
  const std::uint32_t method = bytes[0] < 128 ? bytes[0] : 1000U + bytes[0] - 128U;
  const BytesView body = bytes.subspan(1);
  if (const auto request = decode_request(method, body)) {
    must(decode_request(method, encode(*request)).has_value());
  }
  if (const auto reply = decode_reply(method, body)) {
    must(decode_reply(method, encode(*reply)).has_value());
  }
}

void header(BytesView bytes) {
  (void)decode_header(bytes);
  (void)decode_envelope(bytes);
}

void plan(BytesView bytes) {
  const auto read = plan_from_json(as_text(bytes));
  if (read) must(plan_from_json(to_json(*read)) == *read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const char* const wanted = std::getenv("FUZZ_PARSER");
  const std::string_view name = wanted == nullptr ? "" : wanted;
  if (name == "message") {
    message({data, size});
  } else if (name == "header") {
    header({data, size});
  } else if (name == "plan") {
    plan({data, size});
  } else {
    std::abort();  // FUZZ_PARSER must name one of them
  }
  return 0;
}
