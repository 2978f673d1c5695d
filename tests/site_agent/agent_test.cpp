// The agent's core against a small ledger and a worker in memory: a site's chain of jobs, kills at
// every step, and what must never happen.
#include "world.h"

using namespace cloister;
using namespace cloister::site_agent;
using namespace cloister::site_agent::testing;

TEST_CASE("nothing runs before the policy is signed or a person approved", "[site-agent]") {
  World world;
  world.run();
  CHECK(world.orders.empty());
  CHECK(world.ledger.records.empty());
  world.publish_policy();
  world.run();
  CHECK_FALSE(world.orders.empty());
}

TEST_CASE("a site's chain runs by itself up to the release, and the release waits for a steward",
          "[site-agent]") {
  World world;
  world.publish_policy();
  world.run();
  for (const std::string& kind : chain) CHECK(world.runs[kind] == (kind == "release" ? 0 : 1));
  CHECK(world.ledger.count(RecordKind::gate_reported) == 1);
  CHECK(world.ledger.count(RecordKind::transfer_sent) == 0);
  CHECK(world.blobs.empty());
  CHECK(world.wraps == 0);

  world.permit_release();
  world.run();
  CHECK(world.blobs.size() == 2);
  CHECK(world.wraps == 2);
  REQUIRE(world.ledger.count(RecordKind::transfer_sent) == 1);
  const auto* sent = world.find(RecordKind::transfer_sent);
  CHECK(sent->recipients == std::vector<std::string>{"trainer"});
  CHECK(sent->subjects.size() == 3);
}

TEST_CASE("shards are sealed to the certified trainer and to nobody else", "[site-agent]") {
  World world;
  world.publish_policy();
  world.run();
  const auto encode =
      std::find_if(world.orders.begin(), world.orders.end(),
                   [&](const auto& order) { return world.kind_of(order.job) == "encode"; });
  REQUIRE(encode != world.orders.end());
  for (const KeepRule& rule : encode->keep) {
    if (rule.as != KeepAs::sealed) continue;
    CHECK(rule.reader.text() == "trainer");
    CHECK(rule.seal_key == world.all.person("trainer").keys.seal.public_key());
  }
}

TEST_CASE("a kill at any step costs nothing: every record once, every worker at most once more",
          "[site-agent]") {
  World undisturbed;
  undisturbed.publish_policy();
  undisturbed.run();
  undisturbed.permit_release();
  undisturbed.run();
  const std::size_t records = undisturbed.ledger.records.size();
  for (int kill_at = 0; kill_at < 120; kill_at += 1) {
    World world;
    world.publish_policy();
    for (int i = 0; i < kill_at; ++i) (void)world.step();
    world.start();  // what was in flight is lost
    world.run();
    world.permit_release();
    world.start();
    world.run();
    INFO("killed after " << kill_at << " steps");
    REQUIRE(world.ledger.records.size() == records);
    REQUIRE(world.ledger.count(RecordKind::transfer_sent) == 1);
    for (const auto& [kind, runs] : world.runs) REQUIRE(runs <= 2);
  }
}

TEST_CASE("a plan for a trainer that nobody certified stops everything of that study",
          "[site-agent]") {
  World world;
  auto lying = world.plan;
  lying.trainer_seal_key = std::string(64, 'b');
  world.study = world.all.study(lying);
  world.publish_policy();
  world.run();
  CHECK(world.orders.empty());
}

TEST_CASE("a job whose spec is of another plan is refused for good", "[site-agent]") {
  World world;
  world.publish_policy();
  auto other = world.plan;
  other.version = 2;
  world.study = world.all.study(other);  // the owner signed version 2; jobs speak of version 1
  world.run();
  CHECK(world.orders.empty());
}

TEST_CASE("a held job stops and goes on, an aborted one stops for good", "[site-agent]") {
  World world;
  world.publish_policy();
  while (!world.worker) REQUIRE(world.step());
  const JobId id = world.worker->job;
  world.forced[id] = protocol::JobState::held;
  RunWorker held = *world.worker;
  world.worker.reset();
  world.worker = held;
  // The work changes before the worker is done.
  const auto runs_before = world.runs;
  while (world.worker) {
    world.feed(Ticked{});
    RunWorker copy = *world.worker;
    world.worker.reset();
    if (!world.step()) break;
    if (world.agent->is_idle()) break;
    world.worker = copy;
  }
  CHECK(world.runs == runs_before);
}

TEST_CASE("a person of another site cannot speak through this agent", "[site-agent]") {
  World world;
  world.run();
  provenance::Record record;
  record.kind = RecordKind::policy_published;
  record.subjects.push_back({"policy", world.policy.digest});
  CHECK(world.submit("steward-b", record) == "submit.signer");
  CHECK(world.ledger.records.empty());
}

TEST_CASE("an agent answers what it does without naming a case", "[site-agent]") {
  World world;
  world.publish_policy();
  world.run();
  for (const char* verb : {"status", "jobs", "egress"}) {
    world.feed(PersonAsked{++world.questions, verb, "{}"});
    REQUIRE(world.answers.contains(world.questions));
    const auto& answer = world.answers.at(world.questions);
    REQUIRE(answer.has_value());
    CHECK(answer->find("/data") == std::string::npos);
    CHECK(provenance::parse_json(*answer).has_value());
  }
  world.feed(PersonAsked{++world.questions, "dance", "{}"});
  CHECK(world.answers.at(world.questions).error().code == "control.unknown_verb");
}

TEST_CASE("an agent confirms a withdrawal once no job here reads what was withdrawn",
          "[site-agent]") {
  World world;
  world.publish_policy();
  world.run();
  const auto* encoded = world.find(RecordKind::dataset_encoded);
  REQUIRE(encoded != nullptr);
  const auto withdraw = [&](const std::string& steward, const Digest& manifest) {
    provenance::Record taken;
    taken.kind = RecordKind::consent_withdrawn;
    taken.study = world.plan.study;
    taken.subjects.push_back({"dataset", digest_of("dataset of " + steward)});
    provenance::Record quarantine = taken;
    quarantine.kind = RecordKind::quarantine_set;
    quarantine.subjects.push_back({"manifest", manifest});
    world.study.more.push_back(world.all.sign(steward, taken, world.now));
    world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  };
  const auto confirmed = [&] {
    return std::count_if(world.ledger.records.begin(), world.ledger.records.end(),
                         [](const auto& one) { return one.kind == RecordKind::impact_assessed; });
  };
  withdraw("steward-b", digest_of("a manifest of site-b"));
  world.run();
  CHECK(confirmed() == 1);
  // Of a person whom this site does not know, only the coordinator's quarantine can be read.
  provenance::Record quarantine;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.study = world.plan.study;
  quarantine.subjects.push_back({"dataset", digest_of("a dataset of site-c")});
  quarantine.details.set("withdrawal", digest_of("the leaf of site-c's withdrawal"));
  world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  world.run();
  CHECK(confirmed() == 2);
  withdraw("steward-a", encoded->subjects[0].digest);
  world.run();
  CHECK(confirmed() == 2);  // the release that reads the manifest is still open
  world.forced[a_job(world.plan, "release").id] = protocol::JobState::failed;
  world.run();
  CHECK(confirmed() == 3);
  world.start();
  world.run();
  CHECK(confirmed() == 3);
}

TEST_CASE("the agent tells its people what a study asks and what the policy says to it as a whole",
          "[site-agent]") {
  World world;
  const auto asked = [&](const std::string& verb, const std::string& study) {
    world.feed(
        PersonAsked{++world.questions, verb, provenance::to_jcs(Json().set("study", study))});
    return world.answers.at(world.questions);
  };
  CHECK(asked("study", world.plan.study.text()).error().code == "study.not_found");
  world.run();
  const auto told = provenance::parse_json(asked("study", world.plan.study.text()).value()).value();
  CHECK(*told.find("allowed")->boolean());
  CHECK(protocol::plan_from_json(to_jcs(*told.find("plan_json"))).value() == world.plan);
  CHECK(provenance::count_at(*told.find("limits"), "cases_min").value() == 2);
  const auto data = provenance::parse_json(asked("data", "").value()).value();
  CHECK(provenance::text_or_empty(data, "root") == "/data");
  world.policy.studies = {"another"};
  world.start();
  world.run();
  const auto never =
      provenance::parse_json(asked("study", world.plan.study.text()).value()).value();
  CHECK_FALSE(*never.find("allowed")->boolean());
}

TEST_CASE(
    "outside the policy's hours a job waits, and the coordinator hears from when on it may run",
    "[site-agent]") {
  World world;
  world.open_in(Duration(120 * 60'000));
  world.run();
  CHECK(world.orders.empty());
  const JobId job = a_job(world.plan, "register-data").id;
  const protocol::JobProgress* told = world.agent->link().progress(job);
  REQUIRE(told != nullptr);
  CHECK(told->attempt == 0);
  CHECK(told->phase == fmt::format("waits for its site's hours, from {:02}:{:02} UTC",
                                   world.policy.hours.from_minute / 60,
                                   world.policy.hours.from_minute % 60));
  world.now = world.now + Duration(121 * 60'000);
  world.feed(Ticked{});
  CHECK_FALSE(world.orders.empty());
  CHECK((world.agent->link().progress(job) == nullptr ||
         world.agent->link().progress(job)->attempt > 0));
}

TEST_CASE(
    "once the hours have opened, a job that then waits for another one no longer waits for them",
    "[site-agent]") {
  World world;
  protocol::JobView second = a_job(world.plan, "train-mask-encoder");
  second.state = protocol::JobState::approved;
  world.besides = {second};
  world.hangs = true;
  world.open_in(Duration(120 * 60'000));
  world.run();
  REQUIRE(world.agent->link().progress(second.id) != nullptr);
  world.now = world.now + Duration(121 * 60'000);
  world.feed(Ticked{});
  REQUIRE(world.worker.has_value());
  CHECK(world.worker->job != second.id);
  CHECK(world.agent->link().progress(second.id) == nullptr);
}

TEST_CASE("what was taken back while the agent runs is left out of the next registration",
          "[site-agent]") {
  World world;
  world.agent->leave_out(fail(Kind::forbidden, "file.read", "It may not be read.", ""));
  world.publish_policy();
  world.run();
  CHECK(world.orders.empty());  // rather than with a case that was taken back
  world.agent->leave_out(std::vector<std::string>{"P005"});
  world.feed(Ticked{});
  while (!world.worker) REQUIRE(world.step());
  REQUIRE(world.kind_of(world.worker->job) == "register-data");
  const auto order = provenance::parse_json(world.worker->order_json).value();
  const auto* names = order.find("parameters")->find("withdrawn");
  REQUIRE(names != nullptr);
  CHECK(*names->items()->front().text() == "P005");
}

TEST_CASE("a person hears what keeps a prediction back, and a steward may sign for it before",
          "[site-agent]") {
  World world;
  world.policy.standing_predictions = true;
  world.start();
  world.publish_policy();
  world.run();
  world.study.phase = "released";
  world.run();
  const auto ask = [&](const char* verb, Json body) {
    world.feed(PersonAsked{++world.questions, verb, provenance::to_jcs(body)});
    return world.answers.at(world.questions);
  };
  const auto refused = ask("predict", Json()
                                          .set("path", "/a.nii.gz")
                                          .set("output", "/b.nii.gz")
                                          .set("study", world.plan.study.text()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "predict.not_learnt");
  // What a standing permit names is known all the same.
  const auto told =
      provenance::parse_json(ask("study", Json().set("study", world.plan.study.text())).value());
  REQUIRE(told);
  CHECK(provenance::text_or_empty(*told, "recipient") == "trainer");
  CHECK(provenance::text_or_empty(*told, "recipient_key").size() == 64);
  CHECK_FALSE(*told->find("learnt_from_us")->boolean());
}

TEST_CASE("after its deadline a study predicts only with a released network", "[site-agent]") {
  World world;
  world.plan.deadline = "2026-09-01";
  world.study = world.all.study(world.plan);
  world.start();
  world.run();
  const auto refusal = [&] {
    world.feed(PersonAsked{++world.questions, "predict",
                           provenance::to_jcs(Json()
                                                  .set("path", "/image.nii.gz")
                                                  .set("output", "/mask.nii.gz")
                                                  .set("study", world.plan.study.text()))});
    return world.answers.at(world.questions).error().code;
  };
  CHECK(refusal() == "predict.deadline");
  CHECK(world.orders.empty());
  world.study.phase = "released";
  world.start();
  world.run();
  CHECK(refusal() == "predict.policy");  // the next thing that is missing here
}

TEST_CASE("the agent names the data that a person can take back", "[site-agent]") {
  World world;
  world.publish_policy();
  const auto asked = [&](const std::string& study) {
    world.feed(PersonAsked{++world.questions, "withdrawable",
                           provenance::to_jcs(Json().set("study", study))});
    return world.answers.at(world.questions);
  };
  CHECK(asked(world.plan.study.text()).error().code == "withdraw.nothing");
  world.run();
  const auto* raw = world.find(RecordKind::raw_registered);
  REQUIRE(raw != nullptr);
  const auto told = asked(world.plan.study.text());
  REQUIRE(told.has_value());
  CHECK(told->find(to_hex(raw->subjects[0].digest)) != std::string::npos);
  CHECK_FALSE(asked("another").has_value());
}

TEST_CASE("a release beyond the site's quota is held with the reason, and goes on once it fits",
          "[site-agent]") {
  World world;
  world.policy.leave_bytes_max = 10;
  world.start();
  world.publish_policy();
  world.run();
  world.permit_release();
  world.run();
  CHECK(world.blobs.empty());
  const auto* held = world.find(RecordKind::job_denied);
  REQUIRE(held != nullptr);
  CHECK(provenance::text_or_empty(held->details, "decision") == "hold");
  CHECK(provenance::text_or_empty(held->details, "code") == "release.quota");
  CHECK(held->reason.find("the site's policy allows") != std::string::npos);
  CHECK(held->reason.find("resume") != std::string::npos);
  CHECK(world.ledger.count(RecordKind::job_failed) == 0);  // it costs no attempt

  world.policy.leave_bytes_max = 1'000'000;
  world.start();
  world.run();
  CHECK(world.blobs.size() == 2);
  CHECK(world.ledger.count(RecordKind::transfer_sent) == 1);
}

TEST_CASE("only the policy that runs here can be signed, and only by a site administrator",
          "[site-agent]") {
  const auto publish = [](const std::string& who, const std::string& policy) {
    World world;
    world.run();
    provenance::Record record;
    record.kind = RecordKind::policy_published;
    record.subjects.push_back({"policy", digest_of(policy)});
    const std::string code = world.submit(who, record);
    CHECK(world.ledger.records.empty() == !code.empty());
    return code;
  };
  CHECK(publish("steward-a", "policy") == "policy.signer");
  CHECK(publish("admin-a", "another file") == "policy.not_running");
  CHECK(publish("admin-a", "policy").empty());
}

TEST_CASE("the agent hands out counters of its own site's people only", "[site-agent]") {
  World world;
  world.run();
  const auto ask = [&](const std::string& member) {
    world.feed(
        PersonAsked{++world.questions, "signer", provenance::to_jcs(Json().set("member", member))});
    while (!world.answers.contains(world.questions) && world.step()) {
    }
    return world.answers.at(world.questions);
  };
  CHECK(ask("steward-a").has_value());
  const auto refused = ask("steward-b");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "submit.signer");
  CHECK(refused.error().next.find("of this site") != std::string::npos);
}
