#include "coordinator/core/leases.h"

#include <catch2/catch.hpp>

#include "desk.h"
#include "protocol/limits.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using protocol::limits::lease;

namespace {

const MemberId agent = MemberId::trusted("agent-a");
const JobId job = JobId::trusted("job-1");

protocol::JobProgress at_step(std::uint64_t step) {
  protocol::JobProgress progress;
  progress.job = job;
  progress.phase = "training";
  progress.step = step;
  return progress;
}

}  // namespace

TEST_CASE("progress renews a lease, the same step again does not", "[coordinator]") {
  Leases leases;
  Instant now(1000);
  leases.progress_reported(agent, at_step(1), now);
  now = now + (lease - Duration(1));
  leases.progress_reported(agent, at_step(2), now);
  now = now + Duration(2);
  CHECK(leases.assignee_heard(agent, now).offered_again.empty());
  leases.progress_reported(agent, at_step(2), now);
  now = now + (lease - Duration(2));
  const auto expiry = leases.assignee_heard(agent, now);
  REQUIRE(expiry.offered_again.size() == 1);
  CHECK(leases.attempt(job, 0) == 2);
}

TEST_CASE("nothing runs out while the assignee is not heard at all", "[coordinator]") {
  Leases leases;
  Instant now(1000);
  leases.progress_reported(agent, at_step(1), now);
  now = now + Duration(7 * 24 * 3600 * 1000);
  // The line comes back, with the same attempt still going on.
  leases.progress_reported(agent, at_step(500), now);
  CHECK(leases.assignee_heard(agent, now).offered_again.empty());
  CHECK(leases.attempt(job, 0) == 1);
}

TEST_CASE("a job without progress in three attempts is given up", "[coordinator]") {
  Leases leases;
  Instant now(1000);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    leases.progress_reported(agent, at_step(1), now);
    now = now + lease;
    const auto expiry = leases.assignee_heard(agent, now);
    CHECK(expiry.offered_again.size() == (attempt < 3 ? 1 : 0));
    CHECK(expiry.given_up.size() == (attempt < 3 ? 0 : 1));
  }
}

TEST_CASE("an assignee that says what it waits for is shown, and costs no attempt",
          "[coordinator]") {
  Leases leases;
  Instant now(1000);
  protocol::JobProgress waiting;
  waiting.job = job;
  waiting.attempt = 0;
  waiting.phase = "waits for its site's hours, from 20:00 UTC";
  for (int hour = 0; hour < 12; ++hour) {
    leases.progress_reported(agent, waiting, now);
    now = now + Duration(3600 * 1000);
    const auto expiry = leases.assignee_heard(agent, now);
    CHECK(expiry.offered_again.empty());
    CHECK(expiry.given_up.empty());
  }
  CHECK(leases.attempt(job, 0) == 1);
  REQUIRE(leases.find(job) != nullptr);
  CHECK(leases.find(job)->progress.phase == waiting.phase);
  CHECK_FALSE(leases.find(job)->alive);
  // Then it runs, and its lease is like any other.
  leases.progress_reported(agent, at_step(1), now);
  CHECK(leases.find(job)->alive);
  CHECK(leases.assignee_heard(agent, now + lease).offered_again.size() == 1);
}

TEST_CASE("a clock that is set back neither ends a lease nor makes it endless", "[coordinator]") {
  Leases leases;
  leases.progress_reported(agent, at_step(1), Instant(10'000'000));
  CHECK(leases.assignee_heard(agent, Instant(1000)).offered_again.empty());
  CHECK(leases.assignee_heard(agent, Instant(1000) + lease).offered_again.size() == 1);
}

TEST_CASE("a hung worker's attempts end in job.failed, and the next approval starts anew",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const JobId id = desk.job("a", "register-data")->id;
  desk.approve(id, "agent-a");
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    protocol::Poll poll;
    poll.progress.resize(1);
    poll.progress[0].job = id;
    poll.progress[0].attempt = attempt;
    poll.progress[0].phase = "reading";
    desk.request("agent-a", poll);
    CHECK(desk.work("agent-a").jobs.front().state == protocol::JobState::running);
    desk.now = desk.now + lease;
    desk.work("agent-a");
  }
  CHECK(desk.ledger.back().record.kind == RecordKind::job_failed);
  CHECK(desk.job("a", "register-data")->state == protocol::JobState::failed);
  CHECK(desk.core.leases().find(id) == nullptr);
}

TEST_CASE("an attempt that a person holds is not waited for", "[coordinator]") {
  Desk desk;
  desk.open_study();
  const JobId id = desk.job("a", "register-data")->id;
  desk.approve(id, "agent-a");
  protocol::Poll poll;
  poll.progress.resize(1);
  poll.progress[0].job = id;
  poll.progress[0].attempt = 1;
  desk.request("agent-a", poll);
  REQUIRE(desk.core.leases().find(id) != nullptr);
  Record held = desk.record(RecordKind::job_denied, "admin-a");
  held.study = desk.study().id();
  held.job = id;
  held.inputs = {{"spec", "spec", desk.job("a", "register-data")->spec_digest, std::nullopt}};
  held.reason = "the disk is full";
  held.details.set("decision", "hold");
  desk.must(held);
  for (int passed = 0; passed < 4; ++passed) {
    desk.now = desk.now + lease;
    desk.work("agent-a");
  }
  CHECK(desk.ledger.back().record.kind == RecordKind::job_denied);
  CHECK(desk.job("a", "register-data")->state == protocol::JobState::held);
}
