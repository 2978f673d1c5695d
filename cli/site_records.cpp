#include "cli/site_records.h"

#include "crypto/hash.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::Permit;
using provenance::Record;
using provenance::RecordKind;

// The permit is a thing of its own: its digest covers what it allows and what it is for. Not the
// words of its reason: a digest that stays when they are erased would let people guess them.
Record permit_record(const Leaving& leaving, const Permit& permit) {
  Record record;
  record.kind = RecordKind::permit_granted;
  record.stage = "release";
  record.study = leaving.study;
  record.purpose = permit.purposes.empty() ? "" : permit.purposes.front();
  record.reason = permit.reason;
  record.recipients = {permit.recipient};
  record.details = provenance::to_details(permit);
  if (permit.type != Permit::Type::standing) {
    record.inputs = {{"manifest", "manifest", leaving.manifest, std::nullopt},
                     {"report", "report", leaving.report, std::nullopt}};
  }
  Permit without_words = permit;
  without_words.reason.clear();
  const Json thing = Json::object()
                         .set("permit", provenance::to_details(without_words))
                         .set("manifest", leaving.manifest)
                         .set("report", leaving.report)
                         .set("site", leaving.site)
                         .set("study", leaving.study.text());
  record.subjects = {{"permit", crypto::sha256(as_bytes(to_jcs(thing)))}};
  return record;
}

Permit permit_of(const Leaving& leaving, Permit::Type type, const std::string& reason) {
  Permit permit;
  permit.type = type;
  permit.recipient = leaving.recipient;
  permit.recipient_key = leaving.recipient_seal;
  permit.reason = reason;
  return permit;
}

}  // namespace

Result<void> check_decision(const std::string& job, std::string_view state,
                            const Decision& decision) {
  const bool has_ended = state == "failed" || state == "denied" || state == "aborted";
  const std::string& word = decision.word;
  const bool is_moot = state == "done" || (word == "retry" && !has_ended) ||
                       (word == "resume" && state != "held") ||
                       (word == "approve" && state != "offered") ||
                       ((word == "deny" || word == "hold" || word == "abort") && has_ended);
  if (!is_moot) return {};
  return fail(Kind::conflict, "decide.moot",
              fmt::format("Job '{}' is {}: there is nothing to {}.", job, state, word),
              "Look at `cloister site jobs` or `cloister study jobs` for what can be decided.");
}

Record decision_record(const OfferedJob& job, const Decision& decision) {
  const bool lets_run =
      decision.word == "approve" || decision.word == "resume" || decision.word == "retry";
  Record record;
  record.kind = lets_run ? RecordKind::job_approved : RecordKind::job_denied;
  record.stage = "approval";
  record.study = job.study;
  record.job = job.job;
  record.inputs = {{"spec", "spec", job.spec, std::nullopt}};
  record.subjects = {{"spec", job.spec}};
  record.details.set("decision", decision.word);
  record.outcome = lets_run ? provenance::Outcome::ok : provenance::Outcome::denied;
  record.reason = decision.reason;
  return record;
}

Record release_permit(const Leaving& leaving, const std::string& reason) {
  Permit permit = permit_of(leaving, Permit::Type::release, reason);
  permit.purposes = {"training", "tuning", "evaluation"};
  return permit_record(leaving, permit);
}

Record decoder_permit(const Leaving& leaving, const std::string& reason) {
  Permit permit = permit_of(leaving, Permit::Type::release, reason);
  permit.purposes = {"mask-decoder"};
  return permit_record(leaving, permit);
}

Record exception_permit(const Leaving& leaving, std::vector<provenance::Indicator> indicators,
                        const std::string& reason) {
  Permit permit = permit_of(leaving, Permit::Type::exception, reason);
  permit.purposes = {"training", "tuning", "evaluation"};
  permit.indicators = std::move(indicators);
  return permit_record(leaving, permit);
}

Record model_exception(const Leaving& about, std::vector<provenance::Indicator> indicators,
                       const std::string& reason) {
  Permit permit = permit_of(about, Permit::Type::exception, reason);
  permit.purposes = {"model-release"};
  permit.indicators = std::move(indicators);
  Record record = permit_record(about, permit);
  record.inputs = {{"model", "model", about.manifest, std::nullopt},
                   {"evaluation", "evaluation", about.report, std::nullopt}};
  return record;
}

Result<void> check_evaluated(const Digest& asked, const std::string& evaluated) {
  if (evaluated == to_hex(asked)) return {};
  return fail(Kind::conflict, "exception.model",
              evaluated.empty()
                  ? fmt::format("The agent does not say which network its evaluation is of, so "
                                "nothing can be said of {}.",
                                short_hex(asked))
                  : fmt::format("This site's newest evaluation is of network {}, not of {}.",
                                evaluated.substr(0, 12), short_hex(asked)),
              "Look at the tests again (`cloister study report`) and name the network that they "
              "are of; where the agent is of an older version, have it evaluate again.");
}

Record standing_permit(const Leaving& leaving, const std::string& reason) {
  Permit permit = permit_of(leaving, Permit::Type::standing, reason);
  permit.purposes = {"prediction"};
  return permit_record(leaving, permit);
}

Record withdrawal(const StudyId& study, const std::vector<Digest>& datasets,
                  const std::string& reason) {
  Record record;
  record.kind = RecordKind::consent_withdrawn;
  record.stage = "withdrawal";
  record.study = study;
  record.reason = reason;
  for (const Digest& digest : datasets) record.subjects.push_back({"dataset", digest});
  return record;
}

Record model_approval(const StudyId& study, const Digest& model) {
  Record record;
  record.kind = RecordKind::model_approved;
  record.stage = "release";
  record.study = study;
  record.subjects = {{"model", model}};
  return record;
}

Record published_policy(const std::string& site, const std::string& text) {
  Record record;
  record.kind = RecordKind::policy_published;
  record.stage = "policy";
  record.subjects = {{"policy", crypto::sha256(as_bytes(text))}};
  record.details.set("site", site).set("policy", text);
  return record;
}

}  // namespace cloister::cli
