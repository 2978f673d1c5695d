// What the agent's core is tried against: the chain of one site's jobs, as its records tell it.
#pragma once

#include <catch2/catch.hpp>

#include "site-agent/core/site_agent.h"
#include "tests/support/core_world.h"

namespace cloister::site_agent::testing {

using cloister::test::a_job;
using cloister::test::Consortium;
using cloister::test::digest_of;
using cloister::test::start_of_time;
using cloister::test::TestLedger;
using namespace cloister::member;
using provenance::Json;
using provenance::RecordKind;

inline const std::vector<std::string> chain{"register-data",      "train-image-encoder",
                                            "train-mask-encoder", "encode",
                                            "assess-privacy",     "release"};

inline Kept kept(const std::string& name, KeepAs as) {
  return {name, as, digest_of("content of " + name), 100,
          as == KeepAs::sealed ? Bytes{1} : Bytes{}};
}

// What a worker of this kind hands out.
struct Outcome {
  std::vector<Kept> kept;
  Json result = Json::object();
};
Outcome outcome_of(const std::string& kind);

class World : public cloister::test::CoreWorld {
 public:
  World() {
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
    if (const auto event = next_pending()) {
      feed(*event);
      return true;
    }
    if (worker && !hangs) {
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

  void lose_poll() {
    REQUIRE(poll.has_value());
    const std::uint64_t tag = poll->tag;
    poll.reset();
    feed(Unanswered{tag, Error{Kind::unavailable, "connection.lost", "Gone.", ""}});
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
  void approve(const protocol::JobView& job) {
    provenance::Record record;
    record.kind = RecordKind::job_approved;
    record.study = job.study;
    record.job = job.id;
    record.inputs = {{"spec", "spec", job.spec_digest, std::nullopt}};
    record.subjects = {{"spec", job.spec_digest}};
    REQUIRE(submit("admin-a", record).empty());
  }
  void publish_policy() {
    provenance::Record record;
    record.kind = RecordKind::policy_published;
    record.subjects.push_back({"policy", policy.digest});
    REQUIRE(submit("admin-a", record).empty());
  }
  // The policy lets workers run for an hour from then on, and not before. Begins anew with it.
  void open_in(Duration later) {
    const auto minute = (now + later).unix_seconds() / 60 % (24 * 60);
    policy.hours = {static_cast<int>(minute), static_cast<int>((minute + 60) % (24 * 60))};
    start();
    publish_policy();
  }
  void permit_release();
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

  SitePolicy policy;
  std::unique_ptr<SiteAgent> agent;
  std::map<std::string, int> runs;  // finished, by kind
  std::set<Digest> blobs;           // at the coordinator
  std::size_t wraps = 0;
  std::uint64_t questions = 0;
  std::map<JobId, protocol::JobState> forced;
  std::map<JobId, std::uint32_t> attempts;
  bool hangs = false;                      // the worker says nothing
  std::vector<protocol::JobView> besides;  // in the coordinator's list as well

 private:
  struct HeldPoll {
    std::uint64_t tag = 0;
    std::uint64_t version_seen = 0;
    std::uint64_t head_size = 0;
  };

  // One job of the chain offered at a time.
  [[nodiscard]] std::vector<protocol::JobView> jobs() const;
  [[nodiscard]] protocol::Work work_now();

  void perform(const Action& action);
  void answer(const Ask& ask);

  std::optional<HeldPoll> poll;
};

}  // namespace cloister::site_agent::testing
