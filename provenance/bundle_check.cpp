// Trust, checkpoint, log, records, signers: what stands in a bundle by itself.
#include "provenance/bundle_check.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/key_book.h"
#include "provenance/lines.h"

namespace cloister::provenance {

constexpr std::string_view ask_anew =
    "Do not rely on this bundle; ask for it again, and ask who changed it.";

tl::unexpected<Error> bundle_fails(std::string_view code, std::string what) {
  return fail(Kind::corrupt, fmt::format("bundle.{}", code), std::move(what),
              std::string(ask_anew));
}

// Which file a parser complains of; the rules of this room name it themselves.
tl::unexpected<Error> in_file(const std::string& path, Error error) {
  if (!error.code.starts_with("bundle.") && error.what.find("proofs/") == std::string::npos) {
    error.what = fmt::format("{}: {}", path, error.what);
  }
  return tl::unexpected<Error>(std::move(error));
}

std::optional<std::uint64_t> number_in(std::string_view path, std::string_view folder,
                                       std::string_view ending) {
  if (!path.starts_with(folder) || !path.ends_with(ending)) return std::nullopt;
  if (path.size() < folder.size() + ending.size()) return std::nullopt;
  path.remove_prefix(folder.size());
  path.remove_suffix(ending.size());
  return decimal(path);
}

void BundleCheck::say(Finding finding, std::string_view code, std::string text, std::size_t count) {
  verdict_.lines.push_back({finding, std::string(code), std::move(text), count});
}

const Bytes* BundleCheck::file(const std::string& path) const {
  const auto at = files_.find(path);
  return at == files_.end() ? nullptr : &at->second;
}

Verdict BundleCheck::run() {
  using Step = Result<void> (BundleCheck::*)();
  // What follows a broken checkpoint would mean nothing. Of the steps after it, those that stand on
  // the records say nothing where something failed before: it would only follow from that.
  for (Step step :
       {&BundleCheck::check_anchors, &BundleCheck::check_checkpoint, &BundleCheck::check_log,
        &BundleCheck::check_records, &BundleCheck::check_erased, &BundleCheck::check_signers,
        &BundleCheck::check_replay, &BundleCheck::check_predictions, &BundleCheck::check_answer,
        &BundleCheck::check_copies}) {
    const auto done = (this->*step)();
    if (done) continue;
    say(Finding::failed, done.error().code, done.error().what);
    if (!verdict_.error) verdict_.error = done.error();
    if (verdict_.error->next.empty()) verdict_.error->next = ask_anew;
    if (verdict_.origin.empty()) break;
  }
  verdict_.records_checked = records_.size();
  verdict_.content = content();
  return std::move(verdict_);
}

Result<void> BundleCheck::check_anchors() {
  const Bytes* own_policy = file("trust/tlog-policy");
  if (anchors_.policy) {
    policy_ = *anchors_.policy;
  } else {
    if (own_policy == nullptr) return bundle_fails("policy", "The bundle has no trust policy.");
    auto policy = parse_tlog_policy(as_text(*own_policy));
    if (!policy) return pass(policy);
    policy_ = std::move(*policy);
    say(Finding::not_proved, "anchor.policy",
        "Which log and which witnesses count was taken from the bundle itself. Compare "
        "trust/tlog-policy with what the consortium gave you, or pass your own copy.");
  }
  if (!anchors_.roots.empty()) {
    roots_ = anchors_.roots;
    return {};
  }
  const Bytes* own_roots = file("trust/roots");
  if (own_roots == nullptr) return bundle_fails("roots", "The bundle names no root keys.");
  auto roots = parse_roots(as_text(*own_roots));
  if (!roots) return pass(roots);
  roots_ = std::move(*roots);
  say(Finding::not_proved, "anchor.roots",
      "The consortium's root keys were taken from the bundle itself. Compare trust/roots with what "
      "the consortium gave you, or pass your own copy.");
  return {};
}

Result<void> BundleCheck::check_checkpoint() {
  const Bytes* text = file("checkpoint");
  if (text == nullptr) return bundle_fails("checkpoint", "The bundle has no checkpoint.");
  auto note = parse_note(as_text(*text));
  if (!note) return in_file("checkpoint", note.error());
  auto checkpoint = accept_checkpoint(*note, policy_);
  if (!checkpoint) return pass(checkpoint);
  const auto names = cosigners(*note, policy_);
  if (!names) return pass(names);
  note_ = std::move(*note);
  checkpoint_ = std::move(*checkpoint);
  verdict_.origin = checkpoint_.origin;
  verdict_.head = checkpoint_.head;
  say(Finding::proved, "checkpoint",
      fmt::format("The log '{}' signed its state of {} records, and {} of {} witnesses cosigned it"
                  "{}.",
                  checkpoint_.origin, checkpoint_.head.size, names->size(),
                  policy_.witnesses.size(),
                  policy_.quorum == "none" ? " (the trust policy asks for none)"
                                           : ", as many as the trust policy asks for"),
      names->size());
  return {};
}

Result<void> BundleCheck::check_log() {
  auto leaves = exported_leaves(files_, checkpoint_.head.size);
  if (!leaves) {
    if (leaves.error().code != "replay.no_log") return pass(leaves);
    say(Finding::not_proved, "log",
        "The whole log is not in the bundle: records are proved to be present, not to be all.");
    return {};
  }
  CompactRange range;
  std::map<TileId, Bytes> tiles;
  for (const Bytes& leaf : *leaves) {
    range.append(leaf_hash(leaf), [&](unsigned level, std::uint64_t index, const Digest& hash) {
      if (level % tile_height != 0) return;
      append(tiles[{level / tile_height, index / tile_width}], hash.view());
    });
  }
  if (range.root() != checkpoint_.head.root) {
    return bundle_fails("root", "The leaves of the log do not give the root of its checkpoint.");
  }
  for (const TilePlace& place : tiles_of(checkpoint_.head.size)) {
    const Bytes* tile = file(tile_path(place.id, place.width));
    if (tile == nullptr || *tile != tiles[place.id]) {
      return bundle_fails("tile",
                          fmt::format("{} is missing or does not hold the hashes of the log.",
                                      tile_path(place.id, place.width)));
    }
  }
  leaves_ = std::move(*leaves);
  say(Finding::proved, "log",
      fmt::format("The {} leaves in the bundle are the whole log of that state.", leaves_->size()),
      leaves_->size());
  return {};
}

Result<Leaf> BundleCheck::leaf_for(std::uint64_t index, const Envelope& envelope) const {
  if (leaves_) return parse_leaf((*leaves_)[index]);
  if (envelope.signatures.size() != 1) {
    return bundle_fails("signature", fmt::format("Record {} carries several signatures.", index));
  }
  const Bytes* pem = file(fmt::format("keys/{}.pem", envelope.signatures.front().keyid));
  if (pem == nullptr) {
    return bundle_fails("key", fmt::format("The key of record {} is not in the bundle.", index));
  }
  const auto key = crypto::public_key_from_pem(as_text(*pem));
  if (!key) return pass(key);
  return leaf_of(envelope, *key);
}

Result<void> BundleCheck::check_proof(std::uint64_t index, const Digest& leaf_hash,
                                      bool is_needed) const {
  const Bytes* text = file(fmt::format("proofs/{}.tlog-proof", index));
  if (text == nullptr) {
    if (!is_needed) return {};
    return bundle_fails("proof", fmt::format("Record {} has no proof.", index));
  }
  const auto proof = parse_tlog_proof(as_text(*text));
  if (!proof) return in_file(fmt::format("proofs/{}.tlog-proof", index), proof.error());
  if (proof->index != index) {
    return bundle_fails("proof", fmt::format("The proof of record {} is of another.", index));
  }
  TreeHead head = checkpoint_.head;
  if (proof->checkpoint != note_) {  // the usual, equal note was checked once
    const auto other = accept_checkpoint(proof->checkpoint, policy_);
    if (!other) return pass(other);
    if (*other != checkpoint_) {
      return bundle_fails(
          "proof", fmt::format("The proof of record {} is at another state of the log.", index));
    }
  }
  return verify_inclusion({index, leaf_hash, head}, proof->hashes);
}

Result<BundleCheck::Checked> BundleCheck::check_record(std::uint64_t index, const Bytes& file) {
  if (index >= checkpoint_.head.size) {
    return bundle_fails("record", fmt::format("Record {} lies beyond the checkpoint.", index));
  }
  auto envelope = parse_envelope(as_text(file));
  if (!envelope) return pass(envelope);
  auto leaf = leaf_for(index, *envelope);
  if (!leaf) return pass(leaf);
  if (!backs(*leaf, *envelope)) {
    return bundle_fails("signature",
                        fmt::format("Record {} is not what the log holds, or its signature is "
                                    "wrong.",
                                    index));
  }
  const Digest hash = leaf_hash(to_bytes(*leaf));
  if (auto good = check_proof(index, hash, !leaves_); !good) return pass(good);
  if (envelope->payload_type != statement_payload_type) {
    return bundle_fails("record", fmt::format("Record {} is no in-toto statement.", index));
  }
  auto record = parse_statement(envelope->payload);
  if (!record) return pass(record);
  return Checked{std::move(*leaf), hash, std::move(*envelope), std::move(*record)};
}

Result<void> BundleCheck::check_records() {
  for (const auto& [path, content] : files_) {
    if (!path.starts_with("records/")) continue;
    const auto index = number_in(path, "records/", ".dsse.json");
    if (!index) return bundle_fails("record", fmt::format("{} is no name of a record.", path));
    auto checked = check_record(*index, content);
    if (!checked) return in_file(path, checked.error());
    records_.emplace(*index, std::move(*checked));
  }
  std::size_t without_payload = 0;
  for (const auto& [path, content] : files_) {
    const auto index = number_in(path, "proofs/", ".tlog-proof");
    if (!index || records_.contains(*index)) continue;
    if (file(fmt::format("erased/{}.dsse.json", *index)) != nullptr) continue;
    ++without_payload;
    if (!leaves_ || *index >= leaves_->size()) continue;
    if (auto good = check_proof(*index, leaf_hash((*leaves_)[*index]), true); !good) return good;
  }
  say(Finding::proved, "inclusion",
      fmt::format(
          "{} in the log, each signed by the key that the log holds for it.",
          records_.size() == 1 ? "1 record is" : fmt::format("{} records are", records_.size())),
      records_.size());
  if (without_payload > 0) {
    say(Finding::not_proved, "payload",
        fmt::format(
            "{} not in the bundle (lost, or left out): what was said there cannot be shown.",
            without_payload == 1 ? "The payload of 1 record is"
                                 : fmt::format("The payloads of {} records are", without_payload)),
        without_payload);
  }
  return {};
}

Result<void> BundleCheck::check_signers() {
  if (verdict_.error) return {};  // not all records were read: a key's own may be missing
  KeyBook book(roots_, checkpoint_.origin);
  for (const auto& [index, checked] : records_) {
    if (auto good = book.take(index, checked.leaf, checked.record); !good) return good;
  }
  say(Finding::proved, "signers",
      "Every signer's key was bound, in the log, by somebody who may bind it, up to the root keys; "
      "and every signer's role may write what it wrote.",
      records_.size());
  return {};
}

}  // namespace cloister::provenance
