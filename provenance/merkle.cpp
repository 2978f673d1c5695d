#include "provenance/merkle.h"

#include <bit>

#include "base/ensure.h"
#include "crypto/hash.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad_range() {
  return fail(Kind::invalid, "merkle.range", "A leaf or tree size lies outside of the tree.");
}
tl::unexpected<Error> bad_length() {
  return fail(Kind::corrupt, "merkle.proof_length",
              "A Merkle proof has the wrong number of hashes for its place and size.");
}
tl::unexpected<Error> bad_root() {
  return fail(Kind::corrupt, "merkle.root_mismatch", "A Merkle proof does not lead to the root.");
}

// Largest power of two below n, as its exponent; n > 1.
unsigned split_level(std::uint64_t n) { return static_cast<unsigned>(std::bit_width(n - 1)) - 1; }

// MTH of the leaves [begin, end), end > begin.
Result<Digest> range_root(const NodeReader& nodes, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t count = end - begin;
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return nodes.node(level, begin >> level);
  }
  const std::uint64_t middle = begin + (std::uint64_t{1} << split_level(count));
  const auto left = range_root(nodes, begin, middle);
  if (!left) return left;
  const auto right = range_root(nodes, middle, end);
  if (!right) return right;
  return node_hash(*left, *right);
}

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
};

// Appends the roots of the ranges, the last one (nearest the leaf) first.
Result<std::vector<Digest>> hashes_of(const NodeReader& nodes, const std::vector<Range>& ranges) {
  std::vector<Digest> proof;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    const auto hash = range_root(nodes, range->begin, range->end);
    if (!hash) return pass(hash);
    proof.push_back(*hash);
  }
  return proof;
}

// Hashes proof elements onto a running value, one side at a time.
class Climb {
 public:
  explicit Climb(std::span<const Digest> proof) : proof_(proof) {}
  [[nodiscard]] bool has_next() const { return at_ < proof_.size(); }
  const Digest& next() { return proof_[at_++]; }

 private:
  std::span<const Digest> proof_;
  std::size_t at_ = 0;
};

}  // namespace

Digest empty_root() { return crypto::sha256({}); }

Digest leaf_hash(BytesView entry) {
  Bytes message{0x00};
  append(message, entry);
  return crypto::sha256(message);
}

Digest node_hash(const Digest& left, const Digest& right) {
  std::array<std::uint8_t, 65> message{};
  message[0] = 0x01;
  std::copy(left.bytes.begin(), left.bytes.end(), message.begin() + 1);
  std::copy(right.bytes.begin(), right.bytes.end(), message.begin() + 33);
  return crypto::sha256(message);
}

Result<CompactRange> CompactRange::from(std::uint64_t size, std::vector<Digest> roots) {
  if (roots.size() != static_cast<std::size_t>(std::popcount(size))) {
    return fail(Kind::corrupt, "merkle.compact_range",
                "The stored right edge of the tree does not fit its size.");
  }
  CompactRange range;
  range.size_ = size;
  range.roots_ = std::move(roots);
  return range;
}

void CompactRange::append(const Digest& leaf, const Visit& visit) {
  Digest hash = leaf;
  if (visit) visit(0, size_, hash);
  unsigned level = 0;
  for (std::uint64_t index = size_; (index & 1) == 1; index >>= 1) {
    hash = node_hash(roots_.back(), hash);
    roots_.pop_back();
    ++level;
    if (visit) visit(level, index >> 1, hash);
  }
  roots_.push_back(hash);
  ++size_;
}

Digest CompactRange::root() const {
  if (roots_.empty()) return empty_root();
  Digest hash = roots_.back();
  for (std::size_t i = roots_.size() - 1; i > 0; --i) hash = node_hash(roots_[i - 1], hash);
  return hash;
}

Result<Digest> LeafHashes::node(unsigned level, std::uint64_t index) const {
  if (level > 40 || (index + 1) << level > leaves_.size()) return bad_range();
  const std::uint64_t begin = index << level;
  CompactRange range;
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << level); ++i) range.append(leaves_[begin + i]);
  return range.root();
}

Result<Digest> tree_root(const NodeReader& nodes, std::uint64_t size) {
  if (size == 0) return empty_root();
  return range_root(nodes, 0, size);
}

Result<std::vector<Digest>> inclusion_proof(const NodeReader& nodes, std::uint64_t index,
                                            std::uint64_t size) {
  if (index >= size) return bad_range();
  std::vector<Range> siblings;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + (std::uint64_t{1} << split_level(end - begin));
    if (index < middle) {
      siblings.push_back({middle, end});
      end = middle;
    } else {
      siblings.push_back({begin, middle});
      begin = middle;
    }
  }
  return hashes_of(nodes, siblings);
}

Result<std::vector<Digest>> consistency_proof(const NodeReader& nodes, std::uint64_t old_size,
                                              std::uint64_t new_size) {
  if (old_size > new_size) return bad_range();
  if (old_size == 0 || old_size == new_size) return std::vector<Digest>{};
  std::vector<Range> parts;
  std::uint64_t begin = 0;
  std::uint64_t end = new_size;
  // Walk down to the subtree that ends exactly at old_size (RFC 6962 section 2.1.2).
  while (old_size != end) {
    const std::uint64_t middle = begin + (std::uint64_t{1} << split_level(end - begin));
    if (old_size <= middle) {
      parts.push_back({middle, end});
      end = middle;
    } else {
      parts.push_back({begin, middle});
      begin = middle;
    }
  }
  // If that subtree is the old tree itself, the verifier knows its root.
  if (begin != 0) parts.push_back({begin, end});
  return hashes_of(nodes, parts);
}

Result<void> verify_inclusion(const InclusionClaim& claim, std::span<const Digest> proof) {
  if (claim.index >= claim.head.size) return bad_range();
  if (proof.size() > proof_hashes_max) return bad_length();
  Climb climb(proof);
  Digest hash = claim.leaf;
  std::uint64_t index = claim.index;
  std::uint64_t last = claim.head.size - 1;  // RFC 9162 section 2.1.3.2
  for (; last > 0; index >>= 1, last >>= 1) {
    if ((index & 1) == 0 && index == last) continue;  // no sibling at this level
    if (!climb.has_next()) return bad_length();
    const Digest& sibling = climb.next();
    hash = (index & 1) == 1 ? node_hash(sibling, hash) : node_hash(hash, sibling);
  }
  if (climb.has_next()) return bad_length();
  if (hash != claim.head.root) return bad_root();
  return {};
}

Result<void> verify_consistency(const TreeHead& old_head, const TreeHead& new_head,
                                std::span<const Digest> proof) {
  if (old_head.size > new_head.size) return bad_range();
  if (old_head.size == new_head.size || old_head.size == 0) {
    if (!proof.empty()) return bad_length();
    const Digest& known = old_head.size == 0 ? empty_root() : new_head.root;
    if (old_head.root != known) return bad_root();
    if (new_head.size == 0 && new_head.root != empty_root()) return bad_root();
    return {};
  }
  if (proof.empty() || proof.size() > proof_hashes_max) return bad_length();
  Climb climb(proof);
  std::uint64_t index = old_head.size - 1;
  std::uint64_t last = new_head.size - 1;
  while ((index & 1) == 1) {
    index >>= 1;
    last >>= 1;
  }
  Digest new_hash = std::has_single_bit(old_head.size) ? old_head.root : climb.next();
  Digest old_hash = new_hash;
  for (; last > 0; index >>= 1, last >>= 1) {
    if ((index & 1) == 0 && index == last) continue;
    if (!climb.has_next()) return bad_length();
    const Digest& other = climb.next();
    if ((index & 1) == 1) {
      old_hash = node_hash(other, old_hash);
      new_hash = node_hash(other, new_hash);
    } else {
      new_hash = node_hash(new_hash, other);
    }
  }
  if (climb.has_next()) return bad_length();
  if (old_hash != old_head.root || new_hash != new_head.root) return bad_root();
  return {};
}

}  // namespace cloister::provenance
