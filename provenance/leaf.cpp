#include "provenance/leaf.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad() {
  return fail(Kind::corrupt, "leaf.format", "A leaf of the log is not what its kind must be.");
}

// The path of keys, or null.
const Json* at(const Json* value, std::initializer_list<std::string_view> path) {
  for (auto key : path) {
    if (value != nullptr) value = value->find(key);
  }
  return value;
}

Result<Leaf> leaf_from(const Json& json) {
  const Json* spec = at(&json, {"spec", "dsseV002"});
  const Json* hash = at(spec, {"payloadHash"});
  const Json* signatures = at(spec, {"signatures"});
  if (hash == nullptr || signatures == nullptr || signatures->items() == nullptr) return bad();
  if (signatures->items()->size() != 1) return bad();
  const Json& signature = signatures->items()->front();
  const Json* key = at(&signature, {"verifier", "publicKey"});
  if (key == nullptr) return bad();
  const auto payload_hash = base64_at(*hash, "digest");
  const auto content = base64_at(signature, "content");
  const auto spki = base64_at(*key, "rawBytes");
  if (!payload_hash || !content || !spki) return bad();
  const auto public_key = crypto::public_key_from_spki(*spki);
  const auto digest = digest_from_bytes(*payload_hash);
  Leaf leaf;
  if (!public_key || !digest || content->size() != leaf.signature.size()) return bad();
  leaf.payload_hash = *digest;
  leaf.public_key = *public_key;
  std::copy(content->begin(), content->end(), leaf.signature.begin());
  return leaf;
}

}  // namespace

// The JCS spelling, written out: keys in order, and base64 needs no escapes.
Bytes to_bytes(const Leaf& leaf) {
  std::string text;
  text.reserve(420);
  text += R"({"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":)"
          R"({"algorithm":"SHA2_256","digest":")";
  text += to_base64(leaf.payload_hash.view());
  text += R"("},"signatures":[{"content":")";
  text += to_base64(leaf.signature);
  text += R"(","verifier":{"keyDetails":"PKIX_ED25519","publicKey":{"rawBytes":")";
  text += to_base64(crypto::spki_der(leaf.public_key));
  text += R"("}}}]}}})";
  return cloister::to_bytes(text);
}

Result<Leaf> parse_leaf(BytesView bytes) {
  if (bytes.size() > leaf_bytes_max) return bad();
  const auto json = parse_json(as_text(bytes), {.bytes_max = leaf_bytes_max, .depth_max = 8});
  if (!json) return bad();
  if (text_or_empty(*json, "kind") != "dsse" || text_or_empty(*json, "apiVersion") != "0.0.2") {
    return fail(Kind::unsupported, "leaf.kind",
                "A leaf of the log is of a kind that this version does not know.",
                "Check it with a newer version.");
  }
  auto leaf = leaf_from(*json);
  if (!leaf) return leaf;
  const Bytes again = to_bytes(*leaf);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) return bad();
  return leaf;
}

Result<Leaf> leaf_of(const Envelope& envelope, const crypto::PublicKey& key) {
  if (envelope.signatures.size() != 1) {
    return fail(Kind::invalid, "leaf.signatures",
                "An envelope for the log carries exactly one signature.",
                "Send approvals as records of their own.");
  }
  return Leaf{LeafKind::dsse_0_0_2, crypto::sha256(envelope.payload),
              envelope.signatures.front().signature, key};
}

bool backs(const Leaf& leaf, const Envelope& envelope) {
  const bool has_signature =
      std::any_of(envelope.signatures.begin(), envelope.signatures.end(),
                  [&](const auto& one) { return one.signature == leaf.signature; });
  return has_signature && leaf.payload_hash == crypto::sha256(envelope.payload) &&
         crypto::verify(leaf.public_key, pae(envelope.payload_type, envelope.payload),
                        leaf.signature);
}

}  // namespace cloister::provenance
