// Derivations that race with a withdrawal, through the coordinator's own ledger: its sequencer, its
// planning of the quarantine, its commits and crashes. Seeded; CLOISTER_RACES says how many (10,000
// interleavings, a tenth under sanitizers), CLOISTER_RACE_SEED where to begin. A failure prints its
// seed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <tuple>

#include "base/prng.h"
#include "consortium.h"
#include "coordinator/ledger.h"
#include "coordinator/ledger_store.h"
#include "crypto/hash.h"
#include "provenance/lineage.h"
#include "storage/memory_store.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using provenance::Record;
using provenance::RecordKind;

namespace {

std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t races_here = 1'000;  // ten times as slow
#else
constexpr std::uint64_t races_here = 10'000;
#endif

Result<void> allow(const Record&) { return {}; }

Digest digest_of(const std::string& text) { return crypto::sha256(as_bytes(text)); }

class OutsideMemory final : public Outside {
 public:
  [[nodiscard]] Result<std::vector<std::string>> read() const override {
    if (text_.empty()) return fail(Kind::not_found, "test.none", "none");
    return std::vector<std::string>{text_};
  }
  [[nodiscard]] Result<void> keep(const std::string& note) override {
    text_ = note;
    return {};
  }

 private:
  std::string text_;
};

void copy_into(const storage::Store& from, storage::Store& to) {
  storage::WriteBatch batch;
  REQUIRE(from.scan({}, {}, [&](BytesView key, BytesView value) {
    batch.put(key, value);
    return true;
  }));
  REQUIRE(to.write(batch, storage::Durability::synced));
}

// A ledger with two sites' data, one encoded dataset each, and a model of both.
struct Base {
  std::filesystem::path folder = fresh_folder("race");
  Consortium consortium{folder};
  storage::MemoryStore store;
  OutsideMemory outside;
  Digest withdrawn = digest_of("a.dataset");

  Base() {
    auto ledger = open(store, outside);
    add(*ledger, consortium.genesis());
    add(*ledger, {consortium.bound("owner", protocol::Role::study_owner, "consortium"),
                  consortium.bound("agent-a", protocol::Role::site_agent, "a")});
    add(*ledger, {made("agent-a", RecordKind::raw_registered, {}, "a.dataset")});
    add(*ledger, {made("trainer", RecordKind::model_produced, {}, "base")});
    add(*ledger, {made("trainer", RecordKind::model_produced, {"a.dataset", "base"}, "model")});
  }
  ~Base() { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::unique_ptr<Ledger> open(storage::Store& at, Outside& beside) {
    return Ledger::open({at, beside, consortium.rules(),
                         consortium.people.at("coordinator").identity, consortium.entropy})
        .value();
  }
  static void add(Ledger& ledger, const std::vector<Bytes>& envelopes) {
    REQUIRE(ledger.place(envelopes, allow, SystemClock().now()).has_value());
    REQUIRE(ledger.commit().has_value());
  }
  Bytes made(const std::string& by, RecordKind kind, const std::vector<std::string>& inputs,
             const std::string& product) {
    Record record;
    record.kind = kind;
    for (const auto& input : inputs) record.inputs.push_back({"in", input, digest_of(input), {}});
    record.subjects = {{product, digest_of(product)}};
    return consortium.sign(by, std::move(record));
  }
  Bytes withdrawal() {
    Record record;
    record.kind = RecordKind::consent_withdrawn;
    record.subjects = {{"dataset", withdrawn}};
    record.reason = "asked for";
    return consortium.sign("agent-a", std::move(record));
  }
};

// Where each signer's chain stands.
using Chains = std::map<std::string, std::pair<std::uint64_t, Digest>>;
Chains chains(const Consortium& consortium) {
  Chains all;
  for (const auto& [name, person] : consortium.people) all[name] = {person.seq, person.last};
  return all;
}
void restore(Consortium& consortium, const Chains& all) {
  for (const auto& [name, place] : all) {
    std::tie(consortium.people.at(name).seq, consortium.people.at(name).last) = place;
  }
}

struct Tally {
  std::uint64_t derived_before = 0;
  std::uint64_t refused_after = 0;
  std::uint64_t crashes = 0;
  std::uint64_t in_one_group = 0;
  std::uint64_t overlapped = 0;
  std::uint64_t repeated = 0;
};

// One interleaving over a copy of the base.
class Race {
 public:
  Race(Base& base, std::uint64_t seed, Tally& tally)
      : base_(base),
        prng_(seed),
        tally_(tally),
        chains_(chains(base.consortium)),
        names_{"model"},
        tag_(std::to_string(seed)) {
    copy_into(base.store, store_);
    outside_ = base.outside;
    ledger_ = base.open(store_, outside_);
  }
  ~Race() { restore(base_.consortium, chains_); }  // counters of the signers, for the next race

  void run() {
    const std::uint64_t before = prng_.below(4);
    for (std::uint64_t i = 0; i < before; ++i) step();
    withdraw();
    for (std::uint64_t i = 0; i < 3; ++i) step();
    commit();
    if (!is_withdrawn()) {  // a power cut took the withdrawal: it was never acknowledged
      place_withdrawal();
      commit();
    }
    check();
  }

 private:
  void step() {
    switch (prng_.below(7)) {
      case 0:
        commit();
        break;
      case 2:
        seal_or_adopt();
        break;
      case 1:
        crash();
        break;
      default:
        derive();
    }
  }

  // The next records are judged on top of a group that is being written, or written and not known
  // to be.
  void seal_or_adopt() {
    if (written_) {
      ledger_->adopt(std::move(*written_));
      written_.reset();
    } else if (is_sealed_) {
      written_ = ledger_->write_sealed().value();
      is_sealed_ = false;
    } else if (ledger_->has_staged()) {
      ledger_->seal();
      is_sealed_ = true;
      tally_.overlapped += 1;
    }
  }
  void commit() {
    while (is_sealed_ || written_) seal_or_adopt();
    REQUIRE(ledger_->commit().has_value());
  }

  // From anything that was ever made, whether or not it is durable.
  void derive() {
    const std::string from = names_[prng_.below(names_.size())];
    const std::string product = fmt::format("{} {}", tag_, ++made_);
    const Chains before = chains(base_.consortium);
    const Bytes envelope = base_.made("trainer", RecordKind::model_produced, {from}, product);
    const std::vector<Bytes> one{envelope};
    const auto outcome = ledger_->place(one, allow, SystemClock().now());
    if (outcome) {
      names_.push_back(product);
      tally_.derived_before += 1;
      CHECK_FALSE(placed_withdrawal_);
      return;
    }
    restore(base_.consortium, before);  // refused: the signer's place is as it was
    tally_.refused_after += placed_withdrawal_ ? 1 : 0;
    CHECK(placed_withdrawal_);
  }

  void withdraw() {
    placed_withdrawal_ = true;
    if (prng_.below(3) == 0) refuse_mixed();
    place_withdrawal();
    if (prng_.chance(0.5)) again();
  }
  // A derivation in one group with the withdrawal that it escapes: refused whole, nothing changed.
  void refuse_mixed() {
    const Chains before = chains(base_.consortium);
    const std::vector<Bytes> group{
        base_.made("trainer", RecordKind::model_produced, {names_.back()}, tag_ + " beside"),
        base_.withdrawal()};
    const auto outcome = ledger_->place(group, allow, SystemClock().now());
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == "sequencer.withdrawal");
    restore(base_.consortium, before);
    tally_.in_one_group += 1;
  }
  void place_withdrawal() {
    placed_withdrawal_ = true;
    repeat_ = {base_.withdrawal()};
    REQUIRE(ledger_->place(repeat_, allow, SystemClock().now()).has_value());
  }
  // A lost answer: the same bytes once more.
  void again() {
    const auto outcome = ledger_->place(repeat_, allow, SystemClock().now());
    REQUIRE(outcome.has_value());
    CHECK(outcome->placed.empty());
    tally_.repeated += 1;
  }

  void crash() {
    ledger_.reset();
    is_sealed_ = false;
    written_.reset();
    store_.power_cut();
    ledger_ = base_.open(store_, outside_);
    tally_.crashes += 1;
    placed_withdrawal_ = is_withdrawn();
    // Who signs asks the ledger for its place again.
    for (const char* member : {"trainer", "agent-a"}) {
      const auto state = ledger_->signer(MemberId::trusted(member)).value();
      base_.consortium.people.at(member).seq = state.last_seq;
      base_.consortium.people.at(member).last = state.last_leaf;
    }
    forget_lost();
  }
  void forget_lost() {
    const LedgerStore disk(store_);
    std::erase_if(names_, [&](const std::string& name) {
      return !provenance::is_known(disk, digest_of(name)).value();
    });
  }
  [[nodiscard]] bool is_withdrawn() const {
    const LedgerStore disk(store_);
    return provenance::is_quarantined(disk, base_.withdrawn).value();
  }

  void check() {
    const LedgerStore disk(store_);
    const auto closure = provenance::trace_forward(disk, {base_.withdrawn}).value();
    for (const auto& node : closure.nodes) CHECK((node.record || node.quarantined));
    for (const std::string& name : names_) {
      CHECK(provenance::is_quarantined(disk, digest_of(name)).value());
    }
    CHECK_FALSE(provenance::is_quarantined(disk, digest_of("base")).value());
    CHECK(provenance::checked_head(disk).has_value());
  }

  Base& base_;
  Prng prng_;
  Tally& tally_;
  Chains chains_;
  storage::MemoryStore store_;
  OutsideMemory outside_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::string> names_;  // everything made from the data
  std::string tag_;
  std::uint64_t made_ = 0;
  bool placed_withdrawal_ = false;
  bool is_sealed_ = false;                  // and not yet written
  std::optional<Ledger::Written> written_;  // and not yet known to be
  std::vector<Bytes> repeat_;
};

}  // namespace

TEST_CASE("no derivation that races with a withdrawal escapes it", "[coordinator][race]") {
  Base base;
  Tally tally;
  const std::uint64_t races = setting("CLOISTER_RACES", races_here);
  const std::uint64_t first = setting("CLOISTER_RACE_SEED", 1);
  for (std::uint64_t seed = first; seed < first + races; ++seed) {
    INFO("CLOISTER_RACE_SEED=" << seed << " CLOISTER_RACES=1");
    Race(base, seed, tally).run();
  }
  WARN(races << " interleavings: " << tally.derived_before << " derivations got in before, "
             << tally.refused_after << " were refused after, " << tally.in_one_group
             << " refused in one group with it, " << tally.crashes << " power cuts, "
             << tally.repeated << " repeats, " << tally.overlapped
             << " groups that others were judged on top of");
  // The race is one: every sort of thing happened.
  if (races >= 1000) {
    for (const std::uint64_t count : {tally.derived_before, tally.refused_after, tally.in_one_group,
                                      tally.crashes, tally.repeated, tally.overlapped}) {
      CHECK(count > races / 20);
    }
  }
}
