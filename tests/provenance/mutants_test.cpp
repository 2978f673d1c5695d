// A seeded corpus of mutants of every byte class of our evidence. Whatever is still accepted must
// say exactly what the good one says. CLOISTER_MUTANTS sets how many a class (20000).
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/prng.h"
#include "provenance/bundle.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::World;

namespace {

std::size_t mutants_a_class() {
  const char* wanted = std::getenv("CLOISTER_MUTANTS");
  return wanted == nullptr ? 20'000 : static_cast<std::size_t>(std::atoi(wanted));
}

// One change of one or a few bytes, of the sorts that parsers trip over.
Bytes mutate(Bytes bytes, Prng& prng) {
  const std::size_t at = prng.below(bytes.size());
  const auto here = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  constexpr std::string_view spice = "{}[]\",:\\0019+/=- \n\t\xff";
  switch (prng.below(7)) {
    case 0:
      *here ^= static_cast<std::uint8_t>(1U << prng.below(8));
      break;
    case 1:
      *here = static_cast<std::uint8_t>(prng.below(256));
      break;
    case 2:
      bytes.erase(here);
      break;
    case 3:
      bytes.insert(here, static_cast<std::uint8_t>(spice[prng.below(spice.size())]));
      break;
    case 4:
      bytes.resize(at);
      break;
    case 5:
      std::swap(*here, bytes[prng.below(bytes.size())]);
      break;
    default: {  // repeat a piece
      const std::size_t size = std::min<std::size_t>(1 + prng.below(64), bytes.size() - at);
      const Bytes piece(here, here + static_cast<std::ptrdiff_t>(size));
      bytes.insert(here, piece.begin(), piece.end());
    }
  }
  return bytes;
}

struct Tally {
  std::size_t refused = 0;
  std::size_t neutral = 0;
};

// `accepts` hands back the verified content, or nothing if the mutant is refused.
template <class Accepts>
Tally run_class(const Bytes& good, std::uint64_t seed, const Accepts& accepts) {
  const auto expected = accepts(good);
  REQUIRE(expected.has_value());
  Prng prng(seed);
  Tally tally;
  for (std::size_t i = 0; i < mutants_a_class(); ++i) {
    const Bytes mutant = mutate(good, prng);
    const auto content = accepts(mutant);
    if (!content) {
      ++tally.refused;
      continue;
    }
    ++tally.neutral;
    INFO("seed " << seed << " mutant " << i);
    REQUIRE(*content == *expected);
  }
  WARN(tally.refused << " refused, " << tally.neutral << " neutral");
  return tally;
}

struct Good {
  World world;
  std::uint64_t index = 0;
  TlogPolicy policy;
  Note note;
  TlogProof proof;
  StoredRecord stored;
  Bytes leaf;

  Good() {
    world.run_study();
    index = world.records.at("a.encoded").index;
    policy = default_policy(world.log_key(), world.witnesses());
    note = world.checkpoint();
    proof = prove_record(world.ledger, index, note).value();
    stored = stored_record(world.ledger, index).value();
    leaf = leaf_at(world.ledger, index).value();
  }
};

}  // namespace

TEST_CASE("mutants of an envelope are refused or say the same", "[mutants]") {
  const Good good;
  const Leaf leaf = parse_leaf(good.leaf).value();
  const Tally tally = run_class(to_bytes(to_json(*good.stored.envelope)), 1,
                                [&](const Bytes& bytes) -> std::optional<Bytes> {
                                  const auto envelope = parse_envelope(as_text(bytes));
                                  if (!envelope || !backs(leaf, *envelope)) return std::nullopt;
                                  return pae(envelope->payload_type, envelope->payload);
                                });
  CHECK(tally.refused > tally.neutral * 4);
}

TEST_CASE("mutants of a leaf are refused or are the leaf", "[mutants]") {
  const Good good;
  const TreeHead head = ledger_head(good.world.ledger).value();
  run_class(good.leaf, 2, [&](const Bytes& bytes) -> std::optional<Bytes> {
    if (!parse_leaf(bytes)) return std::nullopt;
    if (!verify_inclusion({good.index, leaf_hash(bytes), head}, good.proof.hashes)) {
      return std::nullopt;
    }
    return bytes;
  });
}

TEST_CASE("mutants of a proof file are refused or prove the same", "[mutants]") {
  const Good good;
  const Digest leaf = leaf_hash(good.leaf);
  run_class(to_bytes(to_text(good.proof)), 3,
            [&](const Bytes& bytes) -> std::optional<std::pair<std::uint64_t, Checkpoint>> {
              const auto proof = parse_tlog_proof(as_text(bytes));
              if (!proof) return std::nullopt;
              auto checkpoint = verify_tlog_proof(*proof, leaf, good.policy);
              if (!checkpoint) return std::nullopt;
              return std::pair(proof->index, *checkpoint);
            });
}

TEST_CASE("mutants of a checkpoint are refused or name the same state", "[mutants]") {
  const Good good;
  run_class(to_bytes(to_text(good.note)), 4, [&](const Bytes& bytes) -> std::optional<Checkpoint> {
    const auto note = parse_note(as_text(bytes));
    if (!note) return std::nullopt;
    auto checkpoint = accept_checkpoint(*note, good.policy);
    if (!checkpoint) return std::nullopt;
    return *checkpoint;
  });
}

TEST_CASE("mutants of a trust policy never make another state acceptable", "[mutants]") {
  const Good good;
  const Note forged = sign_checkpoint({good.world.log_key().name, {1, {}}}, test::key_from(4711));
  run_class(to_bytes(to_text(good.policy)), 5,
            [&](const Bytes& bytes) -> std::optional<Checkpoint> {
              const auto policy = parse_tlog_policy(as_text(bytes));
              if (!policy) return std::nullopt;
              REQUIRE_FALSE(accept_checkpoint(forged, *policy).has_value());
              auto checkpoint = accept_checkpoint(good.note, *policy);
              if (!checkpoint) return std::nullopt;
              return *checkpoint;
            });
}

TEST_CASE("mutants of a submitted record are refused or are that record", "[mutants]") {
  const Good good;
  MemoryLedger before;
  // The ledger as it was just before the record: replayed from the whole log.
  const Sequencer sequencer(before, good.world.rules);
  for (std::uint64_t i = 0; i < good.index; ++i) {
    const auto stored = stored_record(good.world.ledger, i).value();
    const Submission submission{to_json(*stored.envelope), {}};
    const auto batch = sequencer.prepare({&submission, 1}, {}).value();
    REQUIRE(batch.outcomes[0].has_value());
    before.apply(batch.puts);
  }
  run_class(to_bytes(to_json(*good.stored.envelope)), 6,
            [&](const Bytes& bytes) -> std::optional<std::pair<Digest, Digest>> {
              const Submission submission{std::string(as_text(bytes)), {}};
              const auto batch = sequencer.prepare({&submission, 1}, {});
              REQUIRE(batch.has_value());
              if (!batch->outcomes[0]) {
                REQUIRE(batch->puts.empty());
                return std::nullopt;
              }
              return std::pair(batch->outcomes[0]->leaf_hash, batch->head.root);
            });
}
