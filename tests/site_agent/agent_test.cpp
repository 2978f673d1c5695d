// The agent's core against a small ledger and a worker in memory: a site's chain of jobs, kills at
// every step, and what must never happen.
#include <catch2/catch.hpp>
#include <deque>

#include "site-agent/core/site_agent.h"
#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::site_agent;
using namespace cloister::member;
using cloister::test::a_job;
using cloister::test::Consortium;
using cloister::test::start_of_time;
using cloister::test::TestLedger;
using provenance::Json;
using provenance::RecordKind;

namespace {

const std::vector<std::string> chain{"register-data", "train-image-encoder", "train-mask-encoder",
                                     "encode",        "assess-privacy",      "release"};

Digest digest_of(const std::string& text) { return crypto::sha256(as_bytes(text)); }

Kept kept(const std::string& name, KeepAs as) {
  return {name, as, digest_of("content of " + name), 100,
          as == KeepAs::sealed ? Bytes{1} : Bytes{}};
}

// What a worker of this kind hands out.
struct Outcome {
  std::vector<Kept> kept;
  Json result = Json::object();
};
Outcome outcome_of(const std::string& kind) {
  Outcome out;
  if (kind == "register-data") {
    out.kept = {kept("site-map", KeepAs::vault)};
    out.result.set("splits", Json().set("train", Json().set("patients", 5)));
  } else if (kind == "encode") {
    out.kept = {kept("shards/000001.safetensors", KeepAs::sealed),
                kept("shards/000002.safetensors", KeepAs::sealed), kept("code-map", KeepAs::vault)};
    Json shards = Json::array();
    shards.push(
        Json().set("number", 1).set("purpose", "training").set("slices", 5).set("views", 2));
    shards.push(
        Json().set("number", 2).set("purpose", "evaluation").set("slices", 5).set("views", 1));
    out.result.set("shards", std::move(shards)).set("dtype", "F16");
  } else if (kind == "assess-privacy") {
    out.kept = {kept("gate-report", KeepAs::report)};
    out.result.set(
        "indicators",
        Json::array().push(
            Json().set("name", "re-identification").set("value", 0.01).set("verdict", "pass")));
  } else {
    const std::string side = kind == "train-image-encoder" ? "image" : "mask";
    out.kept = {kept(side + "-encoder", KeepAs::vault), kept(side + "-decoder", KeepAs::vault)};
  }
  return out;
}

// Coordinator, disk and worker of one site, all in memory and in order.
class World {
 public:
  World() : ledger(all), plan(all.plan()), study(all.study(plan)) {
    policy.studies = {"*"};
    policy.automatic = {chain.begin(), chain.end() - 1};
    policy.digest = digest_of("policy");
    policy.data_root = "/data";
    start();
  }

  void start() {
    pending.clear();
    worker.reset();
    AgentOptions options;
    options.link = {MemberId::trusted("agent-a"),
                    protocol::Role::site_agent,
                    "site-a",
                    {},
                    all.root(),
                    all.bindings()};
    options.policy = policy;
    agent = std::make_unique<SiteAgent>(std::move(options), all.person("agent-a").keys.sign, disk);
    feed(Started{});
  }

  void feed(const Event& event) {
    for (const Action& action : agent->on(event, now)) perform(action);
    agent->check_invariants();
  }

  // One event: an answer, a worker's outcome, or the passing of time.
  bool step() {
    if (!pending.empty()) {
      const Event event = pending.front();
      pending.pop_front();
      feed(event);
      return true;
    }
    if (worker) {
      const RunWorker order = *worker;
      worker.reset();
      const std::string kind = kind_of(order.job);
      const Outcome outcome = outcome_of(kind);
      for (const Kept& one : outcome.kept) pending.push_back(ArtifactKept{order.job, 1, one});
      pending.push_back(WorkerFinished{order.job, 1, provenance::to_jcs(outcome.result)});
      ++runs[kind];
      return true;
    }
    if (!poll) return false;
    const protocol::Work work = work_now();
    if (work.version == poll->version_seen) return false;
    const std::uint64_t tag = poll->tag;
    poll.reset();
    feed(Answered{tag, work});
    return true;
  }
  void run(int steps_max = 2000) {
    for (int i = 0; i < steps_max; ++i) {
      if (step()) continue;
      const auto next = agent->next_deadline();
      if (!next || *next > now + Duration(120'000)) return;
      now = std::max(now + Duration(1), *next);
      feed(Ticked{});
      if (pending.empty() && !worker) return;
    }
  }

  // A person's signed record, through the agent.
  std::string submit(const std::string& who, provenance::Record record,
                     const std::string& verb = "submit") {
    const Bytes envelope = all.sign(who, std::move(record), now);
    const Json body = Json().set("envelopes", Json::array().push(as_text(envelope)));
    feed(PersonAsked{++questions, verb, provenance::to_jcs(body)});
    while (!answers.contains(questions) && step()) {
    }
    const auto answer = answers.find(questions);
    if (answer == answers.end()) return "no answer";
    return answer->second ? "" : answer->second.error().code;
  }
  void publish_policy() {
    provenance::Record record;
    record.kind = RecordKind::policy_published;
    record.subjects.push_back({"policy", policy.digest});
    REQUIRE(submit("admin-a", record).empty());
  }
  void permit_release() {
    const auto* encoded = find(RecordKind::dataset_encoded);
    REQUIRE(encoded != nullptr);
    provenance::Record record;
    record.kind = RecordKind::permit_granted;
    record.study = plan.study;
    record.details = provenance::to_details(provenance::Permit{provenance::Permit::Type::release,
                                                               {"training", "evaluation"},
                                                               "trainer",
                                                               plan.trainer_seal_key,
                                                               {},
                                                               "agreed"});
    record.subjects.push_back({"permit", digest_of("permit")});
    record.inputs.push_back({"manifest", "manifest", encoded->subjects[0].digest, std::nullopt});
    const Bytes envelope = all.sign("steward-a", record, now);
    REQUIRE(std::holds_alternative<protocol::Receipts>(ledger.submit({{envelope}})));
    study.more.push_back(envelope);
  }
  [[nodiscard]] const provenance::Record* find(RecordKind kind) const {
    for (const auto& record : ledger.records) {
      if (record.kind == kind) return &record;
    }
    return nullptr;
  }
  [[nodiscard]] std::string kind_of(const JobId& id) const {
    for (const std::string& kind : chain) {
      if (a_job(plan, kind).id == id) return kind;
    }
    return {};
  }

  Consortium all;
  TestLedger ledger;
  protocol::StudyPlan plan;
  protocol::StudyView study;
  SitePolicy policy;
  Instant now = start_of_time;
  Stored disk;
  std::unique_ptr<SiteAgent> agent;
  std::deque<Event> pending;
  std::optional<RunWorker> worker;
  std::map<std::string, int> runs;  // finished, by kind
  std::set<Digest> blobs;           // at the coordinator
  std::vector<RunWorker> orders;
  std::size_t wraps = 0;
  std::map<std::uint64_t, Result<std::string>> answers;
  std::uint64_t questions = 0;
  std::map<JobId, protocol::JobState> forced;

 private:
  struct HeldPoll {
    std::uint64_t tag = 0;
    std::uint64_t version_seen = 0;
    std::uint64_t head_size = 0;
  };

  // The chain as its records tell it: one job offered at a time.
  [[nodiscard]] std::vector<protocol::JobView> jobs() const {
    std::vector<protocol::JobView> list;
    std::vector<protocol::NamedDigest> products;
    for (const std::string& kind : chain) {
      protocol::JobView job = a_job(plan, kind, products);
      bool done = false;
      for (const auto& record : ledger.records) {
        if (record.job != job.id) continue;
        if (record.kind == RecordKind::job_approved) job.state = protocol::JobState::approved;
        if (record.kind == RecordKind::job_failed) ++job.attempt;
        const bool is_product = record.kind != RecordKind::job_approved &&
                                record.kind != RecordKind::job_failed &&
                                record.kind != RecordKind::job_denied;
        if (!is_product) continue;
        done = true;
        products.push_back({record.subjects[0].name, record.subjects[0].digest, 0});
      }
      if (kind == "release" && !study.more.empty()) job.state = protocol::JobState::approved;
      if (done) job.state = protocol::JobState::done;
      if (forced.contains(job.id)) job.state = forced.at(job.id);
      list.push_back(job);
      if (!done) break;
    }
    return list;
  }
  [[nodiscard]] protocol::Work work_now() {
    protocol::Work work;
    work.version = ledger.records.size() + 1 + study.more.size() + 1000 * forced.size();
    work.jobs = jobs();
    work.studies = {study};
    work.checkpoint = ledger.checkpoint();
    work.consistency = ledger.consistency(poll->head_size);
    return work;
  }

  void perform(const Action& action) {
    if (const auto* persist = std::get_if<Persist>(&action)) {
      if (persist->value) {
        disk[persist->key] = *persist->value;
      } else {
        disk.erase(persist->key);
      }
    } else if (const auto* ask = std::get_if<Ask>(&action)) {
      answer(*ask);
    } else if (const auto* order = std::get_if<RunWorker>(&action)) {
      REQUIRE_FALSE(worker.has_value());
      worker = *order;
      orders.push_back(*order);
    } else if (std::holds_alternative<StopWorker>(action)) {
      worker.reset();
    } else if (const auto* upload = std::get_if<Upload>(&action)) {
      blobs.insert(upload->digest);
      pending.push_back(Uploaded{upload->digest});
    } else if (const auto* commit = std::get_if<CommitFiles>(&action)) {
      pending.push_back(FilesCommitted{commit->job, commit->attempt,
                                       std::vector<Digest>{digest_of("a"), digest_of("b")}});
    } else if (const auto* tell = std::get_if<Tell>(&action)) {
      answers.insert_or_assign(tell->question, tell->json);
    }
  }
  void answer(const Ask& ask) {
    if (const auto* asked = std::get_if<protocol::Poll>(&ask.request)) {
      poll = HeldPoll{ask.tag, asked->seen_version, asked->head_size};
    } else if (const auto* submit_ = std::get_if<protocol::Submit>(&ask.request)) {
      pending.push_back(Answered{ask.tag, ledger.submit(*submit_)});
    } else if (const auto* signer = std::get_if<protocol::FetchSigner>(&ask.request)) {
      pending.push_back(Answered{ask.tag, ledger.signer(signer->member)});
    } else if (const auto* put = std::get_if<protocol::PutWraps>(&ask.request)) {
      CHECK(put->recipient.text() == "trainer");
      wraps += put->wraps.size();
      pending.push_back(Answered{ask.tag, protocol::Done{}});
    }
  }

  std::optional<HeldPoll> poll;
};

}  // namespace

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

TEST_CASE("a held job stops and goes on; an aborted one stops for good", "[site-agent]") {
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
