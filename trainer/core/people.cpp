// What whoever runs the trainer asks of it, over its control socket.
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using provenance::Json;

Json status(const TrainerState& state, Instant now) {
  Json json = member::line_json(state.link);
  json.set("running", state.training ? state.training->text() : std::string{});
  json.set("predicting", state.predicting ? state.predicting->text() : std::string{});
  Json jobs = Json::array();
  for (const protocol::JobView& job : state.link.work().jobs) {
    jobs.push(Json()
                  .set("id", job.id.text())
                  .set("state", protocol::to_string(job.state))
                  .set("since", to_rfc3339(job.since))
                  .set("waits_for", job.waits_for));
  }
  return json.set("jobs", std::move(jobs)).set("keys", member::keys_json(state.link, now));
}

Result<std::string> forgive(TrainerState& state) {
  if (!state.link.watch().halted()) {
    return fail(Kind::conflict, "trainer.not_halted", "The trainer is not halted.",
                "Nothing to do.");
  }
  state.add(state.link.forgive());
  forget_witnessed(state);
  return provenance::to_jcs(Json().set("halted", false));
}

}  // namespace

void on_person(TrainerState& state, const member::PersonAsked& event, Instant now) {
  if (event.verb == "status")
    return state.tell(event.question, provenance::to_jcs(status(state, now)));
  if (event.verb == "forgive") return state.tell(event.question, forgive(state));
  if (event.verb == "rotate" || event.verb == "retire")
    return state.add(state.own_keys.asked(state.link, event, now));
  state.tell(event.question,
             fail(Kind::unsupported, "control.unknown_verb",
                  fmt::format("The trainer does not understand '{}'.", event.verb.substr(0, 40)),
                  "Upgrade the trainer, or see `cloister trainer --help`."));
}

}  // namespace cloister::trainer
