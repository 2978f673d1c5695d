#include "member/core_state.h"

#include <catch2/catch.hpp>

#include "a_record.h"
#include "member/local_jobs.h"
#include "tests/support/core_world.h"

using namespace cloister;
using namespace cloister::member;
using cloister::member::test::a_record;
using cloister::test::a_job;
using cloister::test::digest_of;
using provenance::RecordKind;

namespace {

// The state alone, as an agent's: no role on top.
class StateWorld : public cloister::test::CoreWorld {
 public:
  CoreState state{{MemberId::trusted("agent-a"),
                   protocol::Role::site_agent,
                   "site-a",
                   {},
                   all.root(),
                   all.bindings()},
                  all.person("agent-a").keys.sign,
                  {}};
  std::vector<protocol::JobView> jobs;
  std::vector<Notice> notices;
  std::optional<RefusedProduct> refused;
  std::map<std::uint64_t, protocol::Request> asked;  // that is neither a poll nor about records

  void step(const Event& event) {
    if (auto one = state.hear(event, now)) refused = std::move(one);
    settle();
  }
  void settle() {
    for (const Action& action : state.settle(false, now)) perform(action);
    while (const auto event = next_pending()) step(*event);
  }
  // The coordinator's next word.
  void hear_work() {
    if (!poll) settle();
    REQUIRE(poll.has_value());
    const std::uint64_t tag = *poll;
    poll.reset();
    step(Answered{tag, work_of(++version_, jobs, state.link.watch().head_size())});
  }

 private:
  void perform(const Action& action) {
    perform_common(action);
    if (const auto* notice = std::get_if<Notice>(&action)) notices.push_back(*notice);
    const auto* ask = std::get_if<Ask>(&action);
    if (ask == nullptr) return;
    if (std::holds_alternative<protocol::Poll>(ask->request)) {
      poll = ask->tag;
    } else if (auto reply = reply_about_records(ask->request)) {
      pending.push_back(Answered{ask->tag, std::move(*reply)});
    } else {
      asked.emplace(ask->tag, ask->request);
    }
  }
  std::optional<std::uint64_t> poll;
  std::uint64_t version_ = 0;
};

struct LocalJob : LocalWork {
  enum class Step { idle, worked };
  Step step = Step::idle;
};

}  // namespace

TEST_CASE("an answer reaches whoever asked for it, once", "[member]") {
  StateWorld world;
  int answers = 0;
  world.state.ask(protocol::GetWraps{{digest_of("shard")}},
                  [&](const Result<protocol::Reply>& reply, Instant) {
                    ++answers;
                    CHECK(reply.error().code == "connection.lost");
                  });
  world.settle();
  REQUIRE(world.asked.size() == 1);
  const Unanswered lost{world.asked.begin()->first,
                        {Kind::unavailable, "connection.lost", "Gone.", ""}};
  world.step(lost);
  world.step(lost);
  CHECK(answers == 1);
}

TEST_CASE("a refused record is told to people, and that of a job's product to the role",
          "[member]") {
  StateWorld world;
  const JobId job = JobId::trusted("heart-encode");
  world.ledger.refuse = [](const provenance::Record&) {
    return Error{Kind::forbidden, "study.withdrawn", "No.", "Ask."};
  };
  CHECK(world.state.draft("started/heart-encode", a_record("one"), world.now));
  world.settle();
  CHECK_FALSE(world.refused.has_value());
  REQUIRE(world.notices.size() == 1);
  CHECK(world.notices.back().job.empty());
  CHECK(world.state.draft(product_name(job), a_record("two"), world.now));
  world.settle();
  REQUIRE(world.refused.has_value());
  CHECK(world.refused->job == job);
  CHECK(world.refused->error.code == "study.withdrawn");
  CHECK(world.notices.back().job == job);
  CHECK(world.notices.back().text == "The ledger refused 'product/heart-encode': No. Ask.");
}

TEST_CASE("each attempt that ends is told to people and to the ledger", "[member]") {
  StateWorld world;
  const protocol::JobView job = a_job(world.plan, "encode");
  const Error error{Kind::corrupt, "worker.result", "It broke.", "Look."};
  world.state.end_attempt(job, error, world.now);
  world.settle();
  CHECK(world.notices.size() == 1);
  CHECK(world.ledger.records.empty());  // of a study that it does not know, nothing is signed
  world.hear_work();
  for (std::size_t ended = 1; ended <= 2; ++ended) {
    world.state.end_attempt(job, error, world.now);
    CHECK(world.state.is_ending(job.id));
    world.settle();
    CHECK_FALSE(world.state.is_ending(job.id));
    CHECK(world.ledger.count(RecordKind::job_failed) == ended);
  }
  CHECK(world.notices.size() == 3);
}

TEST_CASE("a withdrawal is confirmed once, after nothing that is open reads the data", "[member]") {
  StateWorld world;
  provenance::Record withdrawn;
  withdrawn.kind = RecordKind::consent_withdrawn;
  withdrawn.study = world.plan.study;
  withdrawn.subjects.push_back({"dataset", digest_of("data")});
  world.study.more.push_back(world.all.sign("steward-a", withdrawn, world.now));
  world.jobs = {a_job(world.plan, "encode", {{"dataset", digest_of("data"), 0}})};
  int let_go = 0;
  const auto confirm = [&] {
    world.hear_work();
    world.state.confirm_withdrawals(world.study, world.now, [&](const Withdrawals& withdrawals) {
      ++let_go;
      CHECK(withdrawals.quarantined.contains(digest_of("data")));
    });
    world.settle();
  };
  confirm();
  CHECK(let_go == 0);
  world.jobs.front().state = protocol::JobState::aborted;
  confirm();
  CHECK(let_go == 1);
  CHECK(world.ledger.count(RecordKind::impact_assessed) == 1);
  world.study.more.push_back(world.all.sign("steward-a", a_record("other"), world.now));
  confirm();
  CHECK(let_go == 1);
}

TEST_CASE("a withdrawal that took the place of another of the study's records is seen",
          "[member]") {
  StateWorld world;
  world.study.more.push_back(world.all.sign("steward-a", a_record("a permit"), world.now));
  const auto confirm = [&] {
    world.hear_work();
    world.state.confirm_withdrawals(world.study, world.now, [](const Withdrawals&) {});
    world.settle();
  };
  confirm();
  CHECK(world.ledger.count(RecordKind::impact_assessed) == 0);
  provenance::Record withdrawn;
  withdrawn.kind = RecordKind::consent_withdrawn;
  withdrawn.study = world.plan.study;
  withdrawn.subjects.push_back({"dataset", digest_of("data")});
  world.study.more = {world.all.sign("steward-a", withdrawn, world.now)};  // as many as before
  confirm();
  CHECK(world.ledger.count(RecordKind::impact_assessed) == 1);
}

TEST_CASE("a worker's outcome is there again after a restart, until it is dropped", "[member]") {
  const JobId id = JobId::trusted("heart-encode");
  Worked worked;
  worked.attempt = 3;
  worked.result_json = "{}";
  worked.commitments = {digest_of("image")};
  const Persist kept = keep_worked(id, worked);
  LocalJobs<LocalJob> jobs;
  restore_worked(jobs, {{kept.key, *kept.value}, {"signer", {}}});
  REQUIRE(jobs.size() == 1);
  const LocalJob* job = find_at(jobs, id, LocalJob::Step::worked);
  REQUIRE(job != nullptr);
  CHECK(job->worked.attempt == 3);
  CHECK(job->worked.commitments == worked.commitments);
  CHECK(find_at(jobs, id, LocalJob::Step::idle) == nullptr);
  CHECK(drop_worked(id).key == kept.key);
}

TEST_CASE("no pause outlasts a clock that was set back", "[member]") {
  const Instant now = cloister::test::start_of_time;
  LocalJobs<LocalJob> jobs;
  jobs[JobId::trusted("over")].not_before = now;
  jobs[JobId::trusted("short")].not_before = now + failure_pause;
  jobs[JobId::trusted("long")].not_before = now + failure_pause + Duration(1);
  shorten_pauses(jobs, now);
  CHECK(jobs.at(JobId::trusted("over")).not_before == Instant());
  CHECK(jobs.at(JobId::trusted("short")).not_before == now + failure_pause);
  CHECK(jobs.at(JobId::trusted("long")).not_before == now + failure_pause);
}
