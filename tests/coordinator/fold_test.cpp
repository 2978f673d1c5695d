#include "coordinator/core/fold.h"

#include <catch2/catch.hpp>
#include <map>

#include "base/prng.h"
#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

// What people may sign between any two steps; most of it fits nowhere and is refused.
void somebody_signs(Desk& desk, Prng& prng) {
  const auto& jobs = desk.study().jobs();
  auto job = jobs.begin();
  std::advance(job, static_cast<std::ptrdiff_t>(prng.below(jobs.size())));
  const std::string site = job->second.site.empty() ? desk.sites.front() : job->second.site;
  Record record = desk.record(RecordKind::job_denied, "admin-" + site);
  record.study = desk.study().id();
  record.job = job->first;
  record.reason = "not today";
  record.inputs = {{"spec", "spec", job->second.spec_digest, std::nullopt}};
  switch (prng.below(6)) {
    case 0:
      record.details.set("decision", "hold");
      break;
    case 1:
      record.kind = RecordKind::job_approved;
      record.details.set("decision", prng.chance(0.5) ? "resume" : "retry");
      break;
    case 2:
      record.kind = RecordKind::job_failed;
      record.actor.id = job->second.assignee;
      record.details.set("kind", "exhausted").set("what", "no room");
      break;
    case 3:
      desk.bind("newcomer-" + std::to_string(desk.ledger.size()), protocol::Role::auditor, "");
      return;
    case 4:
      record.details.set("decision", "abort");
      break;
    default:
      break;
  }
  if (prng.chance(0.5)) (void)desk.submit(std::move(record));
}

void withdraw(Desk& desk, const std::string& site) {
  const Dataset* dataset = desk.study().site_dataset(site);
  if (dataset == nullptr) return;
  Record withdrawn = desk.record(RecordKind::consent_withdrawn, "steward-" + site);
  withdrawn.study = desk.study().id();
  withdrawn.reason = "a patient asked for it";
  withdrawn.subjects = {{"manifest", dataset->manifest}};
  Record quarantine = desk.record(RecordKind::quarantine_set, "coordinator");
  quarantine.study = withdrawn.study;
  quarantine.subjects = withdrawn.subjects;
  for (const Shard& shard : dataset->shards) quarantine.subjects.push_back({"shard", shard.digest});
  desk.must_both(std::move(withdrawn), std::move(quarantine));
}

// A study to its model, then disorder, a withdrawal, an amended plan, and a second study.
void live(Desk& desk, Prng& prng) {
  desk.run_to_model();
  for (const auto& [id, job] : std::map(desk.study().jobs())) {
    if (job.kind == "predict" && prng.chance(0.7)) {
      desk.upload_replies(job);
      (void)desk.submit(desk.product(job));
    }
  }
  for (int i = 0; i < 12; ++i) somebody_signs(desk, prng);
  if (prng.chance(0.6)) withdraw(desk, desk.sites.back());
  auto plan = desk.plan();
  plan.version = 2;
  plan.deadline = "2030-01-31";
  plan.sites.pop_back();
  plan.quorum = 1;
  if (prng.chance(0.7)) desk.must(desk.opening(plan));
  plan = desk.plan();
  plan.study = StudyId::trusted("second");
  desk.must(desk.opening(plan));
  for (int i = 0; i < 12; ++i) somebody_signs(desk, prng);
  Record revoked = desk.record(RecordKind::key_revoked, "root");
  revoked.details.set("key",
                      to_hex(desk.core.membership().find(MemberId::trusted("agent-a"))->keys.sign));
  if (prng.chance(0.5)) (void)desk.submit(std::move(revoked));
}

// Keeps parts as a store would.
using Kept = std::map<std::string, Bytes>;
void keep(Coordinator& core, Kept& kept) {
  for (FoldPart& part : core.changed_parts()) kept[part.name] = std::move(part.bytes);
  core.parts_kept();
}

RecordsPlaced records(const Desk& desk, std::size_t from, std::size_t to) {
  const auto at = [&](std::size_t i) {
    return desk.ledger.begin() + static_cast<std::ptrdiff_t>(i);
  };
  return {{at(from), at(to)}};
}

}  // namespace

TEST_CASE("a fold that was kept, and the records after it, give what a whole replay gives",
          "[coordinator]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Prng prng(seed);
    Desk desk(seed % 2 == 0 ? std::vector<std::string>{"a", "b"}
                            : std::vector<std::string>{"a", "b", "c"});
    live(desk, prng);
    const std::size_t size = desk.ledger.size();
    Coordinator whole(desk.core.facts());
    (void)whole.on(records(desk, 0, size), desk.now);
    REQUIRE(whole.has_same_fold(desk.core));
    // Kept twice, the second time only what changed since; then a start.
    const std::size_t first = prng.below(size);
    const std::size_t second = first + prng.below(size - first);
    Coordinator before;
    Kept kept;
    (void)before.on(records(desk, 0, first), desk.now);
    keep(before, kept);
    (void)before.on(records(desk, first, second), desk.now);
    keep(before, kept);
    Fold fold;
    for (const auto& [name, bytes] : kept) REQUIRE(read_part(name, bytes, fold));
    Coordinator started(desk.core.facts());
    (void)started.resume(std::move(fold), second);
    REQUIRE(started.has_same_fold(before));
    (void)started.on(records(desk, second, size), desk.now);
    CHECK(started.has_same_fold(whole));
    for (const Action& action : started.on(LedgerSynced{size}, desk.now))
      CHECK_FALSE(std::holds_alternative<Append>(action));
    started.check_invariants();
  }
}

TEST_CASE("what is missing from a resumed ledger is written next, as after a replay",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  // Killed before the offers that follow the opening were placed.
  const auto opened = static_cast<std::size_t>(
      std::find_if(desk.ledger.begin(), desk.ledger.end(),
                   [](const Placed& one) { return one.record.kind == RecordKind::study_opened; }) -
      desk.ledger.begin() + 1);
  Coordinator before;
  (void)before.on(records(desk, 0, opened), desk.now);
  Kept kept;
  keep(before, kept);
  Fold fold;
  for (const auto& [name, bytes] : kept) REQUIRE(read_part(name, bytes, fold));
  Coordinator started;
  std::size_t bound = 0;
  for (const Action& action : started.resume(std::move(fold), opened))
    bound += std::holds_alternative<BindMember>(action) ? 1 : 0;
  CHECK(bound == started.membership().all().size());
  std::size_t offers = 0;
  for (const Action& action : started.on(LedgerSynced{opened}, desk.now))
    offers += std::holds_alternative<Append>(action) ? 1 : 0;
  CHECK(offers == desk.sites.size());
}

TEST_CASE("a part that is cut, longer, or under another name is refused", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  for (const FoldPart& part : desk.core.changed_parts()) {
    for (std::size_t size = 0; size < part.bytes.size(); size += 1 + size / 50) {
      Fold fold;
      CHECK_FALSE(read_part(part.name, BytesView(part.bytes).first(size), fold));
    }
    Bytes longer = part.bytes;
    longer.push_back(0);
    Fold fold;
    CHECK_FALSE(read_part(part.name, longer, fold));
    CHECK_FALSE(read_part("study/other", part.bytes, fold));
    CHECK_FALSE(read_part("else", part.bytes, fold));
  }
}
