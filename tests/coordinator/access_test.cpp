#include <catch2/catch.hpp>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

std::string refusal(const protocol::Reply& reply) {
  const auto* refused = std::get_if<protocol::Refused>(&reply);
  return refused == nullptr ? "none" : refused->error.code;
}

}  // namespace

TEST_CASE("strangers and revoked members are refused by name", "[coordinator]") {
  Desk desk;
  CHECK(refusal(desk.ask("nobody", protocol::Ask{"health", ""})) == "member.unknown");
  CHECK(refusal(desk.ask("agent-b", protocol::Ask{"health", ""})) == "none");
  Record revoked = desk.record(RecordKind::key_revoked, "admin");
  const Member* member = desk.core.membership().find(MemberId::trusted("agent-b"));
  revoked.subjects = {{"agent-b", member->key_digest}};
  revoked.details.set("key", to_hex(member->keys.sign));
  desk.must(revoked);
  CHECK(refusal(desk.ask("agent-b", protocol::Ask{"health", ""})) == "member.revoked");
  CHECK(refusal(desk.ask("agent-a", protocol::Ask{"health", ""})) == "none");
}

TEST_CASE("only administrators invite", "[coordinator]") {
  Desk desk;
  for (const char* member : {"agent-a", "trainer", "owner", "auditor", "steward-a"})
    CHECK(refusal(desk.ask(member, protocol::Invite{})) == "member.not_allowed");
  Record withdrawn = desk.record(RecordKind::impact_assessed, "auditor");
  CHECK(desk.submit(withdrawn).error().code == "audit.read_only");
  Record exported = desk.record(RecordKind::export_issued, "auditor");
  exported.subjects = {{"export", digest_of("a bundle")}};
  desk.must(exported);
}

TEST_CASE("a site sees its own jobs and nobody else's", "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto work = desk.work("agent-a");
  REQUIRE(work.jobs.size() == 1);
  CHECK(work.jobs.front().site == "a");
  CHECK(work.studies.size() == 1);
  CHECK(desk.work("trainer").jobs.empty());
  const auto own = desk.ask("agent-a", protocol::Ask{"job", "heart-a-register-data-1"});
  CHECK(std::holds_alternative<protocol::Told>(own));
  CHECK(refusal(desk.ask("agent-b", protocol::Ask{"job", "heart-a-register-data-1"})) ==
        "ask.not_found");
}

TEST_CASE("a shard leaves only under its permit, with its own size, to the plan's trainer",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  const Digest shard = desk.study().site_dataset("a")->shards.front().digest;
  const protocol::BlobOpen open{shard, 1000, {}};
  CHECK(refusal(desk.ask("agent-a", open)) == "blob.not_released");
  desk.permit_release("a");
  CHECK(refusal(desk.ask("agent-a", open)) == "blob.not_released");
  desk.except_all("a");
  CHECK(refusal(desk.ask("agent-b", open)) == "blob.forbidden");
  CHECK(refusal(desk.ask("agent-a", protocol::BlobOpen{shard, 999, {}})) == "blob.size");
  CHECK(refusal(desk.ask("agent-a", protocol::BlobOpen{digest_of("x"), 1000, {}})) ==
        "blob.not_released");
  const auto opened = desk.request("agent-a", open);
  REQUIRE(opened.size() == 1);
  CHECK(std::holds_alternative<OpenBlob>(opened.front()));
  const protocol::PutWraps wrong{
      desk.study().id(), {}, MemberId::trusted("agent-b"), {{shard, {}}}};
  CHECK(refusal(desk.ask("agent-a", wrong)) == "wrap.recipient");
  CHECK(refusal(desk.ask("trainer", protocol::BlobGet{shard, 0, 10})) == "blob.forbidden");
}

TEST_CASE("the trainer fetches what was admitted, a site only its own replies", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const Digest shard = desk.study().site_dataset("a")->shards.front().digest;
  CHECK(std::holds_alternative<ReadBlob>(
      desk.request("trainer", protocol::BlobGet{shard, 0, 10}).front()));
  CHECK(refusal(desk.ask("agent-b", protocol::BlobGet{shard, 0, 10})) == "blob.forbidden");
  const Job* predict = desk.job("a", "predict", 1, "held-out");
  desk.approve(predict->id, "trainer");
  desk.upload_replies(*predict);
  desk.must(desk.product(*predict));
  const Digest reply = digest_of("reply " + predict->id.text());
  CHECK(std::holds_alternative<ReadBlob>(
      desk.request("agent-a", protocol::BlobGet{reply, 0, 10}).front()));
  CHECK(refusal(desk.ask("agent-b", protocol::BlobGet{reply, 0, 10})) == "blob.forbidden");
}

TEST_CASE("an auditor's reading is recorded once a session, a member's own is not",
          "[coordinator]") {
  Desk desk;
  const auto size = desk.ledger.size();
  desk.request("agent-a", protocol::FetchRecords{0, 10});
  CHECK(desk.ledger.size() == size);
  desk.request("auditor", protocol::FetchRecords{0, 10});
  desk.request("auditor", protocol::FetchRecords{10, 10});
  CHECK(desk.ledger.size() == size + 1);
  CHECK(desk.ledger.back().record.kind == RecordKind::access_logged);
}

TEST_CASE("a site reads its own records and those of no site, not another's", "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("b", "register-data");
  const MemberId reader = MemberId::trusted("agent-a");
  for (const Placed& placed : desk.ledger) {
    const std::string actor = placed.record.actor.id.text();
    const bool is_of_others = actor == "agent-b" ||
                              placed.record.job.text().find("heart-b-") == 0 ||
                              placed.record.job.text().find("heart-c-") == 0;
    if (placed.record.kind != RecordKind::key_bound)
      CHECK(desk.core.may_read(reader, placed.record) == !is_of_others);
    CHECK(desk.core.may_read(MemberId::trusted("auditor"), placed.record));
  }
}

TEST_CASE("a binding gives a member new keys, never another role, and a revocation names a key",
          "[coordinator]") {
  Desk desk;
  Record bound = desk.record(RecordKind::key_bound, "admin-a");
  for (const Placed& placed : desk.ledger) {
    const auto binding = provenance::key_binding_from(placed.record.details);
    if (!binding || binding->member.text() != "agent-a") continue;
    auto taken = *binding;
    taken.member = MemberId::trusted("owner");
    bound.details = provenance::to_details(taken);
  }
  CHECK(desk.submit(bound).error().code == "member.taken");
  Record revoked = desk.record(RecordKind::key_revoked, "admin-a");
  const Member* agent = desk.core.membership().find(MemberId::trusted("agent-a"));
  revoked.details.set("key", to_hex(agent->keys.sign)).set("member", "owner");
  desk.must(revoked);
  CHECK(desk.core.membership().find(MemberId::trusted("owner"))->is_active());
  CHECK_FALSE(desk.core.membership().find(MemberId::trusted("agent-a"))->is_active());
}

TEST_CASE("the approval of an open job travels with it, for an agent that was down",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  CHECK(desk.work("agent-a").studies.front().more.empty());
  desk.approve(desk.job("a", "register-data")->id, "admin-a");
  const Bytes approval = desk.ledger.back().envelope;
  CHECK(desk.work("agent-a").studies.front().more == std::vector<Bytes>{approval});
  CHECK(desk.work("agent-b").studies.front().more.empty());
  desk.must(desk.product(*desk.job("a", "register-data")));
  CHECK(desk.work("agent-a").studies.front().more.empty());
}
