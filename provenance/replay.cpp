// Going through an exported log again, record by record.
#include "provenance/leaf.h"
#include "provenance/stored.h"
#include "provenance/verify_bundle.h"

namespace cloister::provenance {
namespace {

constexpr std::size_t group_records = 256;

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
    std::vector<Submission> group;
    bool in_withdrawal = false;
    for (std::uint64_t i = 0; i < leaves->size(); ++i) {
      RecordKind kind{};
      auto submission = submission_of(i, (*leaves)[i], kind);
      if (!submission) return pass(submission);
      // A withdrawal and its quarantine were admitted together.
      const bool withdraws = kind == RecordKind::consent_withdrawn;
      const bool belongs = in_withdrawal && (withdraws || kind == RecordKind::quarantine_set);
      if (!belongs && (in_withdrawal || withdraws || group.size() >= group_records)) {
        if (auto done = admit(group, in_withdrawal); !done) return pass(done);
        in_withdrawal = withdraws;
      }
      group.push_back(std::move(*submission));
    }
    if (auto done = admit(group, in_withdrawal); !done) return pass(done);
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
    const auto file = files_.find(fmt::format("records/{}.dsse.json", index));
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
    Submission submission{to_json(*envelope), {}};
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

  Result<void> admit(std::vector<Submission>& group, bool all_or_nothing) {
    if (group.empty()) return {};
    const auto start = ledger_head(ledger_);
    if (!start) return pass(start);
    const auto batch =
        Sequencer(ledger_, rules_).prepare(group, {.now = {}, .all_or_nothing = all_or_nothing});
    if (!batch) return pass(batch);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto& outcome = batch->outcomes[i];
      if (!outcome) {
        return cannot(outcome.error().kind, "replay.refused",
                      fmt::format("Record {} would not be admitted: {}", start->size + i,
                                  outcome.error().what));
      }
      if (outcome->was_there) {
        return cannot(Kind::corrupt, "replay.repeated",
                      fmt::format("Record {} is in the log twice.", start->size + i));
      }
    }
    ledger_.apply(batch->puts);
    group.clear();
    return {};
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
