#include "base/version.h"
#include "report/json_parts.h"

namespace cloister::report {

using provenance::Json;

Json optional_number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json exceptions_json(const Exceptions& all) {
  Json list = Json::array();
  for (const Exception& one : all) {
    list.push(Json::object()
                  .set("about", one.about)
                  .set("indicator", one.indicator)
                  .set("value", one.value)
                  .set("reason", one.reason)
                  .set("signed_by", one.signed_by)
                  .set("record", one.record));
  }
  return list;
}

namespace {

template <class Value>
Json map_of(const std::map<std::string, Value>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values) object.set(key, Json(value));
  return object;
}

Json texts(const std::vector<std::string>& values) {
  Json array = Json::array();
  for (const auto& value : values) array.push(Json(value));
  return array;
}

Json curve_json(const Curve& curve) {
  Json array = Json::array();
  for (const CurvePoint& point : curve) {
    array.push(Json(Json::Array{Json(point.step), Json(point.loss)}));
  }
  return array;
}

Json encoder_json(const Encoder& encoder) {
  return Json::object()
      .set("digest", encoder.digest)
      .set("seconds", encoder.seconds)
      .set("final_loss", optional_number(encoder.final_loss))
      .set("curve", curve_json(encoder.curve));
}

Json job_json(const JobTime& job) {
  return Json::object()
      .set("kind", job.kind)
      .set("job", job.job)
      .set("attempts", job.attempts)
      .set("seconds", job.seconds)
      .set("outcome", job.outcome)
      .set("approved_by", job.approved_by);
}

Json indicator_json(const Indicator& indicator) {
  return Json::object()
      .set("name", indicator.name)
      .set("attacker", indicator.attacker)
      .set("plain", indicator.plain)
      .set("value", indicator.value)
      .set("low", optional_number(indicator.low))
      .set("high", optional_number(indicator.high))
      .set("pass", indicator.pass)
      .set("fail", indicator.fail)
      .set("higher_is_better", indicator.higher_is_better)
      .set("verdict", indicator.verdict)
      .set("basis", indicator.basis);
}

Json gate_json(const Gate& gate) {
  Json indicators = Json::array();
  for (const auto& indicator : gate.indicators) indicators.push(indicator_json(indicator));
  return Json::object()
      .set("verdict", gate.verdict)
      .set("report", gate.report)
      .set("dataset", gate.dataset)
      .set("indicators", std::move(indicators))
      .set("exceptions", exceptions_json(gate.exceptions));
}

Json decoder_json(const std::optional<DecoderConsent>& decoder) {
  if (!decoder) return {};
  return Json::object()
      .set("signed_by", decoder->signed_by)
      .set("reason", decoder->reason)
      .set("record", decoder->record)
      .set("policy", decoder->policy)
      .set("policy_signed_by", decoder->policy_signed_by)
      .set("policy_record", decoder->policy_record);
}

Json upload_json(const Upload& upload) {
  return Json::object()
      .set("bytes", upload.bytes)
      .set("shards", upload.shards)
      .set("seconds", upload.seconds)
      .set("manifest", upload.manifest)
      .set("released_by", upload.released_by);
}

Json calibration_json(const std::optional<Calibration>& calibration) {
  if (!calibration) return Json();
  return Json::object()
      .set("ece", calibration->ece)
      .set("ece_uncalibrated", calibration->ece_uncalibrated)
      .set("temperature", calibration->temperature);
}

Json site_json(const Site& site) {
  Json encoders = Json::object();
  for (const auto& encoder : site.encoders) encoders.set(encoder.which, encoder_json(encoder));
  Json jobs = Json::array();
  for (const auto& job : site.jobs) jobs.push(job_json(job));
  Json membership = Json::array();
  for (const auto& one : site.membership) membership.push(indicator_json(one));
  Json excluded = Json::array();
  for (const auto& one : site.excluded) {
    excluded.push(Json::object().set("code", one.code).set("cases", one.cases));
  }
  return Json::object()
      .set("cases", site.cases)
      .set("patients", Json::object()
                           .set("all", site.patients)
                           .set("training", site.training)
                           .set("tuning", site.tuning)
                           .set("evaluation", site.evaluation))
      .set("excluded", std::move(excluded))
      .set("jobs", std::move(jobs))
      .set("encoders", std::move(encoders))
      .set("mask_ceiling", map_of(site.mask_ceiling))
      .set("gate", gate_json(site.gate))
      .set("mask_decoder_released", decoder_json(site.decoder))
      .set("upload", upload_json(site.upload))
      .set("network", site.network)
      .set("membership", std::move(membership))
      .set("network_exceptions", exceptions_json(site.network_exceptions))
      .set("calibration", calibration_json(site.calibration))
      .set("ef_error_percent", optional_number(site.ef_error_percent));
}

Json score_json(const Score& score) {
  return Json::object()
      .set("dsc", score.dsc)
      .set("hd95_mm", optional_number(score.hd95_mm))
      .set("assd_mm", optional_number(score.assd_mm))
      .set("patients", score.patients)
      .set("volumes", score.volumes);
}

Json mean_json(const Mean& mean) {
  return Json::object()
      .set("dsc", mean.dsc)
      .set("hd95_mm", optional_number(mean.hd95_mm))
      .set("assd_mm", optional_number(mean.assd_mm))
      .set("patients", mean.patients);
}

// results.MODE = {mean, sites.SITE = {mean, structures.STRUCTURE}}
Json results_json(const Report& report) {
  Json results = Json::object();
  for (const auto& mode : modes_of(report)) {
    Json sites = Json::object();
    for (const Site& site : report.sites) {
      const auto mean = site_mean(report, mode, site.id);
      if (!mean) continue;
      Json structures = Json::object();
      for (const Score& score : report.scores) {
        if (score.mode != mode || score.site != site.id) continue;
        structures.set(score.structure, score_json(score));
      }
      sites.set(
          site.id,
          Json::object().set("mean", mean_json(*mean)).set("structures", std::move(structures)));
    }
    const auto mean = study_mean(report, mode);
    results.set(mode, Json::object()
                          .set("mean", mean ? mean_json(*mean) : Json())
                          .set("sites", std::move(sites)));
  }
  return results;
}

Json study_json(const Study& study) {
  return Json::object()
      .set("id", study.id)
      .set("version", study.version)
      .set("title", study.title)
      .set("purpose", study.purpose)
      .set("legal_basis", study.legal_basis)
      .set("preset", study.preset)
      .set("encoder", study.encoder)
      .set("backbone", study.backbone)
      .set("own_segmentation", study.own_segmentation)
      .set("pooling", study.pooling)
      .set("mask_decoder_leaves", study.mask_decoder_leaves)
      .set("budget", study.budget)
      .set("plan", study.plan)
      .set("phase", study.phase)
      .set("released_by", study.released_by)
      .set("release_reason", study.release_reason)
      .set("quorum", study.quorum)
      .set("structures", texts(study.structures))
      .set("sites", texts(study.sites))
      .set("choices", map_of(study.choices));
}

Json pooled_json(const Pooled& pooled) {
  return Json::object()
      .set("digest", pooled.digest)
      .set("parameters", pooled.parameters)
      .set("bytes", pooled.bytes)
      .set("steps", pooled.steps)
      .set("seconds", pooled.seconds)
      .set("final_loss", pooled.final_loss)
      .set("curve", curve_json(pooled.curve));
}

Json prediction_json(const std::optional<Prediction>& prediction) {
  if (!prediction) return Json();
  return Json::object()
      .set("site", prediction->site)
      .set("file", prediction->file)
      .set("digest", prediction->digest)
      .set("seconds", prediction->seconds)
      .set("volume_ml", map_of(prediction->volume_ml))
      .set("trace", Json::object()
                        .set("records", prediction->trace_records)
                        .set("closure_digest", prediction->closure_digest)
                        .set("lines", texts(prediction->trace)));
}

Json stages_json(const std::vector<Stage>& stages) {
  Json array = Json::array();
  for (const Stage& stage : stages) {
    array.push(Json::object()
                   .set("name", stage.name)
                   .set("plain", stage.plain)
                   .set("seconds", stage.seconds)
                   .set("bytes", stage.bytes));
  }
  return array;
}

Json verification_json(const Verification& verification) {
  return Json::object()
      .set("verdict", verification.verdict)
      .set("bundle", verification.bundle)
      .set("command", verification.command)
      .set("proved", texts(verification.proved))
      .set("not_proved", texts(verification.not_proved))
      .set("failed", texts(verification.failed));
}

}  // namespace

std::string to_json(const Report& report) {
  Json sites = Json::object();
  for (const Site& site : report.sites) sites.set(site.id, site_json(site));
  const auto mean = study_mean(report, report.study.preset);
  const Json ledger = Json::object()
                          .set("origin", report.ledger.origin)
                          .set("records", report.ledger.records)
                          .set("root", report.ledger.root)
                          .set("checkpoint", report.ledger.checkpoint)
                          .set("by_kind", map_of(report.ledger.by_kind));
  const Json root = Json::object()
                        .set("format", "cloister-report/1")
                        .set("made_at", to_rfc3339(report.made_at))
                        .set("one_machine", report.one_machine)
                        .set("command", report.command)
                        .set("data_source", report.data_source)
                        .set("caveats", texts(report.caveats))
                        .set("versions", map_of(report.versions))
                        .set("machine", map_of(report.machine))
                        .set("seeds", map_of(report.seeds))
                        .set("study", study_json(report.study))
                        .set("study_mean", mean ? mean_json(*mean) : Json())
                        .set("sites", std::move(sites))
                        .set("results", results_json(report))
                        .set("pooled", pooled_json(report.pooled))
                        .set("prediction", prediction_json(report.prediction))
                        .set("ledger", ledger)
                        .set("verify", verification_json(report.verification))
                        .set("stages", stages_json(report.stages))
                        .set("seconds", report.seconds);
  return provenance::to_pretty(root) + "\n";
}

}  // namespace cloister::report
