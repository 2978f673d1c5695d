#include "cli/study_decide.h"

#include "base/file.h"
#include "base/plain.h"
#include "cli/desk.h"
#include "cli/json_read.h"
#include "cli/replica.h"
#include "cli/study.h"
#include "cli/study_plan.h"
#include "provenance/dsse.h"
#include "provenance/erasure.h"
#include "provenance/lineage_text.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::text_or_empty;

Result<Answer> put(Seat& seat, Record record, std::string text) {
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves) return pass(leaves);
  return signed_answer(std::move(text), leaves->front(), seat.membership.member);
}

// The plan that counts now, as its owner signed it.
Result<protocol::StudyPlan> present_plan(Seat& seat, const StudyId& study) {
  auto work = seat.line->ask<protocol::Work>(protocol::Poll{});
  if (!work) return pass(work);
  for (const auto& view : work->studies) {
    if (view.study != study) continue;
    const auto envelope = provenance::parse_envelope(as_text(view.opened));
    if (!envelope) return pass(envelope);
    const auto record = provenance::parse_statement(envelope->payload);
    if (!record) return pass(record);
    const Json* plan = record->details.find("plan");
    if (plan == nullptr) break;
    return protocol::plan_from_json(plan->text() != nullptr ? *plan->text() : to_jcs(*plan));
  }
  return fail(Kind::not_found, "amend.study",
              fmt::format("There is no study '{}' of yours to amend.", study),
              "`cloister study list` names them; a new one is begun with `cloister study open`.");
}

void differences(const Json& before, const Json& after, const std::string& path,
                 std::string& text) {
  if (before == after) return;
  if (before.fields() != nullptr && after.fields() != nullptr) {
    for (const auto& [name, value] : *before.fields()) {
      const Json* now = after.find(name);
      differences(value, now == nullptr ? Json() : *now, path + (path.empty() ? "" : ".") + name,
                  text);
    }
    for (const auto& [name, value] : *after.fields()) {
      if (before.find(name) == nullptr)
        differences(Json(), value, path + (path.empty() ? "" : ".") + name, text);
    }
    return;
  }
  text += fmt::format("  {:<28} {} -> {}\n", path, to_jcs(before), to_jcs(after));
}

Result<std::string> changes(const protocol::StudyPlan& before, const protocol::StudyPlan& after) {
  const auto old_json = provenance::parse_json(protocol::to_json(before));
  if (!old_json) return pass(old_json);
  const auto new_json = provenance::parse_json(protocol::to_json(after));
  if (!new_json) return pass(new_json);
  std::string text;
  differences(*old_json, *new_json, "", text);
  return text;
}

// Why, as its signer wrote it.
std::string words_of(const provenance::StoredRecord& stored) {
  const std::string& reason = stored.record->reason;
  return told_words(stored,
                    reason.empty() ? text_or_empty(stored.record->details, "what") : reason);
}

std::string told(const provenance::StoredRecord& stored) {
  const Record& record = *stored.record;
  std::string text = fmt::format("  {}  {:<18} {} ({})", to_rfc3339(record.issued_at),
                                 provenance::to_string(record.kind), record.actor.id,
                                 provenance::to_string(record.actor.role));
  const std::string decision = text_or_empty(record.details, "decision");
  const std::string words = words_of(stored);
  if (!record.actor.on_behalf_of.empty())
    text += fmt::format(" for {}'s policy", record.actor.on_behalf_of);
  if (!decision.empty()) text += " " + decision;
  if (!words.empty()) text += ": " + plain_line(words);
  return text + "\n";
}

// A job's readable records, in order; those whose words were erased know by whom.
Result<std::vector<provenance::StoredRecord>> records_of(Line& line, const std::string& job) {
  std::vector<provenance::StoredRecord> records;
  const auto visit = [&](const protocol::LedgerEntry& entry) {
    auto stored = stored_in(entry);
    if (!stored || stored->record->job.text() != job) return;
    const auto erasure = provenance::erasure_in(*stored->record);
    for (auto& earlier : records) {
      if (!erasure || !*erasure || earlier.note.leaf_hash != (*erasure)->record) continue;
      earlier.erased = provenance::ErasedBy{stored->index, stored->note.signer, stored->note.org,
                                            stored->note.issued_at};
    }
    records.push_back(std::move(*stored));
  };
  if (auto read = each_record(line, visit); !read) return pass(read);
  return records;
}

}  // namespace

Result<Answer> study_list(Seat& seat) {
  auto told_studies = seat.line->tell("studies");
  if (!told_studies) return pass(told_studies);
  Answer answer;
  for (const Json& study : items_at(*told_studies, "studies")) {
    std::string sites;
    for (const Json& site : items_at(study, "sites"))
      sites += (sites.empty() ? "" : ", ") + (site.text() == nullptr ? "" : *site.text());
    answer.text += fmt::format("{:<20} version {:.0f}  {:<11} owner {:<12} sites {}\n",
                               text_or_empty(study, "id"), number_at(study, "version"),
                               text_or_empty(study, "phase"), text_or_empty(study, "owner"), sites);
  }
  if (answer.text.empty()) answer.text = "No studies yet.\n";
  answer.json = std::move(*told_studies);
  return answer;
}

Result<Answer> amend_study(Seat& seat, const std::filesystem::path& path) {
  auto text = read_text(path, 4U << 20);
  if (!text) return pass(text);
  auto plan = protocol::plan_from_toml(*text, path.filename().string());
  if (!plan) return pass(plan);
  auto before = present_plan(seat, plan->study);
  if (!before) return pass(before);
  plan->version = before->version;
  auto differs = changes(*before, *plan);
  if (!differs) return pass(differs);
  if (differs->empty()) {
    return fail(Kind::conflict, "amend.nothing",
                fmt::format("{} says what version {} of study '{}' says already.", path.string(),
                            before->version, plan->study),
                "Change the plan first; `cloister study check` reads it.");
  }
  plan->version = before->version + 1;
  auto opened = open_study(seat, *plan);
  if (!opened) return opened;
  opened->text = fmt::format(
      "Study '{}' goes on as version {}. What changed:\n{}"
      "Every site is asked again for each of its jobs, and a person there looks at the difference "
      "first.\n",
      plan->study, plan->version, *differs);
  opened->json.set("before", std::uint64_t{before->version});
  add_warnings(*opened, *plan);
  return opened;
}

Result<Answer> study_decide(Seat& seat, const std::string& job, const Decision& decision) {
  if (decision.word == "hold" || decision.word == "abort") {
    if (auto given = needs_reason(decision.reason); !given) return pass(given);
  }
  auto about = seat.line->tell("job", job);
  if (!about) return pass(about);
  if (auto ok = check_decision(job, text_or_empty(*about, "state"), decision); !ok) return pass(ok);
  auto spec = provenance::digest_at(*about, "spec_digest");
  if (!spec) return pass(spec);
  const OfferedJob offer{JobId::trusted(job), StudyId::trusted(text_or_empty(*about, "study")),
                         *spec};
  return put(seat, decision_record(offer, decision),
             fmt::format("Decided '{}' for {}.\n", decision.word, job));
}

Result<Answer> close_study(Seat& seat, const std::string& study, const std::string& reason) {
  if (auto given = needs_reason(reason); !given) return pass(given);
  auto about = seat.line->tell("study", study);
  if (!about) return pass(about);
  auto plan = provenance::digest_at(*about, "plan");
  if (!plan) return pass(plan);
  Record record;
  record.kind = RecordKind::study_closed;
  record.stage = "close";
  record.study = StudyId::trusted(study);
  record.reason = reason;
  record.subjects = {{"plan", *plan}};
  return put(
      seat, std::move(record),
      fmt::format("Study '{}' is closed: every open job is aborted, nothing new is offered.\n"
                  "What was released stays released; its records stay.\n",
                  study));
}

Result<Answer> job_history(Seat& seat, const std::string& job) {
  auto about = seat.line->tell("job", job);
  if (!about) return pass(about);
  Answer answer;
  answer.text = fmt::format("{}: {}; {}\n", job, text_or_empty(*about, "state"),
                            text_or_empty(*about, "waits_for"));
  const std::string progress = progress_text(*about);
  if (!progress.empty()) answer.text += fmt::format("  now: {}\n", progress);
  Json list = Json::array();
  const auto records = records_of(*seat.line, job);
  if (!records) return pass(records);
  for (const auto& stored : *records) {
    answer.text += told(stored);
    list.push(Json::object()
                  .set("index", stored.index)
                  .set("at", to_rfc3339(stored.note.issued_at))
                  .set("kind", provenance::to_string(stored.note.kind))
                  .set("by", stored.note.signer.text())
                  .set("decision", text_or_empty(stored.record->details, "decision"))
                  .set("reason", words_of(stored)));
  }
  answer.json.set("job", job)
      .set("state", text_or_empty(*about, "state"))
      .set("waits_for", text_or_empty(*about, "waits_for"))
      .set("records", std::move(list));
  if (const Json now = object_at(*about, "progress"); !now.fields()->empty())
    answer.json.set("progress", now);
  return answer;
}

}  // namespace cloister::cli
