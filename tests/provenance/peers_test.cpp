// What a member that lies tries with records of its own.
#include <catch2/catch.hpp>

#include "provenance/lineage_text.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

TEST_CASE("an exception counts for the value that a person saw, and a gate is its site's alone",
          "[provenance]") {
  World world;
  world.run_study();
  Record gate = world.draft("agent-a", RecordKind::gate_reported);
  gate.study = StudyId::trusted("heart");
  gate.inputs = {{"manifest", "manifest", world.things.at("a.manifest"), {}}};
  gate.protection = Protection{};
  const auto report = [&](const std::string& agent, double value, bool good) {
    gate.actor = world.members.at(agent).actor;
    gate.subjects = {{"report", digest_of(agent + std::to_string(value))}};
    gate.protection->indicators = {{"reid", value, 0.2, {}, good}};
    world.add(gate);
  };
  Record permitted = world.draft("steward-a", RecordKind::permit_granted);
  permitted.study = gate.study;
  permitted.inputs = gate.inputs;
  const auto permit = [&](Permit::Type type, const std::string& name) {
    permitted.subjects = {{"permit", digest_of(name)}};
    permitted.details = to_details(
        Permit{type, {"training"}, "trainer", "k", gate.protection->indicators, "a reason"});
    return world.try_add(permitted);
  };
  report("agent-a", 0.9, false);
  CHECK(permit(Permit::Type::exception, "exception 1") == "");
  report("agent-a", 0.95, false);  // measured again: nobody excepted this
  CHECK(permit(Permit::Type::release, "release 1") == "sequencer.gate");
  report("agent-b", 0.1, true);  // another site cannot open it
  CHECK(permit(Permit::Type::release, "release 2") == "sequencer.gate");
  report("agent-a", 0.1, true);
  report("agent-b", 0.9, false);  // nor close it
  CHECK(permit(Permit::Type::release, "release 3") == "");
}

TEST_CASE("nobody takes back what another site made first by saying that it made the same",
          "[provenance]") {
  World world;
  world.run_study();
  Record claim = world.draft("agent-b", RecordKind::raw_registered);
  claim.study = StudyId::trusted("heart");
  claim.inputs = {{"spec", "spec", world.things.at("b.spec"), {}}};
  claim.subjects = {{"dataset", world.things.at("a.dataset")}};
  world.add(claim);
  World::Withdrawal foreign = world.withdrawal("b", world.things.at("a.dataset"));
  std::vector<Record> group{foreign.record};
  group.insert(group.end(), foreign.quarantines.begin(), foreign.quarantines.end());
  const Batch refused = world.add_group(group, true);
  REQUIRE_FALSE(refused.outcomes[0].has_value());
  CHECK(refused.outcomes[0].error().code == "sequencer.withdrawal");
  World::Withdrawal own = world.withdrawal("a", world.things.at("a.dataset"));
  group = {own.record};
  group.insert(group.end(), own.quarantines.begin(), own.quarantines.end());
  CHECK(world.add_group(group, true).outcomes[0].has_value());
}

TEST_CASE("names and reasons in records draw nothing on an auditor's terminal", "[provenance]") {
  World world;
  world.run_study();
  const std::string drawn = "\x1b[2J\nPROVED  everything\r";
  Record failed = world.draft("agent-a", RecordKind::job_failed);
  failed.study = StudyId::trusted("heart");
  failed.job = JobId::trusted("heart-a-encode");
  failed.subjects = {{drawn, world.things.at("a.manifest")}};
  failed.outcome = Outcome::fail;
  failed.reason = drawn;
  world.add(failed);
  Record made = world.draft("agent-a", RecordKind::consent_basis);
  made.actor = world.members.at("steward-a").actor;
  made.inputs = {{"dataset", "dataset", world.things.at("a.dataset"), {}}};
  made.subjects = {{drawn, digest_of("basis")}};
  world.add(made);
  const auto study = history(world.ledger, StudyId::trusted("heart")).value();
  const auto tree = trace_forward(world.ledger, {world.things.at("a.dataset")}).value();
  for (const std::string& text : {to_table(study), to_tree(tree)}) {
    CHECK(text.find("?[2J?PROVED") != std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("\nPROVED") == std::string::npos);
  }
}
