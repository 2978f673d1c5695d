#include "site-agent/control.h"

#include <filesystem>

#include "base/log.h"
#include "config/units.h"

namespace cloister::site_agent {
namespace {

namespace fs = std::filesystem;
using provenance::Json;
using provenance::text_or_empty;

Json error_json(const Error& error) {
  return Json().set("error", Json()
                                 .set("kind", to_string(error.kind))
                                 .set("code", error.code)
                                 .set("what", error.what)
                                 .set("next", error.next));
}

struct Check {
  std::string name;
  bool good = false;
  std::string what;
  std::string next;
};

Json to_json(const Check& check) {
  return Json()
      .set("name", check.name)
      .set("good", check.good)
      .set("what", check.what)
      .set("next", check.good ? std::string() : check.next);
}

Check check_data(const SitePolicy& policy) {
  std::error_code error;
  const bool good = !policy.data_root.empty() && fs::is_directory(policy.data_root, error) &&
                    fs::directory_iterator(policy.data_root, error) != fs::directory_iterator();
  return {
      "data", good && !error,
      good ? fmt::format("The data folder '{}' can be read.", policy.data_root)
           : fmt::format("The data folder '{}' is missing, empty or unreadable.", policy.data_root),
      "Set data_root in policy.toml and give this user the right to read it."};
}

Check check_disk(const fs::path& home) {
  constexpr std::uint64_t free_min = 2ULL << 30;
  std::error_code error;
  const auto space = fs::space(home, error);
  const bool good = !error && space.available >= free_min;
  return {"disk", good,
          error ? "The free space of the home folder cannot be read."
                : fmt::format("{} are free for vault and outbox.",
                              config::size_text(space.available >> 20 << 20)),
          "Make room: sealed shards wait on this disk until they are uploaded."};
}

Check check_line(transport::ConnectionState state, const std::string& address) {
  const bool good = state == transport::ConnectionState::open;
  return {
      "coordinator", good,
      fmt::format("The line to the coordinator at {} is {}.", address, good ? "open" : "not open"),
      "Check the address in agent.toml, the network, and whether the coordinator runs."};
}

}  // namespace

Result<std::unique_ptr<Control>> Control::open(member_shell::Shell& shell, const Config& config) {
  std::unique_ptr<Control> control(new Control(shell, config));
  auto server = transport::ControlServer::open(
      shell.loop(), config.home.home / "control.sock",
      [self = control.get()](transport::ControlToken token, std::string request) {
        self->on_request(token, request);
      });
  if (!server) return pass(server);
  control->server_ = std::move(*server);
  return control;
}

void Control::answer(transport::ControlToken token, const Result<std::string>& json) {
  if (!json) return server_->reply(token, provenance::to_jcs(error_json(json.error())));
  server_->reply(token, "{\"result\":" + *json + "}");
}

void Control::tell(const member::Tell& tell) {
  const auto waiting = waiting_.find(tell.question);
  if (waiting == waiting_.end()) return;
  answer(waiting->second, tell.json);
  waiting_.erase(waiting);
}

void Control::on_request(transport::ControlToken token, const std::string& request) {
  const auto json = provenance::parse_json(
      request,
      {.bytes_max = transport::control_bytes_max, .depth_max = 32, .values_max = 1'000'000});
  if (!json) return answer(token, tl::unexpected<Error>(json.error()));
  const std::string verb = text_or_empty(*json, "verb");
  const Json* body = json->find("body");
  const Json about = body == nullptr || body->fields() == nullptr ? Json::object() : *body;
  if (verb == "report") return answer(token, report(about));
  if (verb == "doctor") return answer(token, doctor());
  if (verb == "reopen") return reopen(token);
  const std::uint64_t question = next_question_++;
  waiting_[question] = token;
  shell_.handle(member::PersonAsked{question, verb, provenance::to_jcs(about)});
}

// Checked first: a mistake in a file must not be found out after the agent has let go of its store.
void Control::reopen(transport::ControlToken token) {
  const auto fresh = load_config(config_.file);
  if (!fresh) return answer(token, tl::unexpected<Error>(fresh.error()));
  answer(token, provenance::to_jcs(Json().set("reopening", true)));
  shell_.loop().after(Duration(100), [this] { shell_.reopen(); });  // the answer goes out first
}

// The site's own report: where it lies, and what it holds. The files stay at the site.
Result<std::string> Control::report(const Json& body) const {
  const fs::path folder = config_.home.home / "reports";
  const std::string study = text_or_empty(body, "study");
  Json files = Json::array();
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file(error)) continue;
    const std::string name = fs::relative(entry.path(), folder, error).string();
    if (study.empty() || name.starts_with(study + "-")) files.push(name);
  }
  return provenance::to_jcs(Json().set("folder", folder.string()).set("files", std::move(files)));
}

std::string Control::doctor() const {
  Json checks = Json::array();
  checks.push(to_json(check_line(shell_.line(), to_string(config_.home.coordinator))));
  checks.push(to_json(check_data(config_.policy)));
  checks.push(to_json(check_disk(config_.home.home)));
  const auto worker = member_shell::find_worker(config_.home.worker);
  checks.push(
      to_json({"worker", worker.has_value(),
               worker ? fmt::format("The worker is '{}'.", worker->string()) : worker.error().what,
               worker ? std::string() : worker.error().next}));
  return provenance::to_jcs(Json().set("checks", std::move(checks)));
}

}  // namespace cloister::site_agent
