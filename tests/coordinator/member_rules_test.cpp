#include <catch2/catch.hpp>

#include "crypto/entropy.h"
#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

std::string code_of(const Result<void>& result) { return result ? "ok" : result.error().code; }

// Keys that a member made and proved to hold; `seal` as it is, or another one.
provenance::KeyBinding keys_of(const Desk& desk, const std::string& member, std::uint64_t seed,
                               bool keeps_seal = true) {
  crypto::SeededEntropy entropy(seed);
  const auto key = crypto::SecretKey::generate(entropy);
  const Member* known = desk.core.membership().find(MemberId::trusted(member));
  provenance::KeyBinding binding;
  binding.member = MemberId::trusted(member);
  binding.role = known == nullptr ? provenance::Role::auditor : provenance_role(known->role);
  binding.org = known == nullptr || known->site.empty() ? "consortium" : known->site;
  binding.seal = known != nullptr && keeps_seal ? known->keys.seal : entropy.bytes(32);
  binding.curve = entropy.bytes(32);
  return provenance::prove_key(binding, key, "test");
}

Record key_record(const Desk& desk, RecordKind kind, const std::string& signer,
                  const provenance::KeyBinding& binding) {
  Record record = desk.record(kind, signer);
  record.details = provenance::to_details(binding);
  record.subjects = {{binding.member.text(), provenance::member_key_digest(binding)}};
  return record;
}

Record vouch(const Desk& desk, const std::string& admin, const Digest& digest) {
  Record record = desk.record(RecordKind::site_enrolled, admin);
  record.subjects = {{"keys", digest}};
  return record;
}

Record rules(const Desk& desk, const std::string& admin, int approvals) {
  Record record = desk.record(RecordKind::policy_published, admin);
  record.details.set("consortium", Json().set("approvals", approvals));
  record.subjects = {{"policy", digest_of(std::to_string(approvals))}};
  return record;
}

const Member& member(const Desk& desk, const std::string& id) {
  return *desk.core.membership().find(MemberId::trusted(id));
}

}  // namespace

TEST_CASE("where the consortium's policy says two, one administrator alone makes nobody a member",
          "[coordinator]") {
  Desk desk;
  desk.must(rules(desk, "root", 2));
  const auto keys = keys_of(desk, "newcomer", 1);
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_bound, "admin", keys))) ==
        "member.approvals");
  // The same person twice is one person, and whoever is no administrator is nobody.
  desk.must(vouch(desk, "admin", provenance::member_key_digest(keys)));
  desk.must(vouch(desk, "owner", provenance::member_key_digest(keys)));
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_bound, "admin", keys))) ==
        "member.approvals");
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_bound, "root", keys))) == "ok");
  CHECK(desk.core.membership().find(MemberId::trusted("newcomer")) != nullptr);
}

TEST_CASE("asking for fewer approvals needs as many people as before", "[coordinator]") {
  Desk desk;
  CHECK(code_of(desk.submit(rules(desk, "owner", 2))) == "policy.consortium");
  CHECK(code_of(desk.submit(rules(desk, "admin", 17))) == "policy.approvals_range");
  desk.must(rules(desk, "admin", 2));
  CHECK(code_of(desk.submit(rules(desk, "admin", 1))) == "policy.approvals");
  desk.must(vouch(desk, "root", digest_of("1")));
  CHECK(code_of(desk.submit(rules(desk, "admin", 1))) == "ok");
  // That approval is used up: it does not count a second time.
  desk.must(rules(desk, "admin", 2));
  CHECK(code_of(desk.submit(rules(desk, "admin", 1))) == "policy.approvals");
}

TEST_CASE("a member changes its keys after the consortium approved exactly these, and not before",
          "[coordinator]") {
  Desk desk;
  const auto next = keys_of(desk, "agent-a", 2);
  const Record rotated = key_record(desk, RecordKind::key_rotated, "agent-a", next);
  CHECK(code_of(desk.submit(rotated)) == "rotate.approval");
  desk.must(vouch(desk, "admin", provenance::member_key_digest(keys_of(desk, "agent-a", 3))));
  CHECK(code_of(desk.submit(rotated)) == "rotate.approval");
  desk.must(vouch(desk, "admin", provenance::member_key_digest(next)));
  CHECK(code_of(desk.submit(rotated)) == "ok");
  CHECK(member(desk, "agent-a").keys.curve == next.curve);
}

TEST_CASE("a rotation keeps the sealing key and needs a living member", "[coordinator]") {
  Desk desk;
  const auto other_seal = keys_of(desk, "agent-a", 4, false);
  desk.must(vouch(desk, "admin", provenance::member_key_digest(other_seal)));
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_rotated, "agent-a", other_seal))) ==
        "rotate.seal");
  const auto stranger = keys_of(desk, "nobody", 5);
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_rotated, "agent-a", stranger))) ==
        "rotate.unknown");
}

TEST_CASE("both keys count until the former one is revoked, and then only the new one",
          "[coordinator]") {
  Desk desk;
  const auto before = member(desk, "agent-a").keys;
  const auto next = keys_of(desk, "agent-a", 6);
  desk.must(vouch(desk, "root", provenance::member_key_digest(next)));
  const auto others = desk.work("agent-b").version;
  desk.must(key_record(desk, RecordKind::key_rotated, "agent-a", next));
  REQUIRE(member(desk, "agent-a").former.size() == 1);
  CHECK(member(desk, "agent-a").former.front() == before);
  CHECK(desk.work("agent-b").version == others);  // nobody else is disturbed

  Record revoked = desk.record(RecordKind::key_revoked, "agent-a");
  revoked.details.set("member", "agent-a").set("key", to_hex(before.sign));
  revoked.subjects = {{"agent-a", digest_of("before")}};
  desk.must(revoked);
  CHECK(member(desk, "agent-a").former.empty());
  CHECK(member(desk, "agent-a").is_active());
  revoked.details.set("key", to_hex(next.key.view()));
  desk.must(revoked);
  CHECK_FALSE(member(desk, "agent-a").is_active());
}

TEST_CASE("a member whose key is revoked while it rotates loses both", "[coordinator]") {
  Desk desk;
  const auto next = keys_of(desk, "agent-a", 7);
  desk.must(vouch(desk, "root", provenance::member_key_digest(next)));
  desk.must(key_record(desk, RecordKind::key_rotated, "agent-a", next));
  Record revoked = desk.record(RecordKind::key_revoked, "root");
  revoked.details.set("member", "agent-a").set("key", to_hex(next.key.view()));
  revoked.subjects = {{"agent-a", digest_of("next")}};
  desk.must(revoked);
  CHECK_FALSE(member(desk, "agent-a").is_active());
  CHECK(member(desk, "agent-a").former.empty());
  CHECK(code_of(desk.submit(key_record(desk, RecordKind::key_rotated, "agent-a",
                                       keys_of(desk, "agent-a", 8)))) == "rotate.unknown");
}

TEST_CASE("administrators know everybody's keys before any study is open, others do not",
          "[coordinator]") {
  Desk desk;
  const std::size_t everybody = desk.core.membership().all().size();
  CHECK(desk.work("root").membership.size() == everybody);
  CHECK(desk.work("admin").membership.size() == everybody);
  CHECK(desk.work("owner").membership.size() < everybody);
  CHECK(desk.work("agent-a").membership.size() < everybody);
}

TEST_CASE("a site hears of the owner and the trainer of its own studies, not of strangers",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const std::size_t known = desk.work("agent-a").membership.size();
  const std::size_t known_to_owner = desk.work("owner").membership.size();
  desk.bind("another-owner", protocol::Role::study_owner, "");
  desk.bind("another-trainer", protocol::Role::trainer, "");
  CHECK(desk.work("agent-a").membership.size() == known);
  CHECK(desk.work("owner").membership.size() == known_to_owner + 2);
  desk.bind("another-admin", protocol::Role::consortium_admin, "");
  CHECK(desk.work("agent-a").membership.size() == known + 1);
}

TEST_CASE("a study is closed by its owner only, and then nothing of it is open", "[coordinator]") {
  Desk desk;
  desk.open_study();
  Record closed = desk.record(RecordKind::study_closed, "admin-a");
  closed.study = desk.study().id();
  closed.reason = "enough";
  closed.subjects = {{"plan", desk.study().plan_digest()}};
  CHECK(code_of(desk.submit(closed)) == "study.owner");
  closed.actor.id = MemberId::trusted("owner");
  CHECK(code_of(desk.submit(closed)) == "ok");
  CHECK(desk.study().phase() == "closed");
  for (const auto& [id, job] : desk.study().jobs()) {
    CHECK(job.state == protocol::JobState::aborted);
    CHECK(job.reason == "enough");
  }
}

TEST_CASE("the keys that everybody pins cannot be revoked, not even by their owner",
          "[coordinator]") {
  Desk desk;
  const auto revoke = [&](const std::string& who, const std::string& whom) {
    Record revoked = desk.record(RecordKind::key_revoked, who);
    revoked.subjects = {{whom, digest_of(whom)}};
    revoked.details.set("member", whom).set("key", to_hex(member(desk, whom).keys.sign));
    return code_of(desk.submit(revoked));
  };
  CHECK(revoke("root", "root") == "revoke.pinned");
  CHECK(revoke("admin", "root") == "revoke.pinned");
  CHECK(revoke("root", "coordinator") == "revoke.pinned");
  CHECK(member(desk, "root").is_active());
  CHECK(revoke("root", "trainer") == "ok");
}
