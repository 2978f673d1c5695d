#include "provenance/withdrawal_story.h"

#include <algorithm>
#include <map>

#include "base/plain.h"
#include "provenance/lineage_text.h"

namespace cloister::provenance {
namespace {

bool is_about(const Record& record, const Digest& withdrawal) {
  for (const std::string_view field : {"withdrawal", "confirms"}) {
    const auto leaf = digest_at(record.details, field);
    if (leaf && *leaf == withdrawal) return true;
  }
  return false;
}

Result<WithdrawalStory> story_of(const LedgerReader& reader, StoredRecord withdrawal,
                                 const std::vector<StoredRecord>& later) {
  WithdrawalStory story;
  std::vector<Digest> subjects;
  if (withdrawal.record) {
    for (const auto& subject : withdrawal.record->subjects) subjects.push_back(subject.digest);
  }
  auto closure = trace_forward(reader, subjects);
  if (!closure) return pass(closure);
  story.closure = std::move(*closure);
  for (const GraphNode& node : story.closure.nodes) {
    if (!node.record && !node.quarantined) story.escaped.push_back(node.digest);
  }
  for (const StoredRecord& record : later) {
    if (!record.record || !is_about(*record.record, withdrawal.note.leaf_hash)) continue;
    const bool confirms = record.record->details.find("confirms") != nullptr;
    const bool quarantines = record.note.kind == RecordKind::quarantine_set;
    (quarantines ? story.quarantines
     : confirms  ? story.confirmations
                 : story.others)
        .push_back(record);
  }
  story.withdrawal = std::move(withdrawal);
  return story;
}

// "shard-000007" is a shard.
std::string sort_of(const std::string& name) {
  const auto dash = name.find_last_of('-');
  const bool is_numbered = dash != std::string::npos && dash + 1 < name.size() &&
                           name.find_first_not_of("0123456789", dash + 1) == std::string::npos;
  return is_numbered ? name.substr(0, dash) : name;
}

// What was made, by the names that its producers gave.
std::map<std::string, std::size_t> counted(const Answer& closure) {
  std::map<std::string, std::size_t> counts;
  for (const GraphNode& node : closure.nodes) {
    if (!node.record) ++counts[node.name.empty() ? "other" : sort_of(node.name)];
  }
  return counts;
}

std::string line_of(const StoredRecord& stored, std::string_view what) {
  return fmt::format("  {}  record {:>5}  {:<18} {} ({})\n",
                     to_rfc3339(stored.note.issued_at).substr(0, 19) + "Z", stored.index, what,
                     stored.note.signer, stored.note.org);
}

std::string other_line(const StoredRecord& stored) {
  const Record& record = *stored.record;
  std::string line = line_of(stored, to_string(stored.note.kind));
  line.pop_back();
  if (text_or_empty(record.details, "decision") == "no-retrain") {
    line += "  does without a retrain: " + plain_line(told_reason(stored));
  } else if (stored.note.kind == RecordKind::job_failed) {
    line += "  stopped " + record.job.text();
  } else if (const auto model = digest_at(record.details, "model")) {
    line += "  replaced by model " + short_hex(*model);
  }
  return line + "\n";
}

Json list_of(const std::vector<StoredRecord>& records) {
  Json list = Json::array();
  for (const auto& record : records) list.push(to_json(record));
  return list;
}

}  // namespace

Result<std::vector<WithdrawalStory>> withdrawals(const LedgerReader& reader, const StudyId& study) {
  auto all = history(reader, study);
  if (!all) return pass(all);
  std::vector<WithdrawalStory> stories;
  for (const StoredRecord& record : all->records) {
    if (record.note.kind != RecordKind::consent_withdrawn) continue;
    auto story = story_of(reader, record, all->records);
    if (!story) return pass(story);
    stories.push_back(std::move(*story));
  }
  return stories;
}

Result<Answer> withdrawals_answer(const LedgerReader& reader, const StudyId& study) {
  const auto stories = withdrawals(reader, study);
  if (!stories) return pass(stories);
  std::vector<Digest> taken_back;
  for (const WithdrawalStory& story : *stories) {
    taken_back.insert(taken_back.end(), story.closure.asked.begin(), story.closure.asked.end());
  }
  auto answer = trace_forward(reader, taken_back);
  if (!answer) return answer;
  answer->question = "withdrawals";
  answer->argument = study.text();
  return answer;
}

std::string to_text(const WithdrawalStory& story) {
  std::string out = line_of(story.withdrawal, "withdrawn by");
  if (story.withdrawal.record) {
    for (const auto& subject : story.withdrawal.record->subjects) {
      out += fmt::format("    {} {}\n", subject.name, to_hex(subject.digest));
    }
    out += fmt::format("    reason: {}\n", plain_line(told_reason(story.withdrawal)));
  }
  out += "  made from it and quarantined:";
  for (const auto& [name, count] : counted(story.closure)) {
    out += fmt::format(" {} {},", count, name);
  }
  out.back() = '\n';
  for (const auto& one : story.quarantines) {
    out += line_of(one, fmt::format("{} things", one.record->subjects.size()));
  }
  for (const auto& one : story.others) out += other_line(one);
  for (const auto& one : story.confirmations) out += line_of(one, "confirmed");
  if (!story.escaped.empty()) {
    out += fmt::format("  NOT QUARANTINED: {} things made from it, first {}\n",
                       story.escaped.size(), to_hex(story.escaped.front()));
  }
  return out +
         fmt::format("  holds at checkpoint size {}, root {}\n  closure digest {} ({} nodes)\n",
                     story.closure.head.size, to_hex(story.closure.head.root),
                     to_hex(story.closure.closure_digest), story.closure.nodes.size());
}

Json to_json(const WithdrawalStory& story) {
  Json escaped = Json::array();
  for (const Digest& digest : story.escaped) escaped.push(digest);
  Json made = Json::object();
  for (const auto& [name, count] : counted(story.closure)) made.set(name, std::uint64_t{count});
  Json out;
  out.set("withdrawal", to_json(story.withdrawal)).set("made", std::move(made));
  if (story.withdrawal.record) out.set("reason", told_reason(story.withdrawal));
  out.set("quarantines", list_of(story.quarantines));
  out.set("confirmations", list_of(story.confirmations)).set("followed", list_of(story.others));
  out.set("escaped", std::move(escaped)).set("closure", to_json(story.closure));
  return out;
}

}  // namespace cloister::provenance
