// The trainer's core against a small ledger, blob store and worker in memory.
#pragma once

#include <catch2/catch.hpp>

#include "tests/support/core_world.h"
#include "trainer/core/trainer.h"

namespace cloister::trainer::testing {

using namespace cloister::member;
using cloister::test::Consortium;
using cloister::test::digest_of;
using cloister::test::start_of_time;
using cloister::test::TestLedger;
using provenance::Json;
using provenance::RecordKind;

// One site's dataset as its agent signed it, and a steward's permit.
struct Encoded {
  Json manifest;
  Digest digest;
  std::uint64_t encoded_at = 0;
  std::uint64_t permit_at = 0;
};

class World : public cloister::test::CoreWorld {
 public:
  World() {
    put(study.opened);
    encoded = encode("agent-a", "steward-a");
    start();
  }

  Encoded encode(const std::string& agent, const std::string& steward);
  std::uint64_t put(const Bytes& envelope) {
    const auto reply = ledger.submit({{envelope}});
    envelopes.push_back(envelope);
    return std::get<protocol::Receipts>(reply).receipts.front().index;
  }

  [[nodiscard]] protocol::JobView job() const;

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
    if (const auto event = next_pending()) {
      feed(*event);
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
  // The answer to a person at the control socket.
  Result<std::string> ask(const std::string& verb, const Json& body = Json::object()) {
    const std::uint64_t question = 100 + answers.size();
    feed(PersonAsked{question, verb, provenance::to_jcs(body)});
    for (int i = 0; i < 100 && !answers.contains(question) && step(); ++i) {
    }
    REQUIRE(answers.contains(question));
    return answers.at(question);
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

  std::vector<Bytes> envelopes;
  Encoded encoded;
  std::string kind = "train-segmentation";
  std::uint32_t ranks = 1;
  std::string reply_seal = to_hex(all.person("agent-a").keys.seal.public_key().view());
  std::unique_ptr<trainer::Trainer> core;
  std::optional<std::uint64_t> poll;
  std::uint64_t head_size = 0;
  std::uint64_t seen = 0;
  int runs = 0;
  std::set<Digest> downloaded, uploaded, discarded;
  std::vector<protocol::PutWraps> wraps;
  std::vector<std::string> cosigners{"agent-a"};  // of the ledger's head; the plan's quorum is one
  std::size_t questions = 0;
  bool on_demand = false;
  std::vector<std::uint64_t> evidence;  // of the network's release

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
    protocol::JobView view = job();
    for (const auto& record : ledger.records) {
      if (record.job != view.id) continue;
      if (record.kind == RecordKind::job_failed) view.state = protocol::JobState::failed;
      if (record.kind == RecordKind::model_produced || record.kind == RecordKind::prediction_batch)
        view.state = protocol::JobState::done;
    }
    return work_of(ledger.records.size() + study.more.size() + 1, {view}, head_size);
  }
  void perform(const Action& action) {
    perform_common(action);
    if (const auto* ask = std::get_if<Ask>(&action)) {
      answer(*ask);
    } else if (const auto* download = std::get_if<Download>(&action)) {
      downloaded.insert(download->digest);
      pending.push_back(Downloaded{download->digest, download->size});
    } else if (const auto* upload = std::get_if<Upload>(&action)) {
      uploaded.insert(upload->digest);
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
    if (auto reply = reply_about_records(request)) return std::move(*reply);
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

}  // namespace cloister::trainer::testing
