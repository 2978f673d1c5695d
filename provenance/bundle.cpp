#include "provenance/bundle.h"

#include <set>

#include "crypto/hash.h"
#include "provenance/lineage_text.h"
#include "provenance/lines.h"

namespace cloister::provenance {
namespace {

// signify's forms of an Ed25519 key and signature: two letters, an eight-byte key number, the
// value.
std::string signify_text(std::string_view comment, const NoteKey& key, BytesView value) {
  Bytes blob = cloister::to_bytes("Ed");
  append(blob, crypto::sha256(key.public_key.view()).view().first(8));
  append(blob, value);
  return fmt::format("untrusted comment: {}\n{}\n", comment, to_base64(blob));
}

class Maker {
 public:
  Maker(const LedgerReader& reader, const BundlePlan& plan) : reader_(reader), plan_(plan) {}

  Result<BundleFiles> make() {
    auto checkpoint = accept_checkpoint(plan_.checkpoint, unwitnessed());
    if (!checkpoint) return pass(checkpoint);
    checkpoint_ = std::move(*checkpoint);
    for (const NoteKey& log : plan_.policy.logs) {
      if (log.name == checkpoint_.origin) log_ = log;
    }
    if (auto done = choose_records(); !done) return pass(done);
    if (plan_.with_log) {
      if (auto done = add_log(); !done) return pass(done);
    }
    for (std::uint64_t index : records_) {
      if (auto done = add_record(index); !done) return pass(done);
    }
    for (const Digest& prediction : plan_.predictions) {
      if (auto done = add_prediction(prediction); !done) return pass(done);
    }
    add_trust();
    add_answer();
    text("README.md", bundle_readme(checkpoint_, plan_.answer));
    text("check-prediction.sh", bundle_script());
    return std::move(files_);
  }

 private:
  void text(const std::string& path, std::string_view content) {
    files_[path] = cloister::to_bytes(content);
  }
  // Whether there are enough cosignatures is for the reader of the bundle to judge.
  [[nodiscard]] TlogPolicy unwitnessed() const {
    TlogPolicy policy = plan_.policy;
    policy.quorum = "none";
    return policy;
  }

  Result<void> choose_records() {
    if (plan_.with_log || plan_.answer == nullptr) {
      for (std::uint64_t i = 0; i < checkpoint_.head.size; ++i) records_.insert(i);
      return {};
    }
    for (const auto& stored : plan_.answer->records) {
      records_.insert(stored.index);
      if (stored.erased) records_.insert(stored.erased->index);
    }
    // Who bound the signers' keys, up to the roots.
    std::vector<std::uint64_t> queue(records_.begin(), records_.end());
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const auto note = record_note(reader_, queue[i]);
      if (!note) return pass(note);
      const auto responsible = who(reader_, note->leaf_hash);
      if (!responsible) return pass(responsible);
      if (responsible->binding && records_.insert(responsible->binding->index).second) {
        queue.push_back(responsible->binding->index);
      }
    }
    return {};
  }

  Result<void> add_log() {
    const LedgerTiles tiles(reader_);
    for (const TilePlace& place : tiles_of(checkpoint_.head.size)) {
      auto bytes = tiles.tile(place.id);
      if (!bytes) return pass(bytes);
      bytes->resize(std::min<std::size_t>(bytes->size(), place.width * 32));
      files_[tile_path(place.id, place.width)] = std::move(*bytes);
      if (place.id.level != 0) continue;
      std::vector<Bytes> leaves;
      for (std::uint64_t i = 0; i < place.width; ++i) {
        auto leaf = leaf_at(reader_, place.id.index * tile_width + i);
        if (!leaf) return pass(leaf);
        leaves.push_back(std::move(*leaf));
      }
      files_[entries_path(place.id.index, place.width)] = to_entry_bundle(leaves);
    }
    return {};
  }

  Result<void> add_record(std::uint64_t index) {
    const auto stored = stored_record(reader_, index);
    if (!stored) return pass(stored);
    const auto bytes = leaf_at(reader_, index);
    if (!bytes) return pass(bytes);
    const auto leaf = parse_leaf(*bytes);
    if (!leaf) return pass(leaf);
    const auto proof = prove_record(reader_, index, plan_.checkpoint);
    if (!proof) return pass(proof);
    text(fmt::format("proofs/{}.tlog-proof", index), to_text(*proof));
    text(fmt::format("keys/{}.pem", crypto::key_id(leaf->public_key)),
         crypto::to_pem(leaf->public_key));
    if (!stored->envelope) return {};  // gone: leaf and proof stay
    if (stored->is_remains) {
      text(fmt::format("erased/{}.dsse.json", index), to_json(*stored->envelope));
      return {};
    }
    text(fmt::format("records/{}.dsse.json", index), to_json(*stored->envelope));
    if (sigstore_count_++ < plan_.sigstore_max) {
      const auto bundle = sigstore_bundle(*stored->envelope, *leaf, *proof, log_);
      if (!bundle) return pass(bundle);
      text(fmt::format("sigstore/{}.json", index), *bundle);
    }
    return add_batch(*stored);
  }

  Result<void> add_batch(const StoredRecord& stored) {
    const Json* batch = stored.record && stored.note.kind == RecordKind::prediction_batch
                            ? stored.record->details.find("batch")
                            : nullptr;
    if (batch == nullptr) return {};
    const auto root = digest_at(*batch, "root");
    if (!root) return pass(root);
    const auto entries = batch_entries(reader_, *root);
    if (!entries) return pass(entries);
    files_[fmt::format("batches/{}.entries", to_hex(*root))] = to_entry_bundle(*entries);
    return {};
  }

  Result<void> add_prediction(const Digest& prediction) {
    const auto answer = explain(reader_, prediction);
    if (!answer) return pass(answer);
    if (!answer->prediction) {
      return fail(Kind::not_found, "bundle.no_prediction",
                  fmt::format("{} is in no batch of predictions.", to_hex(prediction)),
                  "Check the file: any change of it, however small, changes its digest.");
    }
    std::optional<std::uint64_t> record;
    for (const auto& stored : answer->records) {
      for (const auto& edge : answer->edges) {
        if (edge.to == answer->prediction->batch.root && edge.from == stored.note.leaf_hash) {
          record = stored.index;
        }
      }
    }
    if (!record) return fail(Kind::corrupt, "ledger.damaged", "A batch has no record.");
    Json json = parse_json(to_json(*answer->prediction)).value();
    json.set("record", *record);
    text(fmt::format("predictions/{}.json", to_hex(prediction)), to_jcs(json));
    if (records_.contains(*record)) return {};
    return add_record(*record);
  }

  void add_trust() {
    text("checkpoint", to_text(plan_.checkpoint));
    text("trust/tlog-policy", to_text(plan_.policy));
    text("trust/roots", roots_text(plan_.roots));
    text("keys/log.pem", crypto::to_pem(log_.public_key));
    for (const auto& witness : plan_.policy.witnesses) {
      text(fmt::format("keys/witness-{}.pem", witness.name),
           crypto::to_pem(witness.key.public_key));
    }
    text("sigstore/trusted-root.json", sigstore_trusted_root(log_));
    text("signify/log.pub", signify_text("key of " + log_.name, log_, log_.public_key.view()));
    text("signify/checkpoint", plan_.checkpoint.text);
    for (const auto& signature : plan_.checkpoint.signatures) {
      if (signature.name != log_.name || signature.key_id != log_.id()) continue;
      text("signify/checkpoint.sig",
           signify_text("verify with log.pub", log_, signature.signature));
    }
  }

  void add_answer() {
    if (plan_.answer == nullptr) return;
    text("answer.json", to_jcs(to_json(*plan_.answer)));
    std::string closure;
    for (const auto& node : plan_.answer->nodes) closure += to_hex(node.digest) + "\n";
    text("closure.txt", closure);
  }

  const LedgerReader& reader_;
  const BundlePlan& plan_;
  Checkpoint checkpoint_;
  NoteKey log_;
  std::set<std::uint64_t> records_;
  std::size_t sigstore_count_ = 0;
  BundleFiles files_;
};

}  // namespace

Result<BundleFiles> make_bundle(const LedgerReader& reader, const BundlePlan& plan) {
  if (plan.answer != nullptr) {
    const auto checkpoint = parse_checkpoint(plan.checkpoint.text);
    if (!checkpoint) return pass(checkpoint);
    if (checkpoint->head != plan.answer->head) {
      return fail(Kind::stale, "bundle.head",
                  "The answer and the checkpoint are not of the same state of the log.",
                  "Ask again, or wait for the next checkpoint.");
    }
  }
  return Maker(reader, plan).make();
}

std::string roots_text(const std::vector<RootKey>& roots) {
  std::string text;
  for (const auto& root : roots) {
    const NoteKey key{root.member.text(), NoteKeyType::ed25519, root.key};
    text += fmt::format("{} {} {}\n", root.member, root.org, key.vkey());
  }
  return text;
}

Result<std::vector<RootKey>> parse_roots(std::string_view text) {
  auto bad = [] {
    return fail(Kind::invalid, "policy.roots", "The list of root keys cannot be read.",
                "Each line is a member, an organisation and a verifier key.");
  };
  std::vector<RootKey> roots;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!line) return bad();
    const auto words = words_of(*line);
    if (words.empty() || words[0].starts_with('#')) continue;
    if (words.size() != 3) return bad();
    const auto member = MemberId::parse(words[0]);
    const auto key = parse_vkey(words[2]);
    if (!member || !key || key->name != words[0] || key->type != NoteKeyType::ed25519) return bad();
    roots.push_back({*member, std::string(words[1]), key->public_key});
  }
  if (roots.empty()) return bad();  // nothing to trust is no list
  return roots;
}

}  // namespace cloister::provenance
