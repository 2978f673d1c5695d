#include "member-shell/control.h"

namespace cloister::member_shell {
namespace {

using provenance::Json;
using provenance::text_or_empty;

Json error_json(const Error& error) {
  return Json().set("error", Json()
                                 .set("kind", to_string(error.kind))
                                 .set("code", error.code)
                                 .set("what", error.what)
                                 .set("next", error.next));
}

}  // namespace

Result<std::unique_ptr<Control>> Control::open(Shell& shell, const std::filesystem::path& home,
                                               ControlOptions options) {
  std::unique_ptr<Control> control(new Control(shell, std::move(options)));
  auto server = transport::ControlServer::open(
      shell.loop(), home / "control.sock",
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
  if (verb == "reopen") return reopen(token);
  if (const auto own = options_.own_verbs.find(verb); own != options_.own_verbs.end())
    return answer(token, own->second(about));
  const std::uint64_t question = next_question_++;
  waiting_[question] = token;
  shell_.handle(member::PersonAsked{question, verb, provenance::to_jcs(about)});
}

// Checked first: a mistake in a file must not be found out after the process has let go of its
// store.
void Control::reopen(transport::ControlToken token) {
  if (const auto good = options_.check_files(); !good)
    return answer(token, tl::unexpected<Error>(good.error()));
  answer(token, provenance::to_jcs(Json().set("reopening", true)));
  shell_.loop().after(Duration(100), [this] { shell_.reopen(); });  // the answer goes out first
}

}  // namespace cloister::member_shell
