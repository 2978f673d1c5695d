// The Merkle tree of RFC 6962 section 2.1 (= RFC 9162) with SHA-256.
//
//   MTH({}) = SHA-256("")    leaf = SHA-256(0x00 || entry)    node = SHA-256(0x01 || left || right)
//
// A list of n > 1 splits at the largest power of two below n. Proofs list hashes from the leaf up.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"

namespace cloister::provenance {

inline constexpr std::size_t proof_hashes_max = 63;

[[nodiscard]] Digest empty_root();
[[nodiscard]] Digest leaf_hash(BytesView entry);
[[nodiscard]] Digest node_hash(const Digest& left, const Digest& right);

struct TreeHead {
  std::uint64_t size = 0;
  Digest root;
  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

// The roots of the perfect subtrees that cover the first `size` leaves, largest first: all that is
// needed to append and to name the root.
class CompactRange {
 public:
  CompactRange() = default;
  // `roots` must hold one hash a set bit of `size`.
  [[nodiscard]] static Result<CompactRange> from(std::uint64_t size, std::vector<Digest> roots);

  // Adds a leaf; `visit(level, index, hash)` sees every perfect node that this completes, the leaf
  // itself (level 0) first.
  using Visit = std::function<void(unsigned level, std::uint64_t index, const Digest& hash)>;
  void append(const Digest& leaf, const Visit& visit = {});

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Digest root() const;
  [[nodiscard]] TreeHead head() const { return {size_, root()}; }
  [[nodiscard]] const std::vector<Digest>& roots() const { return roots_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> roots_;
};

// Where proofs get their hashes: the perfect node `index` of `level` (level 0 = leaves), that is
// MTH(D[index << level : (index + 1) << level]).
class NodeReader {
 public:
  virtual ~NodeReader() = default;
  [[nodiscard]] virtual Result<Digest> node(unsigned level, std::uint64_t index) const = 0;
};

// The whole tree in memory, leaf hashes only; for batches of predictions and for tests.
class LeafHashes final : public NodeReader {
 public:
  explicit LeafHashes(std::vector<Digest> leaves) : leaves_(std::move(leaves)) {}
  [[nodiscard]] Result<Digest> node(unsigned level, std::uint64_t index) const override;
  [[nodiscard]] std::uint64_t size() const { return leaves_.size(); }

 private:
  std::vector<Digest> leaves_;
};

[[nodiscard]] Result<Digest> tree_root(const NodeReader& nodes, std::uint64_t size);
// PATH(index, D[size]); index < size, else "merkle.range".
[[nodiscard]] Result<std::vector<Digest>> inclusion_proof(const NodeReader& nodes,
                                                          std::uint64_t index, std::uint64_t size);
// PROOF(old_size, D[new_size]); empty if old_size is 0 or equal; old_size <= new_size.
[[nodiscard]] Result<std::vector<Digest>> consistency_proof(const NodeReader& nodes,
                                                            std::uint64_t old_size,
                                                            std::uint64_t new_size);

// What a proof is about.
struct InclusionClaim {
  std::uint64_t index = 0;
  Digest leaf;
  TreeHead head;
};
// Errors "merkle.range", "merkle.proof_length", "merkle.root_mismatch" (Kind::corrupt).
[[nodiscard]] Result<void> verify_inclusion(const InclusionClaim& claim,
                                            std::span<const Digest> proof);
// The new tree begins with the old one. Equal sizes need equal roots and no hashes; an old size of
// 0 needs the empty root and no hashes.
[[nodiscard]] Result<void> verify_consistency(const TreeHead& old_head, const TreeHead& new_head,
                                              std::span<const Digest> proof);

}  // namespace cloister::provenance
