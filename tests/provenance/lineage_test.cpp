// The questions that people ask, on a small study.
#include "provenance/lineage.h"

#include <catch2/catch.hpp>

#include "provenance/lineage_text.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

namespace {

bool has(const Answer& answer, const Digest& digest) {
  for (const auto& node : answer.nodes) {
    if (node.digest == digest) return true;
  }
  return false;
}

bool has_record(const Answer& answer, std::uint64_t index) {
  for (const auto& stored : answer.records) {
    if (stored.index == index) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a prediction is walked back to the raw data of every site", "[provenance]") {
  World world;
  world.run_study();
  const Answer answer = explain(world.ledger, world.predictions[3].output).value();
  for (const std::string name :
       {"a.dataset", "b.dataset", "a.encoder", "b.manifest", "model", "batch", "plan"}) {
    CHECK(has(answer, world.things.at(name)));
  }
  CHECK_FALSE(has(answer, world.predictions[2].output));
  REQUIRE(answer.prediction.has_value());
  CHECK(verify_prediction(*answer.prediction).has_value());
  CHECK(answer.prediction->prediction == world.predictions[3]);
  CHECK(answer.prediction->batch.root == world.things.at("batch"));
  // Who approved and what the gate said stand beside the closure.
  for (const std::string name : {"a.approval", "a.gate", "a.release", "b.sent", "b.received"}) {
    CHECK(has_record(answer, world.records.at(name).index));
  }
  const std::string tree = to_tree(answer);
  CHECK(tree.find("train.completed by trainer (cloud)") != std::string::npos);
  CHECK(tree.find("approved by admin-a") != std::string::npos);
  CHECK(tree.find(to_hex(answer.closure_digest)) != std::string::npos);
}

TEST_CASE("what was made of one site's data is found, and nothing else", "[provenance]") {
  World world;
  world.run_study();
  const Answer answer = trace_forward(world.ledger, {world.things.at("a.dataset")}).value();
  CHECK(has(answer, world.things.at("model")));
  for (const auto& prediction : world.predictions) CHECK(has(answer, prediction.output));
  CHECK_FALSE(has(answer, world.things.at("b.dataset")));
  CHECK_FALSE(has(answer, world.things.at("b.manifest")));
  CHECK_FALSE(has(answer, world.things.at("plan")));
  CHECK(trace_forward(world.ledger, {digest_of("never seen")}).error().code == "lineage.unknown");
}

TEST_CASE("the closure digest is what sort and sha256sum give", "[provenance]") {
  const Digest a = digest_of("a");
  const Digest b = digest_of("b");
  std::vector<std::string> lines{to_hex(a) + "\n", to_hex(b) + "\n"};
  std::sort(lines.begin(), lines.end());
  CHECK(closure_digest({b, a}) == digest_of(lines[0] + lines[1]));
  CHECK(closure_digest({a, b}) == closure_digest({b, a}));
}

TEST_CASE("the closure does not depend on what was added beside it", "[provenance]") {
  World world;
  world.run_study();
  const Digest before = trace_back(world.ledger, world.things.at("model"))->closure_digest;
  Record record = world.draft("agent-b", RecordKind::raw_registered);
  record.subjects = {{"dataset", digest_of("more")}};
  world.add(record);
  CHECK(trace_back(world.ledger, world.things.at("model"))->closure_digest == before);
}

TEST_CASE("history, policy, who and egress answer", "[provenance]") {
  World world;
  world.run_study();
  const Answer all = history(world.ledger, StudyId::trusted("heart")).value();
  CHECK(all.nodes.size() == 1 + 2 * 9 + 2);
  CHECK(to_table(all).find("dataset.encoded") != std::string::npos);
  CHECK(history(world.ledger, StudyId::trusted("liver")).error().code == "lineage.unknown");

  Record policy = world.draft("admin-a", RecordKind::policy_published);
  policy.subjects = {{"policy", digest_of("policy")}};
  world.add(policy);
  Record under = world.draft("admin-a", RecordKind::access_logged);
  under.subjects = {{"x", digest_of("x")}};
  under.policy = PolicyRef{"policy", digest_of("policy")};
  const Admitted admitted = world.add(under);
  const Answer governed = under_policy(world.ledger, digest_of("policy")).value();
  REQUIRE(governed.nodes.size() == 1);
  CHECK(governed.nodes[0].digest == admitted.leaf_hash);

  const Responsible responsible =
      who(world.ledger, world.records.at("a.encoded").leaf_hash).value();
  CHECK(responsible.key.member.text() == "agent-a");
  CHECK(responsible.binding->index == world.records.at("key.agent-a").index);
  REQUIRE(responsible.approvals.size() == 1);
  CHECK(responsible.approvals[0].note.signer.text() == "admin-a");
  CHECK_FALSE(who(world.ledger, world.records.at("key.trainer").leaf_hash)->binding.has_value());

  const auto left = egress(world.ledger, "site-a").value();
  REQUIRE(left.size() == 1);
  CHECK(left[0].bytes == 1234);
  CHECK(left[0].received->index == world.records.at("a.received").index);
  REQUIRE(left[0].permits.size() == 1);
  CHECK(left[0].permits[0].index == world.records.at("a.release").index);
  CHECK(egress(world.ledger, "cloud")->empty());
  CHECK(egress(world.ledger, "site-x").error().code ==
        "lineage.unknown");  // misspelt: not "0 bytes"
  CHECK(under_policy(world.ledger, world.things.at("model")).error().code == "lineage.no_policy");
}

TEST_CASE("a receipt is of whoever carries or opens it, and a prediction answers its request",
          "[provenance]") {
  World world;
  world.run_study();
  const auto study = StudyId::trusted("heart");
  Record request = world.draft("agent-a", RecordKind::dataset_encoded);
  request.study = study;
  request.job = JobId::trusted("heart-a-encode");
  request.purpose = "prediction";
  request.inputs = {{"image-encoder", "image-encoder", world.things.at("a.encoder"), {}}};
  request.approvals = {world.records.at("a.approval").leaf_hash};
  request.subjects = {{"manifest", digest_of("request")}};
  world.add(request);
  Record claim = world.draft("agent-b", RecordKind::transfer_received);
  claim.subjects = {{"manifest", digest_of("request")}};
  world.add(claim);
  CHECK_FALSE(egress(world.ledger, "site-a")->back().received);
  Record reply = world.draft("trainer", RecordKind::prediction_batch);
  reply.study = study;
  reply.inputs = {{"model", "model", world.things.at("model"), {}},
                  {"manifest", "manifest", digest_of("request"), {}}};
  reply.subjects = {{"reply", digest_of("reply")}};
  const Admitted answered = world.add(reply);
  const auto left = egress(world.ledger, "site-a").value();
  REQUIRE(left.back().received);
  CHECK(left.back().received->index == answered.index);
}

TEST_CASE("answers are drawn and written without losing a node", "[provenance]") {
  World world;
  world.run_study();
  const Answer answer = explain(world.ledger, world.predictions[0].output).value();
  const std::string dot = to_dot(answer);
  for (const auto& node : answer.nodes) CHECK(dot.find(to_hex(node.digest)) != std::string::npos);
  CHECK(dot.find("style=dashed") != std::string::npos);
  const Json json = to_json(answer);
  CHECK(json.find("nodes")->items()->size() == answer.nodes.size());
  CHECK(parse_json(to_jcs(json)).value() == json);
}

TEST_CASE("lineage survives a payload that is gone whole, and says so", "[provenance]") {
  World world;
  world.run_study();
  const Digest model = world.things.at("model");
  const Digest before = trace_back(world.ledger, model)->closure_digest;
  const auto index = world.records.at("a.encoded").index;
  world.ledger.apply({erase_payload(record_note(world.ledger, index)->payload_hash)});
  const Answer answer = trace_back(world.ledger, model).value();
  CHECK(answer.closure_digest == before);
  CHECK(to_tree(answer).find("payload gone") != std::string::npos);
}
