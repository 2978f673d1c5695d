#include "coordinator/figures.h"

#include <map>

namespace cloister::coordinator {
namespace {

constexpr Duration show_every{5'000};

constexpr metrics::Figure records{"cloister_ledger_records", "Records in the ledger."};
constexpr metrics::Figure members{"cloister_members", "Members by state."};
constexpr metrics::Figure studies{"cloister_studies", "Studies by phase."};
constexpr metrics::Figure jobs{"cloister_jobs", "Jobs by state."};
constexpr metrics::Figure stuck{"cloister_refused_drafts",
                                "Records of the coordinator's own that the ledger refused."};
constexpr metrics::Figure refused{"cloister_refused",
                                  "Requests and records refused since the start, by code."};

}  // namespace

Figures::Figures(std::unique_ptr<metrics::Metrics> metrics, transport::EventLoop& loop,
                 const Coordinator& core, const Ledger& ledger, const Serving& serving)
    : metrics_(std::move(metrics)), loop_(loop), core_(core), ledger_(ledger), serving_(serving) {
  show();
}

void Figures::show() {
  metrics_->set(records, static_cast<double>(ledger_.size()));
  metrics_->set(stuck, static_cast<double>(core_.stuck().size()));
  for (const auto& [code, count] : serving_.refused())
    metrics_->set(refused, static_cast<double>(count), {{"code", code}});
  std::map<std::string, double> by_state{{"active", 0}, {"revoked", 0}};
  for (const auto& [id, member] : core_.membership().all())
    by_state[member.is_active() ? "active" : "revoked"] += 1;
  for (const auto& [state, count] : by_state) metrics_->set(members, count, {{"state", state}});
  std::map<std::string, double> by_phase;
  std::map<std::string, double> by_job_state;
  // States that nobody is in any more must go back to nothing.
  for (int state = 1; state <= 8; ++state)
    by_job_state[std::string(protocol::to_string(static_cast<protocol::JobState>(state)))] = 0;
  for (const char* phase : {"open", "encoding", "training", "evaluation", "released", "closed"})
    by_phase[phase] = 0;
  for (const auto& [id, study] : core_.studies()) {
    by_phase[study.phase()] += 1;
    for (const auto& [job_id, job] : study.jobs())
      by_job_state[std::string(protocol::to_string(job.state))] += 1;
  }
  for (const auto& [phase, count] : by_phase) metrics_->set(studies, count, {{"phase", phase}});
  for (const auto& [state, count] : by_job_state) metrics_->set(jobs, count, {{"state", state}});
  loop_.after(show_every, [this, alive = alive_] {
    if (*alive) show();
  });
}

}  // namespace cloister::coordinator
