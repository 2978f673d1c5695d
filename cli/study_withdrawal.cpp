// A study owner after a withdrawal.
#include "cli/desk.h"
#include "cli/json_read.h"
#include "cli/study.h"
#include "crypto/hash.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

provenance::Record exception_record(const StudyId& study, const Digest& withdrawal,
                                    const std::string& reason) {
  provenance::Record record;
  record.kind = provenance::RecordKind::impact_assessed;
  record.stage = "withdrawal";
  record.study = study;
  record.reason = reason;
  record.inputs = {{"withdrawal", "withdrawal", withdrawal, std::nullopt}};
  record.details.set("withdrawal", withdrawal).set("decision", "no-retrain");
  // Without the words: they may be erased, and the digest stays.
  record.subjects = {{"decision", crypto::sha256(as_bytes(to_jcs(record.details)))}};
  record.details.set("why", reason);
  return record;
}

}  // namespace

Result<Answer> do_without_retrain(Seat& seat, const std::string& study, const std::string& reason) {
  if (reason.empty()) {
    return fail(Kind::invalid, "sign.reason", "This needs a reason: it goes into the ledger.",
                "Give --reason \"...\".");
  }
  auto told = seat.line->tell("study", study);
  if (!told) return pass(told);
  std::vector<provenance::Record> records;
  for (const Json& one : items_at(*told, "withdrawals")) {
    const bool is_settled = one.find("retrained") != nullptr || one.find("exception") != nullptr;
    auto leaf = provenance::digest_at(one, "record");
    if (is_settled || !leaf || !truth_at(one, "needs_retrain")) continue;
    records.push_back(exception_record(StudyId::trusted(study), *leaf, reason));
  }
  if (records.empty()) {
    return fail(Kind::not_found, "retrain.none",
                fmt::format("No withdrawal of study '{}' waits for a retrain.", study),
                "`cloister study status` lists what was withdrawn.");
  }
  const std::size_t count = records.size();
  auto leaves = sign_and_submit(seat, std::move(records));
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format("Recorded for {} withdrawal(s) of study {}: no retrain. {}\n", count,
                            study, reason);
  Json list = Json::array();
  for (const Digest& leaf : *leaves) list.push(leaf);
  answer.json.set("study", study).set("records", std::move(list));
  return answer;
}

}  // namespace cloister::cli
