#include "cli/agent_line.h"

#include "cli/json_read.h"
#include "transport/event_loop.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

// What it may take a process to stop its worker and to open its store again.
constexpr Duration reopen_max{30'000};

}  // namespace

Result<AgentLine> AgentLine::open(const std::filesystem::path& home) {
  auto client = transport::ControlClient::open(home / "control.sock");
  if (!client) return pass(client);
  return AgentLine(std::move(*client));
}

Result<AgentLine> AgentLine::open_trainer(const std::filesystem::path& home) {
  auto line = open(home);
  if (line || line.error().code != "control.unreachable") return line;
  return fail(Kind::unavailable, "control.unreachable",
              fmt::format("No trainer answers at '{}'.", (home / "control.sock").string()),
              "Start cloister-trainer, or point --trainer at the home of a running one.");
}

Result<Json> AgentLine::ask(const std::string& verb, Json body, Duration limit) {
  const Json request = Json::object().set("verb", verb).set("body", std::move(body));
  auto text = client_.ask(to_jcs(request), limit);
  if (!text) return pass(text);
  auto answer = provenance::parse_json(
      *text, {.bytes_max = transport::control_bytes_max, .depth_max = 32, .values_max = 1'000'000});
  if (!answer) return pass(answer);
  if (const Json* error = answer->find("error")) return tl::unexpected<Error>(error_in(*error));
  if (const Json* result = answer->find("result")) return *result;
  return std::move(*answer);
}

Result<bool> answers_status(AgentLine& process) {
  auto status = process.ask("status", Json::object(), reopen_look);
  if (!status) return pass(status);
  return true;
}

Result<AgentLine> reopen_process(const std::filesystem::path& home, const IsReopened& is_reopened) {
  auto process = AgentLine::open(home);
  if (!process) return process;
  if (auto asked = process->ask("reopen"); !asked) return pass(asked);
  const SystemClock clock;
  const Duration end = clock.monotonic() + reopen_max;
  while (true) {
    transport::EventLoop(clock).run_until([] { return false; }, reopen_look);
    process = AgentLine::open(home);
    // One that is still on its way down takes questions, and answers none.
    const auto is = process ? is_reopened(*process) : Result<bool>(pass(process));
    if (is && *is) return process;
    if (clock.monotonic() < end) continue;
    if (!is) return pass(is);
    return fail(Kind::unavailable, "control.not_reopened",
                fmt::format("The process of '{}' was asked to read its files again and does not "
                            "run with them.",
                            home.string()),
                "Look at its log, then run the same command again.");
  }
}

Result<protocol::SignerState> AgentDesk::place_of(const MemberId& member) {
  auto told = line_.ask("signer", Json::object().set("member", member.text()));
  if (!told) return pass(told);
  auto last = provenance::count_at(*told, "last_seq");
  if (!last) return pass(last);
  protocol::SignerState state;
  state.last_seq = *last;
  if (*last > 0) {
    auto leaf = provenance::digest_at(*told, "last_leaf");
    if (!leaf) return pass(leaf);
    state.last_leaf = *leaf;
  }
  return state;
}

Result<void> AgentDesk::submit(const std::vector<Bytes>& envelopes) {
  Json list = Json::array();
  for (const Bytes& envelope : envelopes) list.push(as_text(envelope));
  auto told = line_.ask("submit", Json::object().set("envelopes", std::move(list)));
  if (!told) return pass(told);
  return {};
}

}  // namespace cloister::cli
