// Records whose words were erased: their place is proved, what is left of them is vouched for.
#include "crypto/hash.h"
#include "provenance/bundle_check.h"
#include "provenance/erasure.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> not_erased(std::uint64_t index, std::string_view what) {
  return bundle_fails("erased",
                      fmt::format("Record {} is said to be erased, but {}.", index, what));
}

}  // namespace

Result<BundleCheck::Checked> BundleCheck::check_remains(std::uint64_t index, const Bytes& file) {
  if (index >= checkpoint_.head.size || records_.contains(index)) {
    return not_erased(index, "it stands elsewhere in the bundle or beyond the checkpoint");
  }
  auto envelope = parse_envelope(as_text(file));
  if (!envelope) return pass(envelope);
  if (envelope->signatures.size() != 1 || envelope->payload_type != statement_payload_type) {
    return not_erased(index, "its envelope carries no single signature over a statement");
  }
  const auto& signature = envelope->signatures.front();
  const Bytes* pem = this->file(fmt::format("keys/{}.pem", signature.keyid));
  const auto key = pem == nullptr
                       ? Result<crypto::PublicKey>(not_erased(index, "its key is missing"))
                       : crypto::public_key_from_pem(as_text(*pem));
  if (!key) return pass(key);
  auto record = parse_statement(envelope->payload);
  if (!record) return pass(record);
  for (const auto& [later, checked] : records_) {
    const auto erasure = erasure_in(checked.record);
    if (later <= index || !erasure || !*erasure || checked.erased_by) continue;
    Leaf leaf{LeafKind::dsse_0_0_2, (*erasure)->payload, signature.signature, *key};
    const Digest hash = leaf_hash(to_bytes(leaf));
    if (hash != (*erasure)->record) continue;
    if (crypto::sha256(envelope->payload) != (*erasure)->remains) {
      return not_erased(index, "what is left of it is not what its erasure says");
    }
    const auto again = remains_of(*record, hash);
    if (!again || *again != *record || checked.record.actor.org != record->actor.org) {
      return not_erased(index, "what is left of it holds words, or others erased them");
    }
    if (leaves_ && leaf_hash((*leaves_)[index]) != hash) {
      return not_erased(index, "the log holds another one there");
    }
    if (auto good = check_proof(index, hash, !leaves_); !good) return pass(good);
    return Checked{std::move(leaf), hash, std::move(*envelope), std::move(*record), later};
  }
  return not_erased(index, "no record in the bundle erased its words");
}

Result<void> BundleCheck::check_erased() {
  std::string told;
  std::size_t count = 0;
  std::map<std::uint64_t, Checked> found;
  for (const auto& [path, content] : files_) {
    if (!path.starts_with("erased/")) continue;
    const auto index = number_in(path, "erased/", ".dsse.json");
    if (!index) return bundle_fails("erased", fmt::format("{} is no name of a record.", path));
    auto checked = check_remains(*index, content);
    if (!checked) return pass(checked);
    if (++count <= 20) {
      told += fmt::format(" Of record {} by {} under record {}.", *index,
                          records_.at(*checked->erased_by).record.actor.id, *checked->erased_by);
    }
    found.emplace(*index, std::move(*checked));
  }
  if (found.empty()) return {};
  records_.merge(found);
  say(Finding::not_proved, "erased",
      fmt::format("The words that people wrote into {} were erased.{}{} That they stood at "
                  "their place, signed, is proved; what is left of them stands on the word of who "
                  "erased and of the coordinator that admitted it.",
                  count == 1 ? "1 record" : fmt::format("{} records", count), told,
                  count > 20 ? " And so on." : ""),
      count);
  return {};
}

}  // namespace cloister::provenance
