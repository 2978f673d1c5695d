// Groups of submissions: what is judged together.
#include <catch2/catch.hpp>

#include "provenance/sequencer.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

TEST_CASE("signatures checked ahead change nothing of what is admitted and refused",
          "[provenance]") {
  World world;
  world.run_study();
  // The whole log as one group, so that keys are bound in the group that uses them; and some that
  // are bad: another's signature, a spelling, a repetition.
  std::vector<Submission> group;
  const std::uint64_t size = ledger_head(world.ledger)->size;
  for (std::uint64_t i = 0; i < size; ++i) {
    const Envelope envelope = *stored_record(world.ledger, i)->envelope;
    Submission one{to_json(envelope), {}};
    if (i == world.records.at("batch").index) {
      for (const Prediction& prediction : world.predictions)
        one.entries.push_back(to_bytes(prediction));
    }
    group.push_back(one);
    if (i % 5 != 0) continue;
    Envelope wrong = envelope;
    wrong.signatures.front().signature[i % 64] ^= 1;
    group.push_back({to_json(wrong), {}});
    group.push_back({"{" + to_json(envelope), {}});
    group.push_back(one);
  }
  const MemoryLedger empty;
  const Sequencer sequencer(empty, world.rules);
  const Batch plain = sequencer.prepare(group, {}).value();
  std::size_t tasks = 0;
  sequencer.open_ahead(group, [&](std::size_t count, const auto& task) {
    for (tasks = 0; tasks < count; ++tasks) task(count - 1 - tasks);  // in another order
  });
  const Batch spread = sequencer.prepare(group, {}).value();
  CHECK(tasks == group.size());
  CHECK(plain.head == checked_head(world.ledger).value());
  CHECK(spread.head == plain.head);
  CHECK(spread.puts == plain.puts);
  CHECK(spread.records == plain.records);
  REQUIRE(plain.records.size() == size);
  for (std::size_t i = 0; i < group.size(); ++i) {
    REQUIRE(plain.outcomes[i].has_value() == spread.outcomes[i].has_value());
    if (plain.outcomes[i]) CHECK(*plain.outcomes[i] == *spread.outcomes[i]);
    if (!plain.outcomes[i]) CHECK(plain.outcomes[i].error() == spread.outcomes[i].error());
  }
}

TEST_CASE(
    "a group of a derivation and the withdrawal of its input is refused whole, and taken as two",
    "[provenance]") {
  World world;
  world.run_study();
  const auto before = world.withdrawal("a", world.things.at("a.dataset"));
  Record derived = world.draft("trainer", RecordKind::model_produced);
  derived.inputs = {{"model", "model", world.things.at("model"), {}}};
  derived.subjects = {{"model", digest_of("derived")}};
  // In either order: made just before, it is not in the quarantine; made after, its input is.
  const Batch first = world.add_group({derived, before.record, before.quarantines[0]}, true);
  CHECK(first.outcomes[0].error().code == "sequencer.group");
  CHECK(first.outcomes[1].error().code == "sequencer.withdrawal");
  const Batch last = world.add_group({before.record, before.quarantines[0], derived}, true);
  CHECK(last.outcomes[2].error().code == "sequencer.quarantined");
  for (const Batch* batch : {&first, &last}) {
    CHECK(batch->puts.empty());
    CHECK(batch->records.empty());
  }
  CHECK(world.try_add(derived).empty());
  const auto after = world.withdrawal("a", world.things.at("a.dataset"));
  const Batch done = world.add_group({after.record, after.quarantines[0]}, true);
  REQUIRE(done.outcomes[0].has_value());
  CHECK(is_quarantined(world.ledger, digest_of("derived")).value());
}
