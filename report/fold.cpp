#include "report/fold.h"

#include <algorithm>

#include "provenance/lineage_text.h"
#include "report/indicator_words.h"

namespace cloister::report {
namespace {

using provenance::Json;
using provenance::Permit;
using provenance::Record;
using provenance::RecordKind;
using provenance::text_or_empty;

const Json& object_or_none(const Json& json, std::string_view key) {
  static const Json none = Json::object();
  const Json* value = json.find(key);
  return value != nullptr && value->fields() != nullptr ? *value : none;
}

std::optional<double> number(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr ? std::nullopt : value->number();
}

// {"mean": 0.8, ...} or a plain number.
std::optional<double> mean_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  if (value == nullptr) return std::nullopt;
  return value->fields() != nullptr ? number(*value, "mean") : value->number();
}

std::string which_encoder(const std::string& which) {
  if (which == "image-encoder") return "image";
  if (which == "mask-encoder") return "mask";
  return which;
}

Encoder& encoder_of(Site& site, const std::string& which) {
  for (Encoder& one : site.encoders) {
    if (one.which == which) return one;
  }
  site.encoders.emplace_back().which = which;
  return site.encoders.back();
}

bool is_on_demand(const Record& record) {
  const std::string purpose = text_or_empty(record.details, "purpose");
  return (purpose.empty() ? record.purpose : purpose) == "prediction";
}

int severity(const std::string& verdict) {
  if (verdict == "pass") return 1;
  return verdict == "warn" ? 2 : 3;
}

std::string input_of(const Record& record, std::string_view role) {
  for (const auto& input : record.inputs) {
    if (input.role == role) return to_hex(input.digest);
  }
  return {};
}

// The network that this record is about, or nothing.
std::string network_in(const Record& record, const std::set<Digest>& networks) {
  for (const auto& input : record.inputs) {
    if (networks.contains(input.digest)) return to_hex(input.digest);
  }
  return {};
}

}  // namespace

Indicator indicator_from(const Json& json) {
  Indicator one;
  one.name = text_or_empty(json, "name");
  const IndicatorWords words = indicator_words(one.name);
  one.plain = words.plain;
  one.attacker = words.attacker.empty() ? text_or_empty(json, "attacker") : words.attacker;
  one.value = number_or(json, "value", 0);
  one.low = number(json, "low");
  one.high = number(json, "high");
  const Json& threshold = object_or_none(json, "threshold");
  one.pass = number_or(threshold, "pass", 0);
  one.fail = number_or(threshold, "fail", 0);
  one.higher_is_better = one.pass > one.fail;
  one.verdict = text_or_empty(json, "verdict");
  one.basis = text_or_empty(json, "note");
  if (const auto patients = number(json, "patients"); patients && one.basis.empty()) {
    one.basis = fmt::format("{:g} patients", *patients);
  }
  if (const auto chance = number(json, "chance"); chance && *chance > 0) {
    one.basis += fmt::format("{}chance {:.3g}", one.basis.empty() ? "" : "; ", *chance);
  }
  return one;
}

double number_or(const Json& json, std::string_view key, double fallback) {
  return number(json, key).value_or(fallback);
}

std::uint64_t count_or(const Json& json, std::string_view key, std::uint64_t fallback) {
  const auto value = number(json, key);
  return value && *value >= 0 ? static_cast<std::uint64_t>(*value) : fallback;
}

Site& site_of(Report& report, const std::string& id) {
  for (Site& site : report.sites) {
    if (site.id == id) return site;
  }
  report.sites.emplace_back().id = id;
  return report.sites.back();
}

void fold_job(Jobs& jobs, const Record& record) {
  if (record.kind == RecordKind::job_submitted) {
    JobStory& story = jobs[text_or_empty(record.details, "job")];
    story.time.job = text_or_empty(record.details, "job");
    story.time.kind = text_or_empty(record.details, "kind");
    story.site = text_or_empty(record.details, "site");
    story.begun = record.issued_at;
    story.time.outcome = "open";
    return;
  }
  const auto found = jobs.find(record.job.text());
  if (found == jobs.end()) return;
  JobStory& story = found->second;
  story.ended = record.issued_at;
  if (record.kind == RecordKind::job_approved) {
    story.begun = record.issued_at;
    story.time.approved_by =
        record.actor.role == provenance::Role::site_agent ? "policy" : record.actor.id.text();
  } else if (record.kind == RecordKind::job_denied) {
    story.time.outcome = "denied";
  } else if (record.kind == RecordKind::job_failed) {
    ++story.time.attempts;
    story.time.outcome = "failed";
  } else {
    story.time.outcome = "done";
    story.time.seconds = number_or(record.details, "seconds", story.time.seconds);
  }
}

void close_jobs(Report& report, const Jobs& jobs) {
  std::vector<const JobStory*> in_order;
  for (const auto& [id, story] : jobs) in_order.push_back(&story);
  std::sort(in_order.begin(), in_order.end(),
            [](const JobStory* a, const JobStory* b) { return a->begun < b->begun; });
  for (const JobStory* story : in_order) {
    JobTime time = story->time;
    if (time.seconds == 0 && story->ended > story->begun) {
      time.seconds = static_cast<double>((story->ended - story->begun).count()) / 1000.0;
    }
    if (!story->site.empty()) site_of(report, story->site).jobs.push_back(std::move(time));
  }
}

void fold_data(Report& report, const Record& record) {
  Site& site = site_of(report, record.actor.org);
  const Json& splits = object_or_none(record.details, "splits");
  const auto patients = [&](std::string_view split) {
    return count_or(object_or_none(splits, split), "patients", 0);
  };
  site.training = patients("train");
  site.tuning = patients("tune");
  site.evaluation = patients("test");
  site.patients = site.training + site.tuning + site.evaluation;
  site.cases = 0;
  for (const auto* split : {"train", "tune", "test"}) {
    site.cases += count_or(object_or_none(splits, split), "cases", 0);
  }
  site.excluded.clear();
  for (const auto& [code, count] : *object_or_none(record.details, "excluded").fields()) {
    site.excluded.push_back({code, static_cast<std::uint64_t>(count.number().value_or(0))});
  }
}

void fold_encoder(Report& report, const Record& record) {
  Site& site = site_of(report, record.actor.org);
  Encoder& encoder = encoder_of(site, which_encoder(text_or_empty(record.details, "which")));
  if (!record.subjects.empty()) encoder.digest = to_hex(record.subjects.front().digest);
  encoder.seconds = number_or(record.details, "seconds", 0);
  encoder.final_loss = number(record.details, "final_loss");
  for (const auto& [structure, ceiling] : *object_or_none(record.details, "ceiling").fields()) {
    site.mask_ceiling[structure] = ceiling.number().value_or(0);
  }
}

void fold_dataset(Report& report, const Record& record) {
  if (is_on_demand(record) || record.subjects.empty()) return;
  Site& site = site_of(report, record.actor.org);
  for (const auto& subject : record.subjects) {
    if (subject.name == "manifest") site.upload.manifest = to_hex(subject.digest);
  }
}

void fold_gate(Report& report, const Record& record) {
  Gate& gate = site_of(report, record.actor.org).gate;
  gate.indicators.clear();
  gate.dataset = input_of(record, "manifest");
  for (const auto& subject : record.subjects) {
    if (subject.name == "report") gate.report = to_hex(subject.digest);
  }
  const Json* list = record.details.find("indicators");
  if (list == nullptr || list->items() == nullptr) return;
  for (const Json& item : *list->items()) gate.indicators.push_back(indicator_from(item));
}

void fold_permit(Report& report, const std::set<Digest>& networks,
                 const provenance::StoredRecord& stored) {
  const Record& record = *stored.record;
  const Digest& leaf = stored.note.leaf_hash;
  const auto permit = provenance::permit_from(record.details);
  if (!permit) return;
  Site& site = site_of(report, record.actor.org);
  const bool is_decoder = std::find(permit->purposes.begin(), permit->purposes.end(),
                                    "mask-decoder") != permit->purposes.end();
  if (permit->type == Permit::Type::release && is_decoder) {
    site.decoder = DecoderConsent();
    site.decoder->at = stored.index;
    site.decoder->signed_by = record.actor.id.text();
    site.decoder->reason = told_words(stored, permit->reason);
    site.decoder->record = to_hex(leaf);
  } else if (permit->type == Permit::Type::release) {
    site.upload.released_by = record.actor.id.text();
  }
  if (permit->type != Permit::Type::exception) return;
  const std::string network = network_in(record, networks);
  for (const auto& indicator : permit->indicators) {
    Exceptions& list = network.empty() ? site.gate.exceptions : site.network_exceptions;
    list.push_back({network.empty() ? input_of(record, "manifest") : network, indicator.name,
                    indicator.value, told_words(stored, permit->reason), record.actor.id.text(),
                    to_hex(leaf)});
  }
}

void fold_policy(Report& report, const provenance::StoredRecord& stored) {
  const Record& record = *stored.record;
  for (Site& site : report.sites) {
    const bool was_in_force = site.decoder && stored.index < site.decoder->at;
    if (site.id != record.actor.org || !was_in_force || record.subjects.empty()) continue;
    site.decoder->policy = to_hex(record.subjects.front().digest);
    site.decoder->policy_signed_by = record.actor.id.text();
    site.decoder->policy_record = to_hex(stored.note.leaf_hash);
  }
}

void fold_sent(Report& report, const Record& record) {
  if (is_on_demand(record)) return;
  Upload& upload = site_of(report, record.actor.org).upload;
  upload.bytes += count_or(record.details, "bytes", 0);
  upload.shards += count_or(record.details, "shards", 0);
  upload.seconds += number_or(record.details, "seconds", 0);
}

void fold_evaluation(Report& report, const Record& record) {
  const std::string label = text_or_empty(record.details, "label");
  const std::string mode = label.empty() ? report.study.preset : label;
  const std::string& site = record.actor.org;
  std::erase_if(report.scores,
                [&](const Score& score) { return score.mode == mode && score.site == site; });
  for (const auto& [structure, one] : *object_or_none(record.details, "structures").fields()) {
    Score score;
    score.mode = mode;
    score.site = site;
    score.structure = structure;
    score.dsc = mean_at(one, "dsc").value_or(0);
    score.hd95_mm = mean_at(one, "hd95_mm");
    score.assd_mm = mean_at(one, "assd_mm");
    score.patients = count_or(one, "patients", 0);
    score.volumes = count_or(one, "cases", 0);
    report.scores.push_back(std::move(score));
  }
  Site& of = site_of(report, site);
  for (const auto& [structure, ceiling] : *object_or_none(record.details, "ceiling").fields()) {
    of.mask_ceiling.try_emplace(structure, ceiling.number().value_or(0));
  }
  if (mode != report.study.preset) return;
  const Json& calibration = object_or_none(record.details, "calibration");
  if (const auto ece = number(calibration, "ece")) {
    of.calibration = Calibration{*ece, number_or(calibration, "ece_uncalibrated", *ece),
                                 number_or(calibration, "temperature", 1)};
  }
  of.ef_error_percent = mean_at(object_or_none(record.details, "function"), "ef_error_percent");
  of.network = input_of(record, "model");
  of.membership.clear();
  const Json* membership = record.details.find("membership");
  if (membership == nullptr || membership->items() == nullptr) return;
  for (const Json& item : *membership->items()) of.membership.push_back(indicator_from(item));
}

void finish_gates(Report& report) {
  for (Site& site : report.sites) {
    for (const Indicator& one : site.gate.indicators) {
      if (site.gate.verdict.empty() || severity(one.verdict) > severity(site.gate.verdict)) {
        site.gate.verdict = one.verdict;
      }
    }
  }
}

}  // namespace cloister::report
