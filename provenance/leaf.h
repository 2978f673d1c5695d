// Leaves: the bytes that the Merkle tree hashes. A leaf is the JCS spelling of a Rekor v2
// `dsse 0.0.2` entry: hash of the payload, signature, public key, no content. About 400 bytes.
//
// Payloads therefore can be erased without breaking a proof, and a stock Sigstore client accepts a
// bundle of ours. Upstream may replace this kind by another one; so `kind` and `apiVersion` are
// dispatched on, and a tree may hold several kinds.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "provenance/dsse.h"

namespace cloister::provenance {

inline constexpr std::size_t leaf_bytes_max = 65'535;  // tlog-tiles prefixes leaves with 16 bits

enum class LeafKind { dsse_0_0_2 };

struct Leaf {
  LeafKind kind = LeafKind::dsse_0_0_2;
  Digest payload_hash;  // SHA-256 of the envelope's payload bytes
  crypto::Signature signature{};
  crypto::PublicKey public_key{};
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

[[nodiscard]] Bytes to_bytes(const Leaf& leaf);
// Accepts exactly what to_bytes writes. "leaf.kind" for kinds of other versions, "leaf.format"
// else.
[[nodiscard]] Result<Leaf> parse_leaf(BytesView bytes);

// The leaf of an envelope that `key` signed. The envelope must carry exactly one signature
// ("leaf.signatures"): approvals are records of their own, not further signatures.
[[nodiscard]] Result<Leaf> leaf_of(const Envelope& envelope, const crypto::PublicKey& key);

// True if the leaf is about this envelope: payload hash, one signature with the same bytes, and
// that signature verifies under the leaf's key.
[[nodiscard]] bool backs(const Leaf& leaf, const Envelope& envelope);

}  // namespace cloister::provenance
