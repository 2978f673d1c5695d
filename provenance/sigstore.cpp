// The Sigstore forms of a record and of the log's key (protobuf-specs v0.5, bundle v0.3).
#include "provenance/bundle.h"
#include "provenance/leaf.h"

namespace cloister::provenance {
namespace {

// Stock clients look the log up by the key id that stands in its checkpoints.
std::string log_id(const NoteKey& log) {
  const Bytes eight = be64(log.id());
  return to_base64(BytesView(eight).subspan(4));
}

// Protocol Buffers write 64-bit integers as JSON text.
std::string number(std::uint64_t value) { return fmt::format("{}", value); }

Json log_entry(const Leaf& leaf, const TlogProof& proof, const Checkpoint& checkpoint,
               const NoteKey& log) {
  Json hashes = Json::array();
  for (const auto& hash : proof.hashes) hashes.push(to_base64(hash.view()));
  Json inclusion;
  inclusion.set("checkpoint", Json().set("envelope", to_text(proof.checkpoint)));
  inclusion.set("hashes", std::move(hashes));
  inclusion.set("logIndex", number(proof.index));
  inclusion.set("rootHash", to_base64(checkpoint.head.root.view()));
  inclusion.set("treeSize", number(checkpoint.head.size));
  Json entry;
  entry.set("canonicalizedBody", to_base64(to_bytes(leaf)));
  entry.set("inclusionProof", std::move(inclusion));
  entry.set("kindVersion", Json().set("kind", "dsse").set("version", "0.0.2"));
  entry.set("logId", Json().set("keyId", log_id(log)));
  entry.set("logIndex", number(proof.index));
  return entry;
}

}  // namespace

Result<std::string> sigstore_bundle(const Envelope& envelope, const Leaf& leaf,
                                    const TlogProof& proof, const NoteKey& log) {
  const auto checkpoint = parse_checkpoint(proof.checkpoint.text);
  if (!checkpoint) return pass(checkpoint);
  auto content = parse_json(to_json(envelope));
  if (!content) return pass(content);
  Json material;
  material.set("publicKey", Json().set("hint", crypto::key_id(leaf.public_key)));
  material.set("tlogEntries", Json(Json::Array{log_entry(leaf, proof, *checkpoint, log)}));
  Json out;
  out.set("dsseEnvelope", std::move(*content));
  out.set("mediaType", "application/vnd.dev.sigstore.bundle.v0.3+json");
  out.set("verificationMaterial", std::move(material));
  return to_jcs(out);
}

std::string sigstore_trusted_root(const NoteKey& log) {
  Json key;
  key.set("keyDetails", "PKIX_ED25519");
  key.set("rawBytes", to_base64(crypto::spki_der(log.public_key)));
  key.set("validFor", Json().set("start", "1970-01-01T00:00:00.000Z"));
  Json instance;
  instance.set("baseUrl", "https://" + log.name);
  instance.set("checkpointKeyId", Json().set("keyId", log_id(log)));
  instance.set("hashAlgorithm", "SHA2_256");
  instance.set("logId", Json().set("keyId", log_id(log)));
  instance.set("publicKey", std::move(key));
  Json out;
  out.set("certificateAuthorities", Json::array());
  out.set("ctlogs", Json::array());
  out.set("mediaType", "application/vnd.dev.sigstore.trustedroot+json;version=0.1");
  out.set("timestampAuthorities", Json::array());
  out.set("tlogs", Json(Json::Array{std::move(instance)}));
  return to_jcs(out);
}

}  // namespace cloister::provenance
