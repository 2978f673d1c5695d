// Our tree against the recursive definitions of RFC 6962, for every size from 1 to 512.
#include <catch2/catch.hpp>

#include "base/prng.h"
#include "provenance/merkle.h"
#include "provenance/tiles.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;

namespace {

std::vector<Digest> leaves_of(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(leaf_hash(be64(i)));
  return leaves;
}

using Span = std::span<const Digest>;

std::size_t split(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

// Section 2.1, word for word.
Digest naive_root(Span d) {
  if (d.empty()) return crypto::sha256({});
  if (d.size() == 1) return d[0];
  const std::size_t k = split(d.size());
  return node_hash(naive_root(d.first(k)), naive_root(d.subspan(k)));
}
std::vector<Digest> naive_path(std::size_t m, Span d) {
  if (d.size() == 1) return {};
  const std::size_t k = split(d.size());
  auto path = m < k ? naive_path(m, d.first(k)) : naive_path(m - k, d.subspan(k));
  path.push_back(m < k ? naive_root(d.subspan(k)) : naive_root(d.first(k)));
  return path;
}
std::vector<Digest> naive_subproof(std::size_t m, Span d, bool is_whole) {
  if (m == d.size()) return is_whole ? std::vector<Digest>{} : std::vector<Digest>{naive_root(d)};
  const std::size_t k = split(d.size());
  auto proof =
      m <= k ? naive_subproof(m, d.first(k), is_whole) : naive_subproof(m - k, d.subspan(k), false);
  proof.push_back(m <= k ? naive_root(d.subspan(k)) : naive_root(d.first(k)));
  return proof;
}

// Tiles of a tree as the sequencer stores them.
class Tiles final : public TileSource {
 public:
  explicit Tiles(Span leaves) {
    CompactRange range;
    for (const Digest& leaf : leaves) {
      range.append(leaf, [&](unsigned level, std::uint64_t index, const Digest& hash) {
        if (level % tile_height != 0) return;
        append(tiles_[{level / tile_height, index / tile_width}], hash.view());
      });
    }
  }
  [[nodiscard]] Result<Bytes> tile(const TileId& id) const override {
    const auto at = tiles_.find(id);
    if (at == tiles_.end()) return fail(Kind::corrupt, "tile.missing", "no tile");
    return at->second;
  }

 private:
  std::map<TileId, Bytes> tiles_;
};

}  // namespace

TEST_CASE("known roots of small trees come out", "[provenance]") {
  CHECK(to_hex(empty_root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(leaf_hash({})) ==
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

TEST_CASE("inclusion proofs of all sizes to 512 equal the recursive definition and verify",
          "[provenance]") {
  const auto leaves = leaves_of(512);
  const Tiles tiles(leaves);
  const TileNodes nodes(tiles);
  CompactRange range;
  for (std::size_t size = 1; size <= 512; ++size) {
    range.append(leaves[size - 1]);
    const Span tree = Span(leaves).first(size);
    const Digest root = naive_root(tree);
    REQUIRE(range.root() == root);
    REQUIRE(compact_range(tiles, size).value().root() == root);
    // All indices for the small trees, every seventh for the large ones: they share all shapes.
    for (std::size_t index = 0; index < size; index += size < 130 ? 1 : 7) {
      const auto proof = inclusion_proof(nodes, index, size).value();
      REQUIRE(proof == naive_path(index, tree));
      REQUIRE(verify_inclusion({index, leaves[index], {size, root}}, proof).has_value());
    }
  }
}

TEST_CASE("consistency proofs between all sizes equal the recursive definition and verify",
          "[provenance]") {
  const auto leaves = leaves_of(512);
  const Tiles tiles(leaves);
  const TileNodes nodes(tiles);
  for (std::size_t size = 1; size <= 512; size += size < 80 ? 1 : 9) {
    const Span tree = Span(leaves).first(size);
    const TreeHead head{size, naive_root(tree)};
    for (std::size_t old = 1; old <= size; old += size < 80 ? 1 : 5) {
      const auto proof = consistency_proof(nodes, old, size).value();
      REQUIRE(proof == naive_subproof(old, tree, true));
      REQUIRE(verify_consistency({old, naive_root(tree.first(old))}, head, proof).has_value());
    }
  }
}

TEST_CASE("every changed part of an inclusion proof is refused", "[provenance]") {
  const auto leaves = leaves_of(100);
  const LeafHashes nodes(leaves);
  Prng prng(1);
  for (std::size_t size : {1U, 2U, 3U, 7U, 8U, 64U, 65U, 100U}) {
    const TreeHead head{size, naive_root(Span(leaves).first(size))};
    for (std::size_t index = 0; index < size; ++index) {
      const InclusionClaim claim{index, leaves[index], head};
      const auto proof = inclusion_proof(nodes, index, size).value();
      auto longer = proof;
      longer.push_back(digest_of("more"));
      CHECK_FALSE(verify_inclusion(claim, longer).has_value());
      longer = proof;
      longer.insert(longer.begin(), digest_of("more"));
      CHECK_FALSE(verify_inclusion(claim, longer).has_value());
      auto wrong = claim;
      wrong.leaf.bytes[prng.below(32)] ^= 1;
      CHECK_FALSE(verify_inclusion(wrong, proof).has_value());
      wrong = claim;
      wrong.head.root.bytes[prng.below(32)] ^= 128;
      CHECK_FALSE(verify_inclusion(wrong, proof).has_value());
      wrong = claim;
      wrong.index = (index + 1) % size;
      if (size > 1) CHECK_FALSE(verify_inclusion(wrong, proof).has_value());
      wrong.index = size + index;
      CHECK_FALSE(verify_inclusion(wrong, proof).has_value());
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto changed = proof;
        changed[i].bytes[prng.below(32)] ^= static_cast<std::uint8_t>(1U << prng.below(8));
        CHECK_FALSE(verify_inclusion(claim, changed).has_value());
        changed = proof;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        CHECK_FALSE(verify_inclusion(claim, changed).has_value());
      }
    }
  }
}

TEST_CASE("every changed part of a consistency proof is refused", "[provenance]") {
  const auto leaves = leaves_of(70);
  const LeafHashes nodes(leaves);
  Prng prng(2);
  for (std::size_t size : {2U, 3U, 8U, 37U, 64U, 70U}) {
    const TreeHead head{size, naive_root(Span(leaves).first(size))};
    for (std::size_t old = 1; old < size; ++old) {
      const TreeHead before{old, naive_root(Span(leaves).first(old))};
      const auto proof = consistency_proof(nodes, old, size).value();
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto changed = proof;
        changed[i].bytes[prng.below(32)] ^= 4;
        CHECK_FALSE(verify_consistency(before, head, changed).has_value());
        changed = proof;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        CHECK_FALSE(verify_consistency(before, head, changed).has_value());
      }
      auto longer = proof;
      longer.push_back(digest_of("more"));
      CHECK_FALSE(verify_consistency(before, head, longer).has_value());
      CHECK_FALSE(verify_consistency({old, digest_of("x")}, head, proof).has_value());
      CHECK_FALSE(verify_consistency(before, {size, digest_of("x")}, proof).has_value());
      CHECK_FALSE(verify_consistency(head, before, proof).has_value());
    }
  }
  CHECK(verify_consistency({0, empty_root()}, {3, digest_of("x")}, {}).has_value());
  CHECK_FALSE(verify_consistency({0, digest_of("y")}, {3, digest_of("x")}, {}).has_value());
  CHECK_FALSE(verify_consistency({3, digest_of("y")}, {3, digest_of("x")}, {}).has_value());
}

TEST_CASE("a missing tile is an error and never a wrong proof", "[provenance]") {
  const auto leaves = leaves_of(10);
  const Tiles tiles(leaves);
  CHECK(inclusion_proof(TileNodes(tiles), 5, 300).error().code == "tile.missing");
  CHECK(compact_range(tiles, 300).error().code == "tile.missing");
  CHECK(inclusion_proof(TileNodes(tiles), 10, 10).error().code == "merkle.range");
}
