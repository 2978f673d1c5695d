#include "cli/study.h"

#include <algorithm>
#include <map>

#include "base/file.h"
#include "cli/desk.h"
#include "cli/json_read.h"
#include "cli/replica.h"
#include "cli/study_plan.h"
#include "crypto/hash.h"
#include "provenance/dsse.h"
#include "provenance/merkle.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

Result<void> check_trainer(Seat& seat, const protocol::StudyPlan& plan) {
  auto known = roster(seat);
  if (!known) return pass(known);
  const auto id = MemberId::parse(plan.trainer);
  const member::Member* trainer = id ? known->find(*id) : nullptr;
  if (trainer == nullptr || trainer->role != protocol::Role::trainer) {
    return fail(
        Kind::not_found, "plan.trainer",
        fmt::format("The plan's trainer '{}' is no trainer of this consortium.", plan.trainer),
        "`cloister consortium members` lists the members.");
  }
  if (to_hex(trainer->seal.view()) != plan.trainer_seal_key) {
    return fail(
        Kind::conflict, "plan.trainer_key",
        fmt::format("The plan's trainer_seal_key is not the certified key of '{}'.", plan.trainer),
        fmt::format("Set trainer_seal_key = \"{}\".", to_hex(trainer->seal.view())));
  }
  return {};
}

// Leaf hashes of the model.approved records of this model, among those that we may read.
Result<std::vector<Digest>> approvals_of(Line& line, const Digest& model) {
  std::vector<Digest> approvals;
  const auto visit = [&](const protocol::LedgerEntry& entry) {
    const auto envelope = provenance::parse_envelope(as_text(entry.envelope));
    if (!envelope) return;
    const auto record = provenance::parse_statement(envelope->payload);
    if (!record || record->kind != provenance::RecordKind::model_approved) return;
    for (const auto& subject : record->subjects) {
      if (subject.digest == model) approvals.push_back(provenance::leaf_hash(entry.leaf));
    }
  };
  if (auto read = each_record(line, visit); !read) return pass(read);
  return approvals;
}

std::string since(const Json& item) {
  const std::string text = text_or_empty(item, "since");
  return text.size() >= 19 ? text.substr(11, 8) : text;
}

// Who is not there cannot move, whoever's move it is.
std::string absence(const Json& site) {
  if (site.find("has_agent") == nullptr) return {};  // a coordinator that does not say
  if (!truth_at(site, "has_agent")) {
    return fmt::format(" [no agent: `cloister consortium invite {}`]", text_or_empty(site, "site"));
  }
  if (!truth_at(site, "silent")) return {};
  const std::string heard = text_or_empty(site, "last_heard");
  return heard.empty() ? " [its agent was not heard since the coordinator started]"
                       : fmt::format(" [its agent was last heard {}]", heard);
}

// The job that this site ("": the trainer) is doing now; null where none moves.
const Json* running_at(const std::vector<Json>& jobs, const std::string& site) {
  const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const Json& job) {
    return text_or_empty(job, "site") == site && !progress_text(job).empty();
  });
  return found == jobs.end() ? nullptr : &*found;
}

std::string site_line(const Json& site, const Json* running) {
  const std::string does = running == nullptr
                               ? text_or_empty(site, "waits_for")
                               : text_or_empty(*running, "kind") + ": " + progress_text(*running);
  const std::string when = since(site).empty() ? "" : " since " + since(site);  // enrolled never
  return fmt::format("  {:<14} {:<12}{}  {}{}\n", text_or_empty(site, "site"),
                     text_or_empty(site, "state"), when, does, absence(site));
}

std::string trainer_line(const Json& study, const Json& running) {
  return fmt::format("  {:<14} {:<12} since {}  {}\n", text_or_empty(study, "trainer"),
                     text_or_empty(running, "kind"), since(running), progress_text(running));
}

std::string withdrawal_line(const Json& one) {
  const std::string exception = text_or_empty(one, "exception");
  const auto missing = items_at(one, "not_confirmed");
  std::string out = fmt::format(
      "  withdrawn by {}: {:.0f} things quarantined; {} of {} members confirmed",
      text_or_empty(one, "site"), number_at(one, "quarantined"), items_at(one, "confirmed").size(),
      items_at(one, "confirmed").size() + missing.size());
  std::string names;
  for (const Json& member : missing)
    names += (names.empty() ? "" : ", ") + (member.text() == nullptr ? "?" : *member.text());
  if (!names.empty()) out += "; waits for " + names + " to confirm";
  if (one.find("retrained") != nullptr) {
    out += "; a new model is trained";
  } else if (!exception.empty()) {
    out += "; no retrain: " + exception;
  } else if (truth_at(one, "needs_retrain")) {
    out += "; waits for a model without it (or `cloister study no-retrain`)";
  }
  return out + "\n";
}

std::string job_line(const Json& job) {
  std::string out = fmt::format("  {:<46} {:<9} since {}", text_or_empty(job, "id"),
                                text_or_empty(job, "state"), since(job));
  const std::string progress = progress_text(job);
  const std::string waits = text_or_empty(job, "waits_for");
  if (!progress.empty())
    out += "  " + progress;
  else if (!waits.empty())
    out += "  " + waits;
  return out + "\n";
}

}  // namespace

std::string progress_text(const Json& job) {
  const Json* progress = job.find("progress");
  if (progress == nullptr || progress->fields() == nullptr) return {};
  const double steps = number_at(*progress, "steps");
  std::string out = text_or_empty(*progress, "phase");
  if (steps > 0) {
    out += fmt::format(" {:.0f}/{:.0f} ({:.0f} %)", number_at(*progress, "step"), steps,
                       100.0 * number_at(*progress, "step") / steps);
  }
  const std::string pace = pace_text(*progress);
  return pace.empty() ? out : out + ", " + pace;
}

std::string pace_text(const Json& progress) {
  std::string out;
  const double rate = number_at(progress, "per_second");
  if (rate > 0) out = fmt::format("{:.3g} a second", rate);
  const double left = number_at(progress, "seconds_left");
  if (left <= 0) return out;
  if (!out.empty()) out += ", ";
  return out + fmt::format("{} left", for_people(Duration(static_cast<std::int64_t>(left * 1000))));
}

Result<Answer> open_study(Seat& seat, const protocol::StudyPlan& plan) {
  if (plan.owner != seat.membership.member.text()) {
    return fail(Kind::forbidden, "plan.owner",
                fmt::format("The plan's owner is '{}', but you are '{}'.", plan.owner,
                            seat.membership.member),
                "Only its owner can open a study.");
  }
  if (protocol::is_over(plan, SystemClock().now())) {
    return fail(Kind::invalid, "plan.deadline_over",
                fmt::format("The plan's deadline {} is over: none of its data would be encoded.",
                            plan.deadline),
                "Set a later one, or leave it out.");
  }
  if (auto trainer = check_trainer(seat, plan); !trainer) return pass(trainer);
  const std::string json = protocol::to_json(plan);
  const Digest digest = crypto::sha256(as_bytes(json));
  provenance::Record record;
  record.kind = provenance::RecordKind::study_opened;
  record.stage = "open";
  record.study = plan.study;
  record.purpose = plan.purpose;
  record.legal_basis = plan.legal_basis;
  record.subjects = {{"plan", digest}};
  record.details.set("plan", json);
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format(
      "Study '{}' version {} is open. Its plan's digest is {}.\n"
      "The sites are being offered their first jobs: cloister study status {}\n",
      plan.study, plan.version, to_hex(digest), plan.study);
  answer.json.set("study", plan.study.text())
      .set("version", std::uint64_t{plan.version})
      .set("plan", to_hex(digest))
      .set("record", to_hex(leaves->front()));
  add_warnings(answer, plan);
  return answer;
}

Result<Answer> open_study_file(Seat& seat, const std::filesystem::path& path) {
  auto text = read_text(path, 4U << 20);
  if (!text) return pass(text);
  auto plan = protocol::plan_from_toml(*text, path.filename().string());
  if (!plan) return pass(plan);
  return open_study(seat, *plan);
}

Result<Answer> study_status(Seat& seat, const std::string& study) {
  auto told = seat.line->tell("study", study);
  if (!told) return pass(told);
  Answer answer;
  answer.text = fmt::format(
      "{} (version {:.0f}): {}\n  phase {}, {:.0f} of {:.0f} datasets admitted\n",
      text_or_empty(*told, "id"), number_at(*told, "version"), text_or_empty(*told, "title"),
      text_or_empty(*told, "phase"), number_at(*told, "admitted"), number_at(*told, "quorum"));
  const std::string deadline = text_or_empty(*told, "deadline");
  if (truth_at(*told, "deadline_over")) {
    answer.text += fmt::format(
        "  DEADLINE {} IS OVER: nothing new is encoded or trained. What is trained is judged and "
        "may "
        "be released. {} may amend the plan with a later one (`cloister study amend`)\n",
        deadline, text_or_empty(*told, "owner"));
  } else if (!deadline.empty()) {
    answer.text += fmt::format(
        "  deadline {} (UTC): data are encoded and networks trained up to that day's end\n",
        deadline);
  }
  const std::vector<Json> jobs = items_at(*told, "jobs");
  for (const Json& site : items_at(*told, "sites"))
    answer.text += site_line(site, running_at(jobs, text_or_empty(site, "site")));
  if (const Json* training = running_at(jobs, "")) answer.text += trainer_line(*told, *training);
  for (const Json& model : items_at(*told, "models")) {
    const Json* released = model.find("released");
    const bool out = released != nullptr && released->boolean() != nullptr && *released->boolean();
    answer.text += fmt::format("  model version {:.0f}  {}  {}\n", number_at(model, "version"),
                               text_or_empty(model, "digest").substr(0, 12),
                               out ? "released" : "not released");
  }
  for (const Json& one : items_at(*told, "withdrawals")) answer.text += withdrawal_line(one);
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> study_jobs(Seat& seat, const std::string& study) {
  auto told = seat.line->tell("jobs", study);
  if (!told) return pass(told);
  Answer answer;
  for (const Json& job : items_at(*told, "jobs")) answer.text += job_line(job);
  if (answer.text.empty()) answer.text = "No jobs yet.\n";
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> release_model(Seat& seat, const std::string& study, const std::string& reason) {
  auto told = seat.line->tell("study", study);
  if (!told) return pass(told);
  const auto models = items_at(*told, "models");
  if (models.empty()) {
    return fail(Kind::not_found, "release.no_model",
                fmt::format("Study '{}' has no model yet.", study),
                "`cloister study status` says what it waits for.");
  }
  auto digest = provenance::digest_at(models.back(), "digest");
  if (!digest) return pass(digest);
  provenance::Record record;
  record.reason = reason;
  record.kind = provenance::RecordKind::model_released;
  record.stage = "release";
  record.study = StudyId::trusted(study);
  record.subjects = {{"model", *digest}};
  auto approvals = approvals_of(*seat.line, *digest);
  if (!approvals) return pass(approvals);
  if (approvals->empty()) {
    return fail(Kind::forbidden, "release.no_approval",
                fmt::format("No site has approved the model {} of study '{}' yet.",
                            short_hex(*digest), study),
                "Ask their data stewards: `cloister site accept-model STUDY`, once their site has "
                "evaluated it (`cloister study status`).");
  }
  record.approvals = std::move(*approvals);
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format("The model {} of study '{}' is released.\n", short_hex(*digest), study);
  answer.json.set("study", study)
      .set("model", to_hex(*digest))
      .set("record", to_hex(leaves->front()));
  return answer;
}

}  // namespace cloister::cli
