// Releases take effect here once a quorum of the study's sites vouches for the history that holds
// them. Until then the job waits; it neither fails nor loses its lease.
#include <algorithm>

#include "member/witnessed.h"

#include "provenance/model_release.h"
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using protocol::JobView;
using Step = LocalJob::Step;

constexpr std::uint64_t quick_rounds = 20;  // then a person may want to know

// The sites cosign when they next hear of the ledger, which our question hastens.
Duration pause_after(std::uint64_t rounds) {
  if (rounds < 4) return Duration{250};
  return rounds < quick_rounds ? Duration{1'000} : Duration{10'000};
}

// Kept for good: whoever signed may leave the consortium, and what was found then still holds.
const std::string witnessed_prefix = "witnessed/";
const std::string tested_prefix = "tested/";

void keep(TrainerState& state, const std::string& prefix, const Digest& found) {
  state.out.push_back(member::Persist{prefix + to_hex(found), Bytes{1}});
}
void restore(const member::Stored& stored, const std::string& prefix, std::set<Digest>& into) {
  for (const auto& [name, value] : stored) {
    if (!name.starts_with(prefix)) continue;
    if (const auto digest = digest_from_hex(name.substr(prefix.size()))) into.insert(*digest);
  }
}
void forget(TrainerState& state, const std::string& prefix, std::set<Digest>& found) {
  for (const Digest& digest : found) state.forget(prefix + to_hex(digest));
  found.clear();
}

bool is_release_of(const member::SignedRecord& opened, const Digest& model,
                   const member::Study& study) {
  const provenance::Record& record = opened.record;
  if (record.kind != provenance::RecordKind::model_released || opened.signer.id != study.owner.id)
    return false;
  const auto names_it = [&](const auto& one) { return one.digest == model; };
  return std::any_of(record.inputs.begin(), record.inputs.end(), names_it) ||
         std::any_of(record.subjects.begin(), record.subjects.end(), names_it);
}

// As this trainer remembers it; of a network that an earlier version trained, every site counts.
std::set<std::string> sites_of(const TrainerState& state, const Digest& model,
                               const member::Study& study) {
  const auto found = state.learned_from.find(model);
  if (found != state.learned_from.end()) return found->second;
  return {study.plan.sites.begin(), study.plan.sites.end()};
}

// Whether the sites tested it, from what they signed: the coordinator's word is not enough.
Result<void> check_tests(TrainerState& state, const Digest& model, const LocalJob& local,
                         const member::Study& study, const std::string& reason) {
  if (state.tested.contains(model)) return {};
  provenance::MembershipTests tests(model);
  for (const auto& [index, record] : local.evidence) tests.take(record);
  if (auto ok = tests.allow(sites_of(state, model, study), reason); !ok) return ok;
  state.tested.insert(model);
  keep(state, tested_prefix, model);
  return {};
}

// The owner's release of the network that serves, as the study's later records say it.
Result<Digest> model_release(TrainerState& state, const JobView& job, const LocalJob& local,
                             const member::Study& study) {
  const auto model = std::find_if(job.inputs.begin(), job.inputs.end(),
                                  [](const auto& input) { return input.name == "model"; });
  for (const protocol::StudyView& view : state.link.work().studies) {
    if (view.study != job.study || model == job.inputs.end()) continue;
    for (const Bytes& envelope : view.more) {
      const auto opened = state.link.membership().open(envelope);
      if (!opened || opened->record.study != job.study ||
          !is_release_of(*opened, model->digest, study)) {
        continue;
      }
      const auto tested = check_tests(state, model->digest, local, study, opened->record.reason);
      if (!tested) return pass(tested);
      return opened->leaf;
    }
  }
  return fail(Kind::forbidden, "model.not_released",
              fmt::format("The owner of study '{}' did not release this network.", job.study),
              "Tell the study owner: the coordinator offers what was not released.");
}

// Requests on demand go under a standing permit, and name none of their own.
bool is_on_demand(const JobView& job, const LocalJob& local) {
  return job.kind == "predict" &&
         std::any_of(local.datasets.begin(), local.datasets.end(),
                     [](const Dataset& dataset) { return !dataset.permit_at; });
}

struct Question {
  JobId job;
  member::WitnessQuestion what;
};

// What one answer proves. The cosignatures are over our head: they count for every release in it.
void take_answer(TrainerState& state, LocalJob& local, const Question& question,
                 const member::WitnessAnswer& answer, const member::Study& study) {
  if (!member::proves_record(answer, question.what.record)) {
    local.head = state.link.watch().head_text();  // it may be newer than the head we asked about
    local.is_vouched = false;
    return;
  }
  if (!local.is_vouched) {
    const auto sites = member::witnesses(answer, study, state.link.membership());
    local.is_vouched = member::is_quorum(sites, study);
  }
  if (!local.is_vouched) return;
  local.unwitnessed.erase(question.what.record);
  state.witnessed.insert(question.what.record);
  keep(state, witnessed_prefix, question.what.record);
}

void end_round(TrainerState& state, const JobView& job, LocalJob& local, Instant at) {
  if (const auto ok = check_quarantine(state, job, local); !ok) {
    return fail_job(state, job, ok.error(), at);
  }
  local.not_before = Instant();
  if (local.unwitnessed.empty()) return fetch_keys(state, job, local);
  local.not_before = at + pause_after(local.rounds);
  if (++local.rounds != quick_rounds) return;
  state.notice(member::NoticeLevel::warn, "witness.quorum",
               fmt::format("Job '{}' waits: fewer sites than the plan's quorum have cosigned the "
                           "ledger with the releases in it. Nothing is opened before.",
                           job.id));
}

void on_answer(TrainerState& state, const Question& question, const Result<protocol::Reply>& reply,
               Instant at) {
  LocalJob* local = member::find_at(state.jobs, question.job, Step::witnessing);
  const JobView* job = state.find_job(question.job);
  const member::Study* study = job == nullptr ? nullptr : state.link.study(job->study);
  if (local == nullptr || study == nullptr || state.link.watch().halted()) return;
  if (local->unanswered > 0) --local->unanswered;
  const auto* told = reply ? std::get_if<protocol::Told>(&*reply) : nullptr;
  const auto answer = told == nullptr ? fail(Kind::unavailable, "witness.answer", "No answer.")
                                      : member::read_answer(question.what, *told);
  // An answer about a former head of ours is overtaken.
  if (answer && question.what.head == local->head) {
    take_answer(state, *local, question, *answer, *study);
  }
  if (local->unanswered == 0) end_round(state, *job, *local, at);
}

}  // namespace

void restore_witnessed(TrainerState& state, const member::Stored& stored) {
  restore(stored, witnessed_prefix, state.witnessed);
  restore(stored, tested_prefix, state.tested);
}

// What was vouched for stood in a history that a person has now let go of.
void forget_witnessed(TrainerState& state) {
  forget(state, witnessed_prefix, state.witnessed);
  forget(state, tested_prefix, state.tested);
}

void begin_witnessing(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  const member::Study* study = state.link.study(job.study);
  if (study != nullptr && is_on_demand(job, local)) {
    const auto release = model_release(state, job, local, *study);
    if (!release) return fail_job(state, job, release.error(), now);
    local.unwitnessed.insert(*release);
  }
  for (const Digest& release : state.witnessed) local.unwitnessed.erase(release);
  if (local.unwitnessed.empty()) return fetch_keys(state, job, local);
  local.step = Step::witnessing;
  local.head = state.link.watch().head_text();
  local.is_vouched = false;
  local.rounds = 0;
  local.unanswered = 0;
  ask_witnesses(state, job, now);
}

void ask_witnesses(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  if (local.unanswered > 0 || local.not_before > now) return;
  for (const Digest& release : local.unwitnessed) {
    ++local.unanswered;
    const Question question{job.id, {release, local.head}};
    state.ask(member::to_ask(question.what),
              [&state, question](const Result<protocol::Reply>& reply, Instant at) {
                on_answer(state, question, reply, at);
              });
  }
}

}  // namespace cloister::trainer
