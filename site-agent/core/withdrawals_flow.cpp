// What an agent does when a site withdraws, its own or another: it stops what reads what was made
// from the data, ends predictions under way, and says so under its signature.
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

// A person who waits for a mask is told; the model that would make it is out of use.
void end_predictions(AgentState& state, const StudyId& study) {
  std::vector<JobId> ending;
  for (const auto& [name, prediction] : state.predictions) {
    if (prediction.study == study) ending.push_back(name);
  }
  for (const JobId& name : ending) {
    end_prediction(state, name,
                   fail(Kind::forbidden, "predict.withdrawn",
                        "The study's model was made from data that a site has withdrawn.",
                        "Wait for the next model; `cloister site status` says when it is there."));
  }
}

}  // namespace

void confirm_withdrawals(AgentState& state, Instant now) {
  for (const protocol::StudyView& view : state.link.work().studies) {
    state.confirm_withdrawals(
        view, now, [&](const member::Withdrawals&) { end_predictions(state, view.study); });
  }
}

Result<std::string> withdrawable(const AgentState& state, const StudyId& study) {
  provenance::Json list = provenance::Json::array();
  for (const auto& [digest, product] : state.products.all()) {
    if (product.study == study && product.kind == "register-data") list.push(digest);
  }
  if (list.items()->empty()) {
    return fail(Kind::not_found, "withdraw.nothing",
                fmt::format("No data of this site are registered in study '{}'.", study),
                "List the studies with `cloister site status`.");
  }
  return provenance::to_jcs(
      provenance::Json().set("study", study.text()).set("datasets", std::move(list)));
}

}  // namespace cloister::site_agent
