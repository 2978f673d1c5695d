#include <catch2/catch.hpp>

#include "base/file.h"
#include "cli/consortium_init.h"
#include "cli/homes.h"
#include "cli/plan_fill.h"
#include "cli/replica.h"
#include "cli/signing.h"
#include "crypto/entropy.h"
#include "crypto/start.h"
#include "member/membership.h"
#include "protocol/plan.h"
#include "provenance/sequencer.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

InitOptions options_in(const Folder& folder) {
  REQUIRE(crypto::start());
  REQUIRE(write_text(folder.path / "words", "a passphrase for tests\n", FileMode::owner_only));
  InitOptions options;
  options.folder = folder.path / "heart";
  options.name = "heart";
  options.root_passphrase.file = folder.path / "words";
  options.root_passphrase.fast_for_tests_only = true;
  return options;
}

}  // namespace

TEST_CASE("init founds a consortium whose ledger takes its first records", "[cli]") {
  const Folder folder;
  InitOptions options = options_in(folder);
  options.device = "cuda:1 mixed";
  const auto answer = init_consortium(options);
  REQUIRE(answer);
  CHECK(read_text(options.folder / "trainer" / "trainer.toml")->find("device = \"cuda:1 mixed\"") !=
        std::string::npos);
  const auto genesis = load_genesis(options.folder / "coordinator" / "genesis.json");
  REQUIRE(genesis);
  CHECK(genesis->log == "cloister/heart");
  REQUIRE(genesis->envelopes.size() == 3);

  const auto membership = load_membership(options.folder / "trainer" / "membership.json");
  REQUIRE(membership);
  const auto rules = ledger_rules(*membership);
  REQUIRE(rules);
  provenance::MemoryLedger ledger;
  std::vector<provenance::Submission> records;
  for (const Bytes& envelope : genesis->envelopes) {
    records.push_back({std::string(as_text(envelope)), {}});
  }
  const auto batch = provenance::Sequencer(ledger, *rules).prepare(records, {});
  REQUIRE(batch);
  for (const auto& outcome : batch->outcomes) {
    INFO((outcome ? std::string() : to_string(outcome.error())));
    CHECK(outcome);
  }
}

TEST_CASE("everyone that init made is a member under the root that was pinned", "[cli]") {
  const Folder folder;
  const InitOptions options = options_in(folder);
  REQUIRE(init_consortium(options));
  const auto file = load_membership(options.folder / "root" / "membership.json");
  REQUIRE(file);
  const auto known = member::Membership::from(file->root, file->envelopes);
  CHECK(known.members().size() == 3);
  const auto* coordinator = known.find(MemberId::trusted("coordinator"));
  REQUIRE(coordinator != nullptr);
  CHECK(coordinator->sign == file->coordinator.sign);
  CHECK(known.find(MemberId::trusted("trainer"))->role == protocol::Role::trainer);
  CHECK(member::Membership::from(std::string(64, '0'), file->envelopes).members().empty());
}

TEST_CASE("the template that a member asks for is a good plan without a key typed by hand",
          "[cli]") {
  const Folder folder;
  const InitOptions options = options_in(folder);
  REQUIRE(init_consortium(options));
  const auto file = load_membership(options.folder / "root" / "membership.json");
  REQUIRE(file);
  const auto known = member::Membership::from(file->root, file->envelopes);
  const std::string text = filled_template(known, MemberId::trusted("otto"), {"north", "south"});
  const auto plan = protocol::plan_from_toml(text, "plan.toml");
  REQUIRE(plan);
  CHECK(plan->owner == "otto");
  CHECK(plan->sites == std::vector<std::string>{"north", "south"});
  CHECK(plan->quorum == 2);
  CHECK(plan->trainer_seal_key == to_hex(known.find(MemberId::trusted("trainer"))->seal.view()));
  CHECK(text.find("# the member who signs: you") != std::string::npos);
}

TEST_CASE("a second init in the same folder is refused", "[cli]") {
  const Folder folder;
  const InitOptions options = options_in(folder);
  REQUIRE(init_consortium(options));
  const auto again = init_consortium(options);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == "consortium.exists");
}

TEST_CASE("init refuses a name or an address that cannot be one", "[cli]") {
  const Folder folder;
  InitOptions options = options_in(folder);
  options.name = "Heart Consortium";
  CHECK_FALSE(init_consortium(options));
  options.name = "heart";
  options.members = "ipc:///tmp/x";
  CHECK_FALSE(init_consortium(options));
  CHECK_FALSE(std::filesystem::exists(options.folder));
}

TEST_CASE("keys whose holder did not prove to have them are not bound", "[cli]") {
  REQUIRE(crypto::start());
  crypto::SeededEntropy entropy(9);
  const auto mallory = crypto::generate_identity(MemberId::trusted("mallory"), "person", entropy);
  const auto alice = crypto::generate_identity(MemberId::trusted("alice"), "person", entropy);
  NewMember member = prove_member(alice, protocol::Role::auditor, "", "cloister/heart");
  CHECK(key_bound(member, "cloister/heart"));
  CHECK_FALSE(key_bound(member, "cloister/other"));
  member.keys = member_keys(mallory);
  const auto bound = key_bound(member, "cloister/heart");
  REQUIRE_FALSE(bound);
  CHECK(bound.error().code == "approve.possession");
}

TEST_CASE("a membership file reads back to what it was, and damage is named", "[cli]") {
  const Folder folder;
  const InitOptions options = options_in(folder);
  REQUIRE(init_consortium(options));
  const auto path = options.folder / "root" / "membership.json";
  const auto file = load_membership(path);
  REQUIRE(file);
  REQUIRE(save_membership(folder.path / "copy.json", *file));
  CHECK(*load_membership(folder.path / "copy.json") == *file);
  REQUIRE(write_text(folder.path / "copy.json", "{\"format\":\"other\"}"));
  CHECK(load_membership(folder.path / "copy.json").error().code == "home.format");
}
