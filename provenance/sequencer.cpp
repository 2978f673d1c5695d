#include "provenance/sequencer.h"

#include <map>

#include "provenance/admission.h"
#include "provenance/closure.h"
#include "provenance/stored.h"

namespace cloister::provenance {
namespace {

constexpr std::size_t quarantine_portion = 1000;  // subjects a quarantine.set

// One group on its way into the ledger.
class Group {
 public:
  Group(const LedgerReader& reader, const LedgerRules& rules, const GroupOptions& options)
      : below_(reader), staged_(reader), rules_(rules), options_(options) {}

  Result<Batch> run(std::span<const Submission> submissions) {
    const auto head = ledger_head(below_);
    if (!head) return pass(head);
    start_ = *head;
    for (const Submission& submission : submissions) {
      if (auto done = take(submission); !done) return pass(done);
    }
    if (auto done = check_withdrawals(); !done) return pass(done);
    if (options_.all_or_nothing && has_refusal_) drop();
    batch_.head = start_;
    if (leaves_.empty()) return std::move(batch_);
    if (auto done = stage_tree(); !done) return pass(done);
    batch_.puts = staged_.take_puts();
    return std::move(batch_);
  }

 private:
  // An error is the store's; refusals go into the outcomes.
  Result<void> take(const Submission& submission) {
    const std::uint64_t index = start_.size + leaves_.size();
    auto judged = judge({staged_, rules_, index, options_.now}, submission);
    if (judged && judged->record.kind == RecordKind::consent_withdrawn && !judged->was_at &&
        !options_.all_or_nothing) {
      judged = fail(Kind::conflict, "sequencer.withdrawal",
                    "A withdrawal is admitted only together with its quarantine.");
    }
    if (!judged) {
      if (!is_refusal(judged.error())) return pass(judged);
      has_refusal_ = true;
      batch_.outcomes.push_back(pass(judged));
      return {};
    }
    const RecordKind kind = judged->record.kind;
    if (judged->was_at) {
      batch_.outcomes.push_back(Admitted{*judged->was_at, judged->leaf_hash, kind, true});
      return {};
    }
    if (kind == RecordKind::consent_withdrawn) {
      for (const Subject& subject : judged->record.subjects) withdrawn_.push_back(subject.digest);
      withdrawal_outcome_ = batch_.outcomes.size();
    }
    stage_record(staged_, *judged, index);
    leaves_.push_back(judged->leaf_hash);
    batch_.records.push_back(std::move(judged->record));
    batch_.outcomes.push_back(Admitted{index, judged->leaf_hash, kind, false});
    return {};
  }

  // After the whole group: everything made from what was withdrawn must be in quarantine.
  Result<void> check_withdrawals() {
    if (withdrawn_.empty()) return {};
    const auto closure = walk(staged_, withdrawn_, Direction::forward, LineageLimits{}.nodes_max);
    if (!closure) return pass(closure);
    for (const Digest& node : closure->nodes) {
      const auto artefact = staged_.get(key::artefact(node));
      if (!artefact) return pass(artefact);
      if (!*artefact) continue;  // a record
      const auto quarantined = is_quarantined(staged_, node);
      if (!quarantined) return pass(quarantined);
      if (*quarantined) continue;
      has_refusal_ = true;
      batch_.outcomes[withdrawal_outcome_] =
          fail(Kind::conflict, "sequencer.withdrawal",
               fmt::format("The quarantine that came with the withdrawal leaves out {}.",
                           short_hex(node)),
               "Send what was made of it in a group of its own, before; then the withdrawal, with "
               "its quarantine planned at the head of that moment.");
      return {};
    }
    return {};
  }

  void drop() {
    staged_.drop();
    leaves_.clear();
    batch_.records.clear();
    for (auto& outcome : batch_.outcomes) {
      if (!outcome || outcome->was_there) continue;
      outcome =
          fail(Kind::conflict, "sequencer.group", "Another record of the same group was refused.");
    }
  }

  Result<void> stage_tree() {
    const LedgerTiles tiles(below_);
    const bool is_known = options_.range.size() > 0 && options_.range.head() == start_;
    auto range = is_known ? options_.range : compact_range(tiles, start_.size);
    if (!range) return pass(range);
    if (range->root() != start_.root) return damaged("its tiles do not give the root of its head");
    std::map<TileId, Bytes> open;
    std::optional<Error> error;
    for (const Digest& leaf : leaves_) {
      range->append(leaf, [&](unsigned level, std::uint64_t index, const Digest& hash) {
        if (level % tile_height != 0 || error) return;
        const TileId id{level / tile_height, index / tile_width};
        if (!open.contains(id)) {
          auto tile = index % tile_width == 0 ? Result<Bytes>(Bytes()) : tiles.tile(id);
          if (tile) tile->resize(index % tile_width * 32);
          if (!tile) error = tile.error();
          open[id] = std::move(tile).value_or(Bytes());
        }
        append(open[id], hash.view());
      });
    }
    if (error) return tl::unexpected<Error>(*error);
    for (auto& [id, bytes] : open) staged_.put(key::tile(id), std::move(bytes));
    batch_.head = range->head();
    batch_.range = std::move(*range);
    Bytes head = be64(batch_.head.size);
    append(head, batch_.head.root.view());
    staged_.put(key::head(), std::move(head));
    staged_.put(key::schema(), be64(1));
    return {};
  }

  const LedgerReader& below_;
  StagedLedger staged_;
  const LedgerRules& rules_;
  const GroupOptions& options_;
  TreeHead start_;
  Batch batch_;
  std::vector<Digest> leaves_;
  std::vector<Digest> withdrawn_;
  std::size_t withdrawal_outcome_ = 0;
  bool has_refusal_ = false;
};

}  // namespace

void Sequencer::open_ahead(std::span<Submission> group, const Spread& spread) const {
  spread(group.size(), [&](std::size_t i) {
    auto ahead = cloister::provenance::open_ahead({reader_, rules_, 0, {}}, group[i]);
    if (ahead) group[i].ahead = std::make_shared<const OpenedAhead>(std::move(*ahead));
  });
}

Result<Batch> Sequencer::prepare(std::span<const Submission> group,
                                 const GroupOptions& options) const {
  return Group(reader_, rules_, options).run(group);
}

const Record* record_opened_ahead(const Submission& submission) {
  const OpenedAhead* ahead = submission.ahead.get();
  const bool has_record = ahead != nullptr && ahead->opened && ahead->opened->is_signed;
  return has_record && ahead->opened->record ? &*ahead->opened->record : nullptr;
}

Result<std::vector<std::vector<Subject>>> plan_quarantine(const LedgerReader& reader,
                                                          std::span<const Digest> withdrawn) {
  const auto closure = walk(reader, {withdrawn.begin(), withdrawn.end()}, Direction::forward,
                            LineageLimits{}.nodes_max);
  if (!closure) return pass(closure);
  std::vector<std::vector<Subject>> portions;
  for (const Digest& node : closure->nodes) {
    const auto artefact = reader.get(key::artefact(node));
    if (!artefact) return pass(artefact);
    if (!*artefact) continue;
    if (portions.empty() || portions.back().size() == quarantine_portion) portions.emplace_back();
    portions.back().push_back({"artefact", node});
  }
  return portions;
}

}  // namespace cloister::provenance
