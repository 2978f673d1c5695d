#include "provenance/proof.h"

#include "provenance/lines.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view proof_header = "c2sp.org/tlog-proof@v1";
// A proof line is 45 bytes; index, extra and checkpoint come on top.
constexpr std::size_t proof_bytes_max = note_bytes_max + (64U << 10);

std::string hash_lines(const std::vector<Digest>& hashes) {
  std::string text;
  for (const auto& hash : hashes) text += to_base64(hash.view()) + "\n";
  return text + "\n";
}

tl::unexpected<Error> bad_proof() {
  return fail(Kind::invalid, "proof.format", "The text is not a proof of the form tlog-proof@v1.");
}
tl::unexpected<Error> bad_request() {
  return fail(Kind::invalid, "witness.format", "The text is no add-checkpoint request.");
}

}  // namespace

std::string to_text(const TlogProof& proof) {
  std::string text = std::string(proof_header) + "\n";
  if (!proof.extra.empty()) text += "extra " + to_base64(proof.extra) + "\n";
  text += fmt::format("index {}\n", proof.index);
  return text + hash_lines(proof.hashes) + to_text(proof.checkpoint);
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
  if (text.size() > proof_bytes_max || take_line(text) != proof_header) return bad_proof();
  TlogProof proof;
  auto line = take_line(text);
  if (line && line->starts_with("extra ")) {
    auto extra = from_base64(line->substr(6));
    if (!extra || extra->empty()) return bad_proof();
    proof.extra = std::move(*extra);
    line = take_line(text);
  }
  if (!line || !line->starts_with("index ")) return bad_proof();
  const auto index = decimal(line->substr(6));
  auto hashes = take_hashes(text);
  if (!index || !hashes) return bad_proof();
  auto checkpoint = parse_note(text);
  if (!checkpoint) return pass(checkpoint);
  proof.index = *index;
  proof.hashes = std::move(*hashes);
  proof.checkpoint = std::move(*checkpoint);
  return proof;
}

Result<Checkpoint> verify_tlog_proof(const TlogProof& proof, const Digest& leaf,
                                     const TlogPolicy& policy) {
  auto checkpoint = accept_checkpoint(proof.checkpoint, policy);
  if (!checkpoint) return checkpoint;
  if (auto good = verify_inclusion({proof.index, leaf, checkpoint->head}, proof.hashes); !good) {
    return pass(good);
  }
  return checkpoint;
}

std::string to_text(const AddCheckpoint& request) {
  return fmt::format("old {}\n", request.old_size) + hash_lines(request.proof) +
         to_text(request.checkpoint);
}

Result<AddCheckpoint> parse_add_checkpoint(std::string_view text) {
  if (text.size() > proof_bytes_max) return bad_request();
  const auto line = take_line(text);
  if (!line || !line->starts_with("old ")) return bad_request();
  const auto old_size = decimal(line->substr(4));
  auto hashes = take_hashes(text);
  if (!old_size || !hashes) return bad_request();
  auto checkpoint = parse_note(text);
  if (!checkpoint) return pass(checkpoint);
  return AddCheckpoint{*old_size, std::move(*hashes), std::move(*checkpoint)};
}

}  // namespace cloister::provenance
