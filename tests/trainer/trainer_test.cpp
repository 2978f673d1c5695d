// The trainer's core against a small ledger, blob store and worker in memory.
#include "trainer/core/trainer.h"

#include <catch2/catch.hpp>
#include <deque>

#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::member;
using cloister::test::Consortium;
using cloister::test::start_of_time;
using cloister::test::TestLedger;
using provenance::Json;
using provenance::RecordKind;

namespace {

Digest digest_of(const std::string& text) { return crypto::sha256(as_bytes(text)); }

// One site's dataset as its agent signed it, and a steward's permit.
struct Encoded {
  Json manifest;
  Digest digest;
  std::uint64_t encoded_at = 0;
  std::uint64_t permit_at = 0;
};

class World {
 public:
  World() : ledger(all), plan(all.plan()), study(all.study(plan)) {
    put(study.opened);
    encoded = encode("agent-a", "steward-a");
    start();
  }

  Encoded encode(const std::string& agent, const std::string& steward) {
    Encoded out;
    Json shards = Json::array();
    for (int number : {1, 2}) {
      shards.push(Json()
                      .set("number", number)
                      .set("purpose", "training")
                      .set("sealed_sha256", digest_of("shard " + std::to_string(number)))
                      .set("sealed_bytes", 100));
    }
    out.manifest.set("site", "site-a").set("shards", std::move(shards));
    out.digest = digest_of(provenance::to_jcs(out.manifest));
    provenance::Record record;
    record.kind = RecordKind::dataset_encoded;
    record.study = plan.study;
    record.subjects.push_back({"manifest", out.digest});
    record.details.set("manifest", out.manifest);
    if (on_demand) record.details.set("purpose", "prediction");
    out.encoded_at = put(all.sign(agent, record, now));
    provenance::Record permit;
    permit.kind = RecordKind::permit_granted;
    permit.study = plan.study;
    permit.details = provenance::to_details(provenance::Permit{
        provenance::Permit::Type::release, {"training"}, "trainer", plan.trainer_seal_key, {}, ""});
    permit.subjects.push_back({"permit", digest_of("permit " + steward)});
    permit.inputs.push_back({"manifest", "manifest", out.digest, std::nullopt});
    out.permit_at = put(all.sign(steward, permit, now));
    return out;
  }
  std::uint64_t put(const Bytes& envelope) {
    const auto reply = ledger.submit({{envelope}});
    envelopes.push_back(envelope);
    return std::get<protocol::Receipts>(reply).receipts.front().index;
  }

  [[nodiscard]] protocol::JobView job() const {
    protocol::JobView job;
    job.site = kind == "predict" ? "site-a" : "";
    job.id = protocol::job_id(plan.study, job.site, kind, 1, kind == "predict" ? "held-out" : "");
    job.study = plan.study;
    job.kind = kind;
    job.assignee = MemberId::trusted("trainer");
    job.state = protocol::JobState::approved;
    job.inputs = {{"manifest", encoded.digest, 0}};
    if (kind == "predict")
      job.inputs.insert(job.inputs.begin(), {"model", digest_of("network"), 0});
    Json dataset;
    dataset.set("site", "site-a").set("manifest", encoded.digest).set("content", encoded.manifest);
    dataset.set("encoded", encoded.encoded_at);
    if (!on_demand) dataset.set("permit", encoded.permit_at);
    Json spec;
    spec.set("spec", 1).set("job", job.id.text()).set("kind", kind);
    spec.set("study", plan.study.text()).set("datasets", Json::array().push(std::move(dataset)));
    spec.set("plan", digest_of(protocol::to_json(plan)));
    if (kind == "predict") spec.set("reply_to", "agent-a").set("reply_seal", reply_seal);
    job.spec_json = provenance::to_jcs(spec);
    job.spec_digest = digest_of(job.spec_json);
    return job;
  }

  void start() {
    pending.clear();
    worker.reset();
    trainer::TrainerOptions options;
    options.link = {
        MemberId::trusted("trainer"), protocol::Role::trainer, {}, {}, all.root(), all.bindings()};
    options.code = "code";
    options.ranks = ranks;
    core = std::make_unique<trainer::Trainer>(std::move(options), all.person("trainer").keys.sign,
                                              disk);
    feed(Started{});
  }
  void feed(const Event& event) {
    for (const Action& action : core->on(event, now)) perform(action);
    core->check_invariants();
  }
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
      ++runs;
      finish(order);
      return true;
    }
    if (!poll) return false;
    protocol::Work work = work_now();
    if (work.version == seen) return false;
    seen = work.version;
    const std::uint64_t tag = *poll;
    poll.reset();
    feed(Answered{tag, std::move(work)});
    return true;
  }
  void run() {
    for (int i = 0; i < 500; ++i) {
      if (step()) continue;
      const auto next = core->next_deadline();
      if (!next || *next > now + Duration(90'000)) return;
      now = std::max(now + Duration(1), *next);
      feed(Ticked{});
    }
  }

  Consortium all;
  Instant now = start_of_time;
  TestLedger ledger;
  protocol::StudyPlan plan;
  protocol::StudyView study;
  std::vector<Bytes> envelopes;
  Encoded encoded;
  std::string kind = "train-segmentation";
  std::uint32_t ranks = 1;
  std::string reply_seal = to_hex(all.person("agent-a").keys.seal.public_key().view());
  Stored disk;
  std::unique_ptr<trainer::Trainer> core;
  std::deque<Event> pending;
  std::optional<RunWorker> worker;
  std::optional<std::uint64_t> poll;
  std::uint64_t head_size = 0;
  std::uint64_t seen = 0;
  int runs = 0;
  std::set<Digest> downloaded, uploaded, discarded;
  std::vector<protocol::PutWraps> wraps;
  std::vector<RunWorker> orders;
  std::vector<std::string> cosigners{"agent-a"};  // of the ledger's head; the plan's quorum is one
  std::size_t questions = 0;
  bool on_demand = false;

 private:
  void finish(const RunWorker& order) {
    if (kind == "train-segmentation") {
      pending.push_back(ArtifactKept{
          order.job, 1, Kept{"network", KeepAs::open, digest_of("network"), 1000, {}}});
    } else {
      for (const char* name : {"replies/000001", "replies/000002"}) {
        pending.push_back(
            ArtifactKept{order.job, 1, Kept{name, KeepAs::sealed, digest_of(name), 10, Bytes{7}}});
      }
    }
    pending.push_back(WorkerFinished{order.job, 1, R"({"final_loss":0.5,"steps":10})"});
  }
  protocol::Work work_now() {
    protocol::Work work;
    work.version = ledger.records.size() + study.more.size() + 1;
    protocol::JobView view = job();
    for (const auto& record : ledger.records) {
      if (record.job != view.id) continue;
      if (record.kind == RecordKind::job_failed) view.state = protocol::JobState::failed;
      if (record.kind == RecordKind::model_produced || record.kind == RecordKind::prediction_batch)
        view.state = protocol::JobState::done;
    }
    work.jobs = {view};
    work.studies = {study};
    work.checkpoint = ledger.checkpoint();
    work.consistency = ledger.consistency(head_size);
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
      worker = *order;
      orders.push_back(*order);
    } else if (const auto* download = std::get_if<Download>(&action)) {
      downloaded.insert(download->digest);
      pending.push_back(Downloaded{download->digest, download->size});
    } else if (const auto* upload = std::get_if<Upload>(&action)) {
      uploaded.insert(upload->digest);
      pending.push_back(Uploaded{upload->digest});
    } else if (const auto* discard = std::get_if<Discard>(&action)) {
      discarded.insert(discard->digests.begin(), discard->digests.end());
    }
  }
  void answer(const Ask& ask) {
    if (const auto* asked = std::get_if<protocol::Poll>(&ask.request)) {
      poll = ask.tag;
      head_size = asked->head_size;
      if (asked->seen_version == 0) seen = 0;
      return;
    }
    pending.push_back(Answered{ask.tag, reply_to(ask.request)});
  }
  protocol::Reply reply_to(const protocol::Request& request) {
    if (const auto* submit = std::get_if<protocol::Submit>(&request)) return ledger.submit(*submit);
    if (const auto* signer = std::get_if<protocol::FetchSigner>(&request)) {
      return ledger.signer(signer->member);
    }
    if (const auto* fetch = std::get_if<protocol::FetchRecords>(&request)) {
      return protocol::Records{{{fetch->from, {}, envelopes.at(fetch->from)}}, {}};
    }
    if (const auto* get = std::get_if<protocol::GetWraps>(&request)) {
      protocol::Wraps out;
      for (const Digest& shard : get->shards) out.wraps.push_back({shard, Bytes{1, 2, 3}});
      return out;
    }
    if (const auto* question = std::get_if<protocol::Ask>(&request)) {
      ++questions;
      return protocol::Told{ledger.witnessed(question->argument, cosigners)};
    }
    if (const auto* put_ = std::get_if<protocol::PutWraps>(&request)) wraps.push_back(*put_);
    return protocol::Done{};
  }
};

}  // namespace

TEST_CASE("admitted shards are fetched, trained on, recorded and wiped", "[trainer]") {
  World world;
  world.run();
  CHECK(world.downloaded.size() == 2);
  CHECK(world.runs == 1);
  REQUIRE(world.orders[0].inputs.size() == 2);
  CHECK(world.orders[0].inputs[0].name == "shards/site-a/000001.safetensors");
  const auto parameters = [](const World& of) {
    return provenance::to_jcs(*provenance::parse_json(of.orders[0].order_json)->find("parameters"));
  };
  CHECK(parameters(world) == R"({"shards":2,"sites":["site-a"]})");
  CHECK(world.ledger.count(RecordKind::train_started) == 1);
  CHECK(world.ledger.count(RecordKind::train_completed) == 1);
  REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
  CHECK(world.ledger.records.back().subjects[0].digest == digest_of("network"));
  CHECK(world.discarded.size() == 2);
}

TEST_CASE("a trainer of several ranks has its worker split for training", "[trainer]") {
  for (const std::string kind : {"train-segmentation", "predict"}) {
    World world;
    world.ranks = 3;
    world.kind = kind;
    world.start();
    world.run();
    const bool splits =
        world.orders[0].order_json.find(R"("loopback":true,"ranks":3)") != std::string::npos;
    CHECK(splits == (kind == "train-segmentation"));
  }
}

TEST_CASE("predictions are sealed to the site's certified agent, in the order of the shards",
          "[trainer]") {
  World world;
  world.kind = "predict";
  world.start();
  world.run();
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].warm);
  CHECK(world.orders[0].keep[0].seal_key == world.all.person("agent-a").keys.seal.public_key());
  CHECK(world.uploaded.size() == 2);
  REQUIRE(world.wraps.size() == 1);
  CHECK(world.wraps[0].recipient.text() == "agent-a");
  REQUIRE(world.ledger.count(RecordKind::prediction_batch) == 1);
  const auto& replies = *world.ledger.records.back().details.find("replies")->items();
  REQUIRE(replies.size() == 2);
  CHECK(provenance::digest_at(replies[0], "shard").value() == digest_of("shard 1"));
}

TEST_CASE("a kill at any step trains no more than twice and records once", "[trainer]") {
  for (int kill_at = 0; kill_at < 40; ++kill_at) {
    World world;
    for (int i = 0; i < kill_at; ++i) (void)world.step();
    world.start();
    world.run();
    INFO("killed after " << kill_at << " steps");
    REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
    REQUIRE(world.ledger.count(RecordKind::train_completed) == 1);
    REQUIRE(world.ledger.count(RecordKind::train_started) == 1);
    REQUIRE(world.runs <= 2);
  }
}

TEST_CASE("what the site did not sign, release or keep is not opened", "[trainer]") {
  const auto refused = [](World& world) {
    world.run();
    const bool failed = world.ledger.count(RecordKind::job_failed) == 1;
    return failed && world.orders.empty() && world.downloaded.empty()
               ? provenance::text_or_empty(world.ledger.records.back().details, "code")
               : std::string("opened");
  };
  World other_shard;
  other_shard.encoded.manifest.set(
      "shards", Json::array().push(Json()
                                       .set("number", 9)
                                       .set("purpose", "training")
                                       .set("sealed_sha256", digest_of("planted"))
                                       .set("sealed_bytes", 1)));
  CHECK(refused(other_shard) == "dataset.not_signed");

  World other_site;  // signed by another site's agent
  other_site.encoded = other_site.encode("agent-b", "steward-a");
  CHECK(refused(other_site) == "dataset.not_signed");

  World other_steward;
  other_steward.encoded = other_steward.encode("agent-a", "steward-b");
  CHECK(refused(other_steward) == "dataset.not_permitted");

  World withdrawn;
  provenance::Record quarantine;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.study = withdrawn.plan.study;
  quarantine.subjects.push_back({"manifest", withdrawn.encoded.digest});
  withdrawn.study.more.push_back(withdrawn.all.sign("coordinator", quarantine, withdrawn.now));
  CHECK(refused(withdrawn) == "dataset.quarantined");

  World no_permit;  // shards of the study's own, offered as if they were a request on demand
  no_permit.kind = "predict";
  no_permit.on_demand = true;
  no_permit.start();
  CHECK(refused(no_permit) == "dataset.not_permitted");

  World one_record_twice;  // the coordinator answers the question for the permit with the dataset
  one_record_twice.encoded.permit_at = one_record_twice.encoded.encoded_at;
  CHECK(refused(one_record_twice) == "dataset.not_permitted");

  World other_plan;
  auto plan = other_plan.plan;
  plan.seed = 7;
  other_plan.study = other_plan.all.study(plan);
  CHECK(refused(other_plan) == "job.spec");
}

TEST_CASE("replies are sealed to no key but the certified one", "[trainer]") {
  World world;
  world.kind = "predict";
  world.reply_seal = std::string(64, 'a');
  world.start();
  world.run();
  CHECK(world.uploaded.empty());
  CHECK(world.ledger.count(RecordKind::prediction_batch) == 0);
  CHECK(provenance::text_or_empty(world.ledger.records.back().details, "code") == "reply.reader");
}

TEST_CASE("a release is acted upon only when a quorum of sites cosigned the ledger that holds it",
          "[trainer]") {
  World world;
  world.plan.quorum = 2;
  world.study = world.all.study(world.plan);
  world.run();
  CHECK(world.runs == 0);
  CHECK(world.downloaded.empty());
  CHECK(world.ledger.count(RecordKind::job_failed) == 0);  // it waits
  const std::size_t asked = world.questions;
  CHECK(asked > 10);

  world.cosigners = {"agent-a", "steward-b", "trainer"};  // no second site's agent
  world.run();
  CHECK(world.runs == 0);
  world.cosigners = {"agent-b", "agent-a"};
  world.run();
  CHECK(world.runs == 1);
  CHECK(world.ledger.count(RecordKind::model_produced) == 1);
}

TEST_CASE("what was vouched for once is not asked for again, not even after a restart",
          "[trainer]") {
  World world;
  while (world.downloaded.empty()) REQUIRE(world.step());
  const std::size_t asked = world.questions;
  CHECK(asked == 1);
  world.cosigners.clear();
  world.start();
  world.run();
  CHECK(world.questions == asked);
  CHECK(world.ledger.count(RecordKind::model_produced) == 1);
}

TEST_CASE("a release that waits for its quorum ends with a withdrawal at once", "[trainer]") {
  World world;
  world.cosigners.clear();
  world.run();
  REQUIRE(world.runs == 0);
  provenance::Record quarantine;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.study = world.plan.study;
  quarantine.subjects.push_back({"manifest", world.encoded.digest});
  world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  world.run();
  CHECK(world.runs == 0);
  REQUIRE(world.ledger.count(RecordKind::job_failed) == 1);
  CHECK(provenance::text_or_empty(world.ledger.records.back().details, "code") ==
        "dataset.quarantined");
}

TEST_CASE("on demand only a network is served that the owner released", "[trainer]") {
  const auto released = [](const std::string& signer, const std::string& network) {
    World world;
    world.kind = "predict";
    world.on_demand = true;
    world.encoded = world.encode("agent-a", "steward-a");
    provenance::Record release;
    release.kind = RecordKind::model_released;
    release.study = world.plan.study;
    release.subjects.push_back({"model", digest_of(network)});
    const Bytes envelope = world.all.sign(signer, release, world.now);
    world.put(envelope);
    world.study.more.push_back(envelope);
    world.start();
    world.run();
    return world.ledger.count(RecordKind::prediction_batch) == 1
               ? std::string("served")
               : provenance::text_or_empty(world.ledger.records.back().details, "code");
  };
  CHECK(released("owner", "network") == "served");
  CHECK(released("owner", "another network") == "model.not_released");
  CHECK(released("steward-a", "network") == "model.not_released");
}

namespace {

// site-a takes its dataset back, as the study's later records say it.
Digest withdraw(World& world) {
  provenance::Record taken;
  taken.kind = RecordKind::consent_withdrawn;
  taken.study = world.plan.study;
  taken.subjects.push_back({"dataset", digest_of("dataset of site-a")});
  provenance::Record quarantine = taken;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.subjects.push_back({"manifest", world.encoded.digest});
  quarantine.subjects.push_back({"shard", digest_of("shard 1")});
  const Bytes envelope = world.all.sign("steward-a", taken, world.now);
  world.study.more.push_back(envelope);
  world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  return provenance::record_hash(provenance::parse_envelope(as_text(envelope)).value(),
                                 world.all.person("steward-a").keys.sign.public_key())
      .value();
}

}  // namespace

TEST_CASE("a withdrawal is confirmed once, when nothing reads the data any more", "[trainer]") {
  World world;
  world.run();
  REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
  world.discarded.clear();
  const Digest leaf = withdraw(world);
  world.run();
  REQUIRE(world.ledger.count(RecordKind::impact_assessed) == 1);
  CHECK(provenance::digest_at(world.ledger.records.back().details, "confirms").value() == leaf);
  CHECK(world.discarded.contains(digest_of("shard 1")));
  world.start();
  world.run();
  CHECK(world.ledger.count(RecordKind::impact_assessed) == 1);
}

TEST_CASE("a training whose data were withdrawn fails before the withdrawal is confirmed",
          "[trainer]") {
  World world;
  withdraw(world);
  world.run();
  CHECK(world.runs == 0);
  REQUIRE(world.ledger.count(RecordKind::job_failed) == 1);
  REQUIRE(world.ledger.count(RecordKind::impact_assessed) == 1);
  CHECK(world.ledger.records.back().kind == RecordKind::impact_assessed);
}
