#include <algorithm>

#include "member/withdrawals.h"
#include "protocol/limits.h"
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using member::find_at;
using member::retry_pause;
using protocol::JobView;
using Step = LocalJob::Step;

void again_later(LocalJob& local, Instant now) {
  local.step = Step::idle;
  local.moving.clear();
  local.not_before = now + retry_pause;
}

void fetch_blobs(TrainerState& state, const JobView& job, LocalJob& local) {
  local.step = Step::fetching;
  for (const Dataset& dataset : local.datasets) {
    for (const Shard& shard : dataset.shards) {
      local.moving.insert(shard.sealed);
      state.out.push_back(member::Download{job.id, shard.sealed, shard.sealed_bytes});
    }
  }
  if (local.moving.empty()) local.step = Step::ready;
}

// Fills in the wraps that came; false if one that was asked for is missing.
bool take_wraps(LocalJob& local, const protocol::Wraps& wraps) {
  for (const auto& wrap : wraps.wraps) {
    for (Dataset& dataset : local.datasets) {
      for (Shard& shard : dataset.shards) {
        if (shard.sealed == wrap.shard) shard.wrap = wrap.wrap;
      }
    }
  }
  return std::all_of(local.datasets.begin(), local.datasets.end(), [](const Dataset& dataset) {
    return std::all_of(dataset.shards.begin(), dataset.shards.end(),
                       [](const Shard& shard) { return !shard.wrap.empty(); });
  });
}

// What was asked for, which decides how the answer is checked: the coordinator's word does not.
struct Wanted {
  enum class What { encoded, permit, evidence };
  What what = What::encoded;
  std::size_t place = 0;  // of the dataset in the job; of evidence, in the ledger
};

// The release that was checked, if it is one.
Result<std::optional<Digest>> check_record(const TrainerState& state, const JobView& job,
                                           const Dataset& dataset, const Wanted& wanted,
                                           const protocol::LedgerEntry& entry) {
  const auto opened = state.link.membership().open(entry.envelope);
  if (!opened) return pass(opened);
  if (wanted.what == Wanted::What::encoded) {
    if (auto ok = check_encoded(dataset, job.study, *opened); !ok) return pass(ok);
    return std::optional<Digest>();
  }
  const member::Member* self = state.link.membership().find(state.options.link.self);
  if (self == nullptr) {
    return fail(Kind::unauthenticated, "member.unknown", "This trainer is not bound any more.",
                "Ask the consortium: its keys were revoked.");
  }
  if (auto ok = check_permit(dataset, *self, *opened); !ok) return pass(ok);
  return std::optional(opened->leaf);
}

// What cannot be opened, because whoever signed it has left or its words are erased, is no
// evidence; whether enough is left is asked when all are here.
void take_evidence(const TrainerState& state, const JobView& job, LocalJob& local,
                   const Wanted& wanted, const protocol::LedgerEntry& entry) {
  auto opened = state.link.membership().open(entry.envelope);
  // Who may say what, and for which site, was looked at when the record was opened.
  if (opened && opened->record.study == job.study) {
    local.evidence.insert_or_assign(wanted.place, std::move(opened->record));
  }
}

// One record of one dataset was read; when all are, the sites are asked whether they saw them.
void on_record(TrainerState& state, const JobId& id, const Wanted& wanted,
               const Result<protocol::Reply>& reply, Instant at) {
  LocalJob* local = find_at(state.jobs, id, Step::checking);
  const JobView* job = state.find_job(id);
  if (local == nullptr || job == nullptr) return;
  const auto* records = reply ? std::get_if<protocol::Records>(&*reply) : nullptr;
  if (records == nullptr || records->entries.empty()) return again_later(*local, at);
  const protocol::LedgerEntry& entry = records->entries.front();
  if (wanted.what == Wanted::What::evidence) {
    take_evidence(state, *job, *local, wanted, entry);
  } else {
    const auto release = check_record(state, *job, local->datasets[wanted.place], wanted, entry);
    if (!release) return fail_job(state, *job, release.error(), at);
    if (*release) local->unwitnessed.insert(**release);
  }
  if (--local->unanswered == 0) begin_witnessing(state, *job, at);
}

void ask_record(TrainerState& state, const JobId& id, std::uint64_t index, const Wanted& wanted) {
  ++state.jobs[id].unanswered;
  state.ask(protocol::FetchRecords{index, 1},
            [&state, id, wanted](const Result<protocol::Reply>& reply, Instant at) {
              on_record(state, id, wanted, reply, at);
            });
}

bool is_tested(const TrainerState& state, const JobView& job) {
  return std::any_of(job.inputs.begin(), job.inputs.end(), [&](const auto& input) {
    return input.name == "model" && state.tested.contains(input.digest);
  });
}

}  // namespace

void fetch_keys(TrainerState& state, const JobView& job, LocalJob& local) {
  local.step = Step::keys;
  std::vector<Digest> shards;
  for (const Dataset& dataset : local.datasets) {
    for (const Shard& shard : dataset.shards) shards.push_back(shard.sealed);
  }
  local.unanswered = 0;
  for (std::size_t from = 0; from < shards.size(); from += protocol::limits::wraps_max) {
    const std::size_t to = std::min(shards.size(), from + protocol::limits::wraps_max);
    protocol::GetWraps get;
    get.shards.assign(shards.begin() + static_cast<std::ptrdiff_t>(from),
                      shards.begin() + static_cast<std::ptrdiff_t>(to));
    ++local.unanswered;
    state.ask(std::move(get),
              [&state, id = job.id](const Result<protocol::Reply>& reply, Instant at) {
                LocalJob* waiting = find_at(state.jobs, id, Step::keys);
                const JobView* asked = state.find_job(id);
                if (waiting == nullptr || asked == nullptr) return;
                const auto* wraps = reply ? std::get_if<protocol::Wraps>(&*reply) : nullptr;
                if (wraps == nullptr) return again_later(*waiting, at);
                const bool complete = take_wraps(*waiting, *wraps);
                if (--waiting->unanswered > 0) return;
                if (!complete) return again_later(*waiting, at);
                fetch_blobs(state, *asked, *waiting);
              });
  }
}

Result<void> check_quarantine(const TrainerState& state, const JobView& job,
                              const LocalJob& local) {
  for (const protocol::StudyView& view : state.link.work().studies) {
    if (view.study != job.study) continue;
    const std::set<Digest> banned =
        member::withdrawals_of(view, state.link.membership()).quarantined;
    for (const Dataset& dataset : local.datasets) {
      const bool is_banned =
          banned.contains(dataset.manifest) ||
          std::any_of(dataset.shards.begin(), dataset.shards.end(),
                      [&](const Shard& shard) { return banned.contains(shard.sealed); });
      if (is_banned) {
        return fail(Kind::forbidden, "dataset.quarantined",
                    fmt::format("Data of site '{}' in this job were withdrawn.", dataset.site),
                    "The next version is trained without them.");
      }
    }
  }
  return {};
}

void begin_fetch(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  auto datasets = datasets_of(job);
  if (!datasets) return fail_job(state, job, datasets.error(), now);
  local.datasets = std::move(*datasets);
  if (const auto ok = check_quarantine(state, job, local); !ok) {
    return fail_job(state, job, ok.error(), now);
  }
  local.step = Step::checking;
  local.unanswered = 0;
  local.unwitnessed.clear();
  local.evidence.clear();
  for (std::size_t place = 0; place < local.datasets.size(); ++place) {
    const Dataset& dataset = local.datasets[place];
    if (!dataset.permit_at && job.kind == "train-segmentation") {
      return fail_job(
          state, job,
          Error{Kind::forbidden, "dataset.not_permitted",
                fmt::format("No release permit of site '{}' came with the job.", dataset.site),
                "Tell the study owner."},
          now);
    }
    ask_record(state, job.id, dataset.encoded_at, {Wanted::What::encoded, place});
    // A request on demand goes under a standing permit, which its own record cites.
    if (dataset.permit_at)
      ask_record(state, job.id, *dataset.permit_at, {Wanted::What::permit, place});
  }
  if (!local.datasets.empty() && !is_tested(state, job)) {
    for (const std::uint64_t index : evidence_of(job))
      ask_record(state, job.id, index, {Wanted::What::evidence, index});
  }
  if (local.datasets.empty()) {
    fail_job(state, job,
             Error{Kind::invalid, "job.spec", "The job names no dataset.", "Tell the study owner."},
             now);
  }
}

void on_moved(TrainerState& state, const Digest& digest, Instant now) {
  for (auto& [id, local] : state.jobs) {
    const bool moves = local.step == Step::fetching || local.step == Step::leaving;
    // Several jobs may wait for the same shard: no return.
    if (!moves || local.moving.erase(digest) == 0 || !local.moving.empty()) continue;
    if (local.step == Step::fetching) {
      local.step = Step::ready;
    } else {
      put_reply_wraps(state, id, now);
    }
  }
}

void on_transfer_failed(TrainerState& state, const member::TransferFailed& event, Instant now) {
  for (auto& [id, local] : state.jobs) {
    if (local.moving.erase(event.digest) == 0) continue;
    state.out.push_back(member::StopTransfers{id});
    if (local.step == Step::leaving) {
      local.step = Step::worked;
      local.moving.clear();
      local.not_before = now + retry_pause;
    } else {
      again_later(local, now);
    }
    state.notice(member::NoticeLevel::warn, event.error.code,
                 fmt::format("Job '{}': {} {}", id, event.error.what, event.error.next), id);
  }
}

}  // namespace cloister::trainer
