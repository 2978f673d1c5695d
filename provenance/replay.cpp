// Going through an exported log again, record by record.
#include "provenance/leaf.h"
#include "provenance/readmission.h"
#include "provenance/stored.h"
#include "provenance/verify_bundle.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> cannot(Kind kind, std::string_view code, std::string what) {
  return fail(kind, code, std::move(what));
}

class Replay {
 public:
  Replay(const BundleFiles& files, const LedgerRules& rules, const TreeHead& expected)
      : files_(files), rules_(rules), expected_(expected) {}

  Result<MemoryLedger> run() {
    const auto leaves = exported_leaves(files_, expected_.size);
    if (!leaves) return pass(leaves);
    Readmission readmission(ledger_, rules_);
    for (std::uint64_t i = 0; i < leaves->size(); ++i) {
      RecordKind kind{};
      auto submission = submission_of(i, (*leaves)[i], kind);
      if (!submission) return pass(submission);
      if (auto done = readmission.add(std::move(*submission), kind); !done) return pass(done);
    }
    if (auto done = readmission.finish(); !done) return pass(done);
    if (const auto head = ledger_head(ledger_); !head || *head != expected_) {
      return cannot(Kind::corrupt, "replay.root",
                    "Going through the log again gives another root than the checkpoint has.");
    }
    return std::move(ledger_);
  }

 private:
  Result<Submission> submission_of(std::uint64_t index, const Bytes& leaf_bytes, RecordKind& kind) {
    const auto leaf = parse_leaf(leaf_bytes);
    if (!leaf) return pass(leaf);
    auto file = files_.find(fmt::format("records/{}.dsse.json", index));
    const bool is_remains = file == files_.end();
    if (is_remains) file = files_.find(fmt::format("erased/{}.dsse.json", index));
    if (file == files_.end()) {
      return cannot(Kind::not_found, "replay.missing_record",
                    fmt::format("The payload of record {} is not in the bundle.", index));
    }
    auto envelope = parse_envelope(as_text(file->second));
    if (!envelope) return pass(envelope);
    // The hint is not authenticated; the leaf says whose signature counts.
    std::erase_if(envelope->signatures,
                  [&](const EnvelopeSignature& one) { return one.signature != leaf->signature; });
    for (auto& signature : envelope->signatures) {
      signature.keyid = crypto::key_id(leaf->public_key);
    }
    const auto record = parse_statement(envelope->payload);
    if (!record) return pass(record);
    kind = record->kind;
    Submission submission{to_json(*envelope), {}, is_remains ? leaf_bytes : Bytes()};
    const Json* batch =
        kind == RecordKind::prediction_batch ? record->details.find("batch") : nullptr;
    if (batch == nullptr) return submission;
    const auto entries =
        files_.find(fmt::format("batches/{}.entries", text_or_empty(*batch, "root")));
    if (entries == files_.end()) {
      return cannot(Kind::not_found, "replay.missing_record",
                    fmt::format("The predictions of record {} are not in the bundle.", index));
    }
    auto parsed = parse_entry_bundle(entries->second);
    if (!parsed) return pass(parsed);
    submission.entries = std::move(*parsed);
    return submission;
  }

  const BundleFiles& files_;
  const LedgerRules& rules_;
  const TreeHead& expected_;
  MemoryLedger ledger_;
};

}  // namespace

Result<std::vector<Bytes>> exported_leaves(const BundleFiles& files, std::uint64_t size) {
  std::vector<Bytes> leaves;
  for (std::uint64_t n = 0; leaves.size() < size; ++n) {
    const std::uint64_t width = tile_width_at({0, n}, size);
    const auto file = files.find(entries_path(n, width));
    if (file == files.end()) {
      return cannot(Kind::not_found, "replay.no_log",
                    fmt::format("{} is not in the bundle.", entries_path(n, width)));
    }
    auto entries = parse_entry_bundle(file->second);
    if (!entries) return pass(entries);
    if (entries->size() != width) {
      return cannot(
          Kind::corrupt, "replay.entries",
          fmt::format("{} holds {} leaves, not {}.", file->first, entries->size(), width));
    }
    for (auto& entry : *entries) leaves.push_back(std::move(entry));
  }
  return leaves;
}

Result<MemoryLedger> replay(const BundleFiles& files, const LedgerRules& rules,
                            const TreeHead& expected) {
  return Replay(files, rules, expected).run();
}

}  // namespace cloister::provenance
