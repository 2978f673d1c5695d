// A group judged while the one before it is written, built for ThreadSanitizer: a race is reported
// and fails the test.
#include <catch2/catch.hpp>
#include <thread>

#include "coordinator/ledger.h"
#include "storage/rocks_store.h"
#include "tests/provenance/world.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::coordinator::Ledger;
using cloister::provenance::test::World;

namespace {

class OutsideMemory final : public coordinator::Outside {
 public:
  [[nodiscard]] Result<std::vector<std::string>> read() const override {
    return fail(Kind::not_found, "test.none", "none");
  }
  [[nodiscard]] Result<void> keep(const std::string& note) override {
    text_ = note;
    return {};
  }

 private:
  std::string text_;
};

}  // namespace

TEST_CASE("judging a group and writing the one before it share nothing that changes",
          "[coordinator]") {
  World world;
  world.run_study();
  std::vector<Bytes> envelopes;
  for (std::uint64_t i = 0; i < world.records.at("batch").index; ++i)
    envelopes.push_back(to_bytes(to_json(*stored_record(world.ledger, i)->envelope)));
  crypto::SeededEntropy entropy(5);
  const crypto::Identity log{
      MemberId::trusted("log"), "coordinator", crypto::SecretKey::generate(entropy),
      crypto::SealKey::generate(entropy), crypto::CurveKey::generate(entropy)};
  for (std::size_t group = 1; group < 12; group += 5) {
    const cloister::test::TempFolder folder;
    const auto store = storage::RocksStore::open(folder.path()).value();
    OutsideMemory outside;
    const auto ledger = Ledger::open({*store, outside, world.rules, log, entropy}).value();
    std::optional<std::thread> writing;
    std::optional<Result<Ledger::Written>> written;
    const auto adopt = [&] {
      if (!writing) return;
      writing->join();
      writing.reset();
      REQUIRE(written.value());
      ledger->adopt(std::move(**written));
    };
    for (std::size_t at = 0; at < envelopes.size(); at += group) {
      const std::span all(envelopes);
      const auto part = all.subspan(at, std::min(group, envelopes.size() - at));
      const auto placed = ledger->place(part, [](const Record&) { return Result<void>(); }, {});
      INFO((placed ? std::string() : to_string(placed.error())));
      REQUIRE(placed);
      // What a coordinator does meanwhile.
      REQUIRE(ledger->signer(MemberId::trusted("trainer")));
      REQUIRE(ledger->read({0, 50}, [](const Record&) { return true; }));
      REQUIRE(ledger->size() < ledger->placed());
      adopt();
      ledger->seal();
      writing.emplace([&] { written.emplace(ledger->write_sealed()); });
    }
    adopt();
    CHECK(ledger->size() == envelopes.size());
  }
}
