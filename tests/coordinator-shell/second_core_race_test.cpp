// The second core at its real work, built for ThreadSanitizer: a race is reported and fails the
// test.
#include <catch2/catch.hpp>

#include "coordinator/second_core.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::World;

TEST_CASE("the sequencer and its second core share nothing while they open a group",
          "[coordinator]") {
  World world;
  world.run_study();
  std::vector<Submission> group;
  for (std::uint64_t i = 0; i < world.records.at("batch").index; ++i) {
    const Envelope envelope = *stored_record(world.ledger, i)->envelope;
    group.push_back({to_json(envelope), {}});
    if (i % 3 == 0) group.push_back({to_json(envelope) + " ", {}});  // some are refused
  }
  const MemoryLedger empty;
  const Sequencer sequencer(empty, world.rules);
  const Batch plain = sequencer.prepare(group, {}).value();
  REQUIRE(group.size() > 32);
  for (std::size_t size : {std::size_t{8}, std::size_t{9}, group.size()}) {
    for (int round = 0; round < 20; ++round) {
      const std::span part(group.data(), size);
      sequencer.open_ahead(part, coordinator::spread_over_two_cores);
      const Batch spread = sequencer.prepare(part, {}).value();
      REQUIRE(spread.outcomes.size() == size);
      if (size == group.size()) CHECK(spread.puts == plain.puts);
    }
  }
}
