#include "site-agent/core/site_agent.h"

#include "base/ensure.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using provenance::count_at;
using provenance::digest_at;
using provenance::Json;
using provenance::text_or_empty;

Json stored_json(const Bytes& value) {
  auto json = provenance::parse_json(as_text(value), {.bytes_max = 64U << 20});
  ensure(json.has_value(), "what the agent stored can be read again");
  return std::move(*json);
}

void restore_left(AgentState& state, std::string_view rest, const Json& json) {
  const auto slash = rest.find('/');
  ensure(slash != std::string_view::npos, "a key of what left names study and manifest");
  const auto manifest = digest_from_hex(rest.substr(slash + 1));
  ensure(manifest.has_value(), "a key of what left names a manifest");
  state.left[{StudyId::trusted(std::string(rest.substr(0, slash))), *manifest}] = {
      count_at(json, "bytes").value_or(0), count_at(json, "cases").value_or(0),
      json.find("prediction") != nullptr,
      instant_from_rfc3339(text_or_empty(json, "at")).value_or(Instant())};
}

void restore(AgentState& state, const member::Stored& stored) {
  member::restore_worked(state.jobs, stored);
  for (const auto& [key, value] : stored) {
    const auto rest = [&](std::string_view prefix) { return key.substr(prefix.size()); };
    if (key.starts_with("approval/")) {
      state.approvals[JobId::trusted(rest("approval/"))] =
          digest_at(stored_json(value), "leaf").value_or(Digest{});
    } else if (key.starts_with("left/")) {
      restore_left(state, rest("left/"), stored_json(value));
    } else if (key.starts_with(stopped_prefix)) {
      state.stopped_here.emplace(JobId::trusted(rest(stopped_prefix)), Stopped::not_told);
    } else if (key == "policy") {
      const Json json = stored_json(value);
      state.published = PublishedPolicy{digest_at(json, "digest").value_or(Digest{}),
                                        text_or_empty(json, "signer")};
    }
  }
}

struct Dispatch {
  AgentState& state;
  Instant now;

  void operator()(const member::Started&) const {}
  void operator()(const member::Ticked&) const {}
  void operator()(const member::Answered&) const {}    // the link's
  void operator()(const member::Unanswered&) const {}  // the link's
  void operator()(const member::LineOpened&) const {}  // the link's
  void operator()(const member::LineFailed&) const {}  // the link's
  void operator()(const member::WorkerProgressed& event) const {
    state.link.set_progress(event.progress);
  }
  void operator()(const member::ArtifactKept& event) const { on_artifact(state, event); }
  void operator()(const member::WorkerFinished& event) const {
    on_worker_finished(state, event, now);
  }
  void operator()(const member::WorkerFailed& event) const { on_worker_failed(state, event, now); }
  void operator()(const member::FilesCommitted& event) const {
    on_files_committed(state, event, now);
  }
  void operator()(const member::Uploaded& event) const { on_uploaded(state, event.digest, now); }
  void operator()(const member::Downloaded& event) const {
    on_downloaded(state, event.digest, now);
  }
  void operator()(const member::TransferProgressed& event) const {
    const auto* job = state.find_job(event.job);
    state.show_transfer(event, job != nullptr && job->kind == "release");
  }
  void operator()(const member::TransferFailed& event) const {
    on_transfer_failed(state, event, now);
  }
  void operator()(const member::PersonAsked& event) const { on_person(state, event, now); }
};

bool is_busy(const AgentState& state) {
  return state.worker || !state.predictions.empty() || member::anything_moves(state.jobs);
}

}  // namespace

AgentState::AgentState(AgentOptions options_, const crypto::SecretKey& key,
                       const member::Stored& stored)
    : CoreState(options_.link, key, stored),
      options(std::move(options_)),
      products(stored),
      agreements(stored) {
  restore(*this, stored);
}

bool AgentState::policy_is_published() const {
  return published && published->digest == options.policy.digest;
}

Left AgentState::left_for(const StudyId& study, const Digest& besides) const {
  Left sum;
  for (const auto& [key, entry] : left) {
    if (key.first != study || key.second == besides) continue;
    sum.bytes += entry.bytes;
    sum.cases += entry.cases;
    if (entry.prediction) sum.prediction_cases += entry.cases;
  }
  return sum;
}

OrderContext AgentState::order_context(const member::Study& study,
                                       std::vector<ReplyBlob> replies) const {
  return {study, options.policy, products, site(), options.worker_device, std::move(replies)};
}

struct SiteAgent::Inner {
  AgentState state;
};

SiteAgent::SiteAgent(AgentOptions options, const crypto::SecretKey& key,
                     const member::Stored& stored)
    : inner_(new Inner{AgentState(std::move(options), key, stored)}) {}
SiteAgent::~SiteAgent() = default;

member::Actions SiteAgent::on(const member::Event& event, Instant now) {
  AgentState& state = inner_->state;
  if (const auto refused = state.hear(event, now)) on_refused(state, *refused, now);
  std::visit(Dispatch{state, now}, event);
  if (!state.link.watch().halted()) reconcile(state, now);
  return state.settle(is_busy(state), now);
}

std::optional<Instant> SiteAgent::next_deadline() const {
  return member::next_deadline(inner_->state.link, inner_->state.jobs);
}

void SiteAgent::leave_out(Result<std::vector<std::string>> withdrawn) {
  AgentState& state = inner_->state;
  state.withdrawn_unread = withdrawn ? std::optional<Error>() : withdrawn.error();
  if (withdrawn) state.options.policy.withdrawn = std::move(*withdrawn);
}

const member::Link& SiteAgent::link() const { return inner_->state.link; }

bool SiteAgent::is_idle() const {
  return !is_busy(inner_->state) && inner_->state.link.records().is_idle();
}

void SiteAgent::check_invariants() const {
  const AgentState& state = inner_->state;
  std::size_t running = 0;
  for (const auto& [id, local] : state.jobs) {
    running += local.step == LocalJob::Step::running ? 1 : 0;
    if (local.step == LocalJob::Step::running)
      ensure(state.worker == id, "who runs has the worker");
    if (local.step == LocalJob::Step::leaving || local.step == LocalJob::Step::wrapping) {
      const auto* job = state.find_job(id);
      ensure(job == nullptr || job->kind == "release", "only a release lets anything leave");
    }
  }
  ensure(running <= 1, "one worker at a time");
  for (const auto& [study, permits] : state.permits) {
    const Left sum = state.left_for(study, Digest{});
    ensure(sum.bytes <= state.options.policy.leave_bytes_max &&
               sum.cases <= state.options.policy.leave_cases_max,
           "never more leaves than the site's policy allows");
  }
}

}  // namespace cloister::site_agent
