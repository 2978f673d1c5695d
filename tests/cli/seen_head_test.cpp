// What an auditor's home remembers of the ledger, against coordinators that forget or rewrite.
#include "cli/seen_head.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "folder.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::cli;
using cloister::provenance::test::World;
using provenance::RecordKind;

namespace {

Replica replica_of(const World& world) {
  Replica replica;
  replica.ledger = world.ledger;
  replica.rules = world.rules;
  replica.checkpoint = world.checkpoint();
  replica.head = provenance::ledger_head(world.ledger).value();
  return replica;
}

// One command: what was seen is read, the ledger fetched, both compared.
Result<void> look(const Folder& home, const World& world) {
  const auto seen = read_seen_head(home.path, world.log_key());
  if (!seen) return pass(seen);
  return check_seen_head(home.path, world.log_key(), *seen, replica_of(world));
}

std::vector<std::string> evidence_in(const Folder& home) {
  std::vector<std::string> texts;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(home.path / "evidence", none))
    texts.push_back(read_text(entry.path()).value());
  return texts;
}

void open_study(World& world, const std::string& title) {
  auto opened = world.draft("owner", RecordKind::study_opened);
  opened.study = StudyId::trusted("heart");
  opened.subjects = {{title, provenance::test::digest_of(title)}};
  world.add(opened);
}

// `seen` is what the home knows, and `shown` what it is to refuse, with both heads as evidence.
void check_refused(const Folder& home, const World& seen, const World& shown,
                   const std::string& code) {
  REQUIRE(look(home, seen));
  const auto refused = look(home, shown);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == code);
  REQUIRE(evidence_in(home).size() == 1);
  const std::string evidence = evidence_in(home).front();
  CHECK(evidence.find(provenance::to_text(seen.checkpoint())) != std::string::npos);
  CHECK(evidence.find(provenance::to_text(shown.checkpoint())) != std::string::npos);
}

}  // namespace

TEST_CASE("a ledger that grows is believed by the home that saw it smaller", "[cli]") {
  const Folder home;
  World world;
  CHECK(look(home, world));
  CHECK(look(home, world));
  open_study(world, "plan");
  CHECK(look(home, world));
  const auto seen = read_seen_head(home.path, world.log_key()).value();
  REQUIRE(seen);
  CHECK(seen->head == provenance::ledger_head(world.ledger).value());
  CHECK(evidence_in(home).empty());
}

TEST_CASE("an auditor finds out at the next command that records are gone", "[cli]") {
  const Folder home;
  World world;
  const World yesterday;  // every world begins with the same records
  open_study(world, "plan");
  check_refused(home, world, yesterday, "audit.rollback");
  CHECK(look(home, yesterday).error().code ==
        "audit.rollback");  // it is not believed the next time
  CHECK(look(home, world));
}

TEST_CASE("an auditor finds out at the next command that records were exchanged", "[cli]") {
  const Folder home;
  World world;
  World other;
  open_study(world, "plan");
  open_study(other, "another plan");
  open_study(other, "plan");
  check_refused(home, world, other, "audit.fork");
}

TEST_CASE("a command that saw less than another one meanwhile raises no alarm, and keeps nothing",
          "[cli]") {
  const Folder home;
  World world;
  REQUIRE(look(home, world));
  const auto seen = read_seen_head(home.path, world.log_key()).value();
  open_study(world, "plan");
  const Replica slow = replica_of(world);
  open_study(world, "another plan");
  REQUIRE(look(home, world));
  REQUIRE(seen->head.size < slow.head.size);
  CHECK(check_seen_head(home.path, world.log_key(), seen, slow));
  const auto kept = read_seen_head(home.path, world.log_key()).value();
  REQUIRE(kept);
  CHECK(kept->head == provenance::ledger_head(world.ledger).value());  // the larger one
}

TEST_CASE("a remembered head that is none of this ledger's is told, not overwritten", "[cli]") {
  const Folder home;
  const World world;
  for (const std::string text : {"", "no note\n"}) {
    REQUIRE(write_text(home.path / "seen-head", text));
    const auto refused = look(home, world);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "audit.seen_head");
    CHECK(read_text(home.path / "seen-head").value() == text);
  }
}
