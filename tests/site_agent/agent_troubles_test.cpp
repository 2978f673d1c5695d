// What a site's agent does on a bad day: hung workers, clocks, backups, people who stop things, new
// keys, plans that change.
#include "world.h"

using namespace cloister;
using namespace cloister::site_agent;
using namespace cloister::site_agent::testing;

TEST_CASE("a person who stops a job is obeyed at once, before the coordinator hears of it",
          "[site-agent]") {
  World world;
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  const JobId id = world.worker->job;
  const auto job = a_job(world.plan, world.kind_of(id));
  provenance::Record denied;
  denied.kind = RecordKind::job_denied;
  denied.study = job.study;
  denied.job = id;
  denied.reason = "not today";
  denied.inputs = {{"spec", "spec", job.spec_digest, std::nullopt}};
  denied.subjects = {{"spec", job.spec_digest}};
  denied.details.set("decision", "hold");
  const Bytes envelope = world.all.sign("admin-a", denied, world.now);
  world.feed(PersonAsked{
      ++world.questions, "hold",
      provenance::to_jcs(Json().set("envelopes", Json::array().push(as_text(envelope))))});
  CHECK_FALSE(world.worker.has_value());  // nothing was answered yet
  CHECK_FALSE(world.answers.contains(world.questions));
}

TEST_CASE(
    "a job stopped here while nobody can sign stays stopped, over a restart, until the ledger "
    "knows",
    "[site-agent]") {
  World world;
  const auto stop_here = [&](const JobId& id) {
    world.feed(PersonAsked{++world.questions, "stop-here",
                           provenance::to_jcs(Json().set("job", id.text()))});
    return world.answers.at(world.questions);
  };
  CHECK(stop_here(JobId::trusted("another")).error().code == "job.not_found");
  world.besides = {a_job(world.plan, "train-mask-encoder")};
  world.besides.front().assignee = MemberId::trusted("trainer");
  world.run();
  CHECK(stop_here(world.besides.front().id).error().code == "job.elsewhere");
  world.besides.clear();
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  const JobId id = world.worker->job;
  world.lose_poll();
  CHECK(stop_here(id).has_value());
  CHECK_FALSE(world.worker.has_value());
  const std::size_t orders = world.orders.size();
  world.start();
  world.run();  // the coordinator is back, and its list says that the job may run
  CHECK(world.orders.size() == orders);
  world.forced[id] = protocol::JobState::held;
  world.run();
  world.forced.clear();
  world.run();
  CHECK(world.orders.size() > orders);
  CHECK(world.orders.at(orders).job == id);
}

TEST_CASE("a person's approval lifts what was stopped here", "[site-agent]") {
  World world;
  world.run();
  const auto job = a_job(world.plan, "register-data");
  world.feed(PersonAsked{++world.questions, "stop-here",
                         provenance::to_jcs(Json().set("job", job.id.text()))});
  REQUIRE(world.answers.at(world.questions).has_value());
  world.approve(job);
  world.run();
  CHECK_FALSE(world.orders.empty());
}

TEST_CASE("the site's policy does not approve an offer that a person stopped here",
          "[site-agent]") {
  World world;
  world.run();  // no policy is in force: the first job is offered, and waits
  const JobId id = a_job(world.plan, "register-data").id;
  world.feed(PersonAsked{++world.questions, "stop-here",
                         provenance::to_jcs(Json().set("job", id.text()))});
  REQUIRE(world.answers.at(world.questions).has_value());
  world.publish_policy();
  world.run();
  CHECK(world.orders.empty());
  CHECK(world.ledger.count(RecordKind::job_approved) == 0);
}

TEST_CASE("a clock that is set back by hours does not make an agent silent", "[site-agent]") {
  World world;
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  world.lose_poll();  // asked again in five seconds of the clock as it is now
  world.now = world.now + Duration(-5 * 3600 * 1000);
  world.feed(Ticked{});
  const auto next = world.agent->next_deadline();
  REQUIRE(next.has_value());
  CHECK(*next <= world.now + Duration(60'000));
  world.run();
  CHECK(world.ledger.count(RecordKind::gate_reported) == 1);
}

TEST_CASE("a worker that hangs is ended when its lease has run out, and goes on once",
          "[site-agent]") {
  World world;
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  const JobId id = world.worker->job;
  world.hangs = true;
  world.attempts[id] = 3;  // the coordinator heard us and saw no progress
  const std::size_t orders = world.orders.size();
  while (world.orders.size() == orders) {
    if (!world.step()) {
      world.now = world.now + Duration(6'000);
      world.feed(Ticked{});
    }
  }
  CHECK(world.orders.back().job == id);
  CHECK(world.orders.size() == orders + 1);
  world.hangs = false;
  world.run();
  CHECK(world.ledger.count(RecordKind::gate_reported) == 1);
}

TEST_CASE(
    "a full disk costs no attempt: the job is held, with the reason, until a person resumes it",
    "[site-agent]") {
  World world;
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  const RunWorker order = *world.worker;
  world.worker.reset();
  world.feed(WorkerFailed{order.job,
                          order.attempt,
                          {Kind::exhausted, "file.disk_full", "No room in /srv.", "Make room."}});
  const std::size_t orders = world.orders.size();
  for (int i = 0; i < 30; ++i) {
    if (!world.step()) {
      world.now = world.now + Duration(1'000);
      world.feed(Ticked{});
    }
  }
  CHECK(world.orders.size() == orders);
  CHECK(world.ledger.count(RecordKind::job_failed) == 0);
  REQUIRE(world.ledger.count(RecordKind::job_denied) == 1);
  const provenance::Record& held = *world.find(RecordKind::job_denied);
  CHECK(provenance::text_or_empty(held.details, "decision") == "hold");
  CHECK(held.reason == "No room in /srv. Make room.");
  CHECK(held.job == order.job);
  world.forced[order.job] = protocol::JobState::held;
  for (int i = 0; i < 10; ++i) (void)world.step();
  world.forced.erase(order.job);  // resumed
  world.attempts[order.job] = 1;
  world.now = world.now + Duration(1);
  world.run();
  CHECK(world.orders.size() > orders);
  CHECK(world.ledger.count(RecordKind::gate_reported) == 1);
}

TEST_CASE("an agent restored from an old backup signs nothing until a person confirms",
          "[site-agent]") {
  World world;
  const Stored backup = world.disk;  // before anything was signed
  world.publish_policy();
  world.run();
  const std::size_t records = world.ledger.records.size();
  REQUIRE(records > 5);
  world.disk = backup;
  world.start();
  world.run();
  CHECK(world.ledger.records.size() == records);
  world.feed(PersonAsked{++world.questions, "status", "{}"});
  CHECK(world.answers.at(world.questions)->find("\"halted\":true") != std::string::npos);
  world.feed(PersonAsked{++world.questions, "forgive", "{}"});
  CHECK(world.answers.at(world.questions).has_value());
  world.feed(PersonAsked{++world.questions, "status", "{}"});
  CHECK(world.answers.at(world.questions)->find("\"halted\":false") != std::string::npos);
}

TEST_CASE("an amended plan waits for a person, and then the policy applies again", "[site-agent]") {
  World world;
  world.plan.version = 2;
  world.study = world.all.study(world.plan);
  world.publish_policy();
  world.run();
  CHECK(world.orders.empty());
  CHECK(world.ledger.count(RecordKind::job_approved) == 0);
  world.approve(a_job(world.plan, "register-data"));
  world.run();
  CHECK(world.ledger.count(RecordKind::gate_reported) == 1);
}

TEST_CASE("an agent signs its next keys for itself only, and answers once the ledger has them",
          "[site-agent]") {
  World world;
  world.run();
  const auto binding_of = [&](const std::string& who) {
    const auto& person = world.all.person(who);
    provenance::KeyBinding binding{MemberId::trusted(who), person.role,  person.org, {},
                                   Bytes(32, 1),           Bytes(32, 2), {}};
    crypto::SeededEntropy entropy(5);
    return provenance::prove_key(binding, crypto::SecretKey::generate(entropy), test::log_name);
  };
  const auto ask = [&](const std::string& who) {
    world.feed(PersonAsked{++world.questions, "rotate",
                           provenance::to_jcs(provenance::to_details(binding_of(who)))});
    while (!world.answers.contains(world.questions) && world.step()) {
    }
    return world.answers.at(world.questions);
  };
  CHECK(ask("agent-b").error().code == "rotate.member");
  CHECK(ask("agent-a").has_value());
  CHECK(ask("agent-a").has_value());  // asked again: the same record, not a second one
  CHECK(world.ledger.count(RecordKind::key_rotated) == 1);
}
