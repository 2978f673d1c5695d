#include "tests/report/sample_report.h"

#include <fmt/format.h>

#include <cmath>

#include "base/prng.h"
#include "report/indicator_words.h"

namespace cloister::report::sample {
namespace {

constexpr std::string_view digest_1 =
    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
constexpr std::string_view digest_2 =
    "9b74c9897bac770ffc029102a200c5de5c1a1b1b2c3d4e5f60718293a4b5c6d7";

Curve a_curve(Prng& prng, std::uint64_t steps, double from, double to) {
  Curve curve;
  for (std::uint64_t step = steps / 25; step <= steps; step += steps / 25) {
    const double part = static_cast<double>(step) / static_cast<double>(steps);
    const double loss = to + (from - to) * std::exp(-5.0 * part) + 0.02 * from * prng.uniform();
    curve.push_back({step, loss});
  }
  return curve;
}

Indicator an_indicator(std::string_view name, double value, double pass, double fail) {
  const IndicatorWords words = indicator_words(name);
  Indicator one;
  one.name = std::string(name);
  one.plain = std::string(words.plain);
  one.attacker = std::string(words.attacker);
  one.value = value;
  one.pass = pass;
  one.fail = fail;
  one.higher_is_better = pass > fail;
  const bool good = one.higher_is_better ? value >= pass : value <= pass;
  const bool bad = one.higher_is_better ? value < fail : value > fail;
  one.verdict = good ? "pass" : bad ? "fail" : "warn";
  return one;
}

Gate a_gate(Prng& prng, const std::string& site) {
  Gate gate;
  gate.report = std::string(digest_2);
  gate.dataset = std::string(digest_1);
  Indicator first = an_indicator("re-identification", 0.24 + 0.08 * prng.uniform(), 0.05, 0.20);
  first.low = first.value - 0.06;
  first.high = first.value + 0.07;
  first.basis = "gallery of 24 slices of 6 patients; chance 4.2 %";
  gate.indicators.push_back(first);
  gate.indicators.push_back(an_indicator("channel-correlation", 0.62, 0.5, 0.7));
  gate.indicators.push_back(an_indicator("surrogate-decoder", 0.08, 0.10, 0.30));
  gate.indicators.push_back(an_indicator("known-plaintext-pairs", 16, 64, 16));
  gate.indicators.push_back(an_indicator("foreign-decoder", 0.04, 0.15, 0.30));
  gate.indicators.push_back(an_indicator("mask-leakage", 0.02, 0.05, 0.15));
  gate.indicators.push_back(an_indicator("attribute-sex", 0.07, 0.05, 0.10));
  gate.indicators.push_back(an_indicator("mask-ceiling", 0.951, 0.93, 0.90));
  gate.verdict = "fail";
  for (const Indicator& one : gate.indicators) {
    if (one.verdict == "pass") continue;
    gate.exceptions.push_back({gate.dataset, one.name, one.value,
                               "Demonstration on phantoms: no patient stands behind these codes.",
                               fmt::format("steward-{}", site), std::string(digest_1)});
  }
  return gate;
}

Site a_site(Prng& prng, const std::string& id, std::uint64_t patients) {
  Site site;
  site.id = id;
  site.patients = patients;
  site.cases = patients * 2;
  site.evaluation = patients / 4;
  site.tuning = patients / 6;
  site.training = patients - site.evaluation - site.tuning;
  if (id == "site-b") site.excluded.push_back({"image.constant", 1});
  for (const auto* kind : {"register-data", "train-image-encoder", "train-mask-encoder", "encode",
                           "assess-privacy", "release", "tune-mask-decoder", "evaluate"}) {
    site.jobs.push_back(
        {kind, fmt::format("heart-demo-{}-{}-1", id, kind), 1, 3.0 + 40.0 * prng.uniform(), "done",
         kind == std::string("release") ? fmt::format("steward-{}", id) : "policy"});
  }
  site.encoders.push_back(
      {"image", std::string(digest_1), 41.2, 0.031, a_curve(prng, 350, 0.9, 0.03)});
  site.encoders.push_back(
      {"mask", std::string(digest_2), 38.0, 0.08, a_curve(prng, 500, 1.4, 0.07)});
  site.mask_ceiling = {{"LV", 0.972}, {"MYO", 0.951}, {"RV", 0.963}};
  site.gate = a_gate(prng, id);
  site.network = std::string(digest_2);
  site.membership.push_back(an_indicator("membership-auc", 0.57, 0.55, 0.60));
  site.membership.push_back(an_indicator("membership-tpr", 0.015, 0.02, 0.05));
  site.calibration = Calibration{0.03, 0.08, 1.7};
  site.ef_error_percent = 4.2;
  site.upload = {9'312'441 + prng.below(900'000), patients, 1.4, std::string(digest_1),
                 fmt::format("steward-{}", id)};
  return site;
}

void add_scores(Report& report, Prng& prng, const std::string& mode, double base) {
  for (const Site& site : report.sites) {
    double structure_offset = 0.04;
    for (const auto& structure : report.study.structures) {
      Score score;
      score.mode = mode;
      score.site = site.id;
      score.structure = structure;
      score.dsc = base + structure_offset + 0.04 * prng.uniform();
      score.hd95_mm = 4.0 + 5.0 * prng.uniform();
      score.assd_mm = *score.hd95_mm / 3.1;
      score.patients = site.evaluation;
      score.volumes = site.evaluation * 2;
      report.scores.push_back(score);
      structure_offset -= 0.05;
    }
  }
}

void add_study(Report& report) {
  report.study.id = "heart-demo";
  report.study.title = "Three hospitals, one heart network";
  report.study.purpose = "Shows the whole life of a study; supports no clinical use.";
  report.study.legal_basis = "No personal data: phantoms generated for this run.";
  report.study.preset = "adapted";
  report.study.encoder = "reconstruct";
  report.study.backbone = "none";
  report.study.pooling = "adapted";
  report.study.budget = "quick";
  report.study.plan = std::string(digest_2);
  report.study.phase = "released";
  report.study.released_by = "olivia";
  report.study.release_reason = "A demonstration: few patients, so membership cannot pass.";
  report.study.quorum = 3;
  report.study.structures = {"LV", "MYO", "RV"};
  report.study.sites = {"site-a", "site-b", "site-c"};
  report.study.choices = {{"size_px", 96}, {"spacing_mm", 2}, {"views", 4}};
}

void add_evidence(Report& report) {
  report.ledger.origin = "cloister.example/demo";
  report.ledger.records = 134;
  report.ledger.root = "RkVe2xRMZzOG3+8JFpyJuP0Lk4j9zfq1o0gJ5j2m1sA=";
  report.ledger.checkpoint =
      "cloister.example/demo\n134\nRkVe2xRMZzOG3+8JFpyJuP0Lk4j9zfq1o0gJ5j2m1sA=\n\n"
      "— cloister.example/demo (made up for tests)\n";
  report.ledger.by_kind = {{"encoder.trained", 9}, {"job.submitted", 26}};
  report.verification = {"holds",
                         "audit-bundle",
                         "cloister-verify audit-bundle",
                         {"134 records are signed by keys that the consortium's root bound.",
                          "All 134 are in the tree that the checkpoint names.",
                          "Replaying the log gives the same root and the same closure."},
                         {"That the hospitals' data are what the hospitals say.",
                          "That no other ledger was shown to somebody else."},
                         {}};
  Prediction prediction;
  prediction.site = "site-a";
  prediction.file = "predictions/site-a-new.nii.gz";
  prediction.digest = std::string(digest_1);
  prediction.seconds = 0.9;
  prediction.volume_ml = {{"LV", 121.4}, {"MYO", 98.2}, {"RV", 133.9}};
  prediction.trace_records = 41;
  prediction.closure_digest = std::string(digest_2);
  prediction.trace = {"131 prediction.batch  site-a      site-a-new.nii.gz",
                      "129 prediction.batch  trainer     reply for site-a",
                      " 96 model.produced    trainer     segmentation network",
                      " 41 dataset.encoded   site-a      12 shards",
                      " 22 encoder.trained   site-a      image encoder",
                      " 12 raw.registered    site-a      24 cases"};
  report.prediction = prediction;
}

}  // namespace

Report a_report() {
  Prng prng(7);
  Report report;
  report.made_at = Instant(1'795'428'000'000);
  report.one_machine = true;
  report.command = "cloister demo --budget quick";
  report.data_source = "phantoms made for this run";
  report.caveats = {
      "The three sites are pseudo-sites: phantoms of three scanner styles, not three hospitals.",
      "With 9 held-out patients, differences of a few hundredths between sites are noise."};
  report.versions = {{"cloister", "0.1.0"}, {"LibTorch", "1.13.1"}, {"ITK", "5.2.1"}};
  report.machine = {{"cores", "2"}, {"memory", "8 GB"}};
  report.seeds = {{"study", 1}, {"phantom", 20261123}};
  add_study(report);
  report.sites = {a_site(prng, "site-a", 12), a_site(prng, "site-b", 12),
                  a_site(prng, "site-c", 12)};
  add_scores(report, prng, "adapted", 0.80);
  add_scores(report, prng, "local-only", 0.74);
  report.pooled = {std::string(digest_2),       1'934'016, 7'744'120, 700, 64.2, 0.212,
                   a_curve(prng, 700, 1.1, 0.2)};
  report.stages = {{"Consortium", "keys, genesis, daemons", 3.1, 0},
                   {"Enrolment", "three agents and the trainer, by one-time token", 4.9, 41'200},
                   {"Encoders", "each site trains its own", 122.0, 310'000},
                   {"Encode", "patients to sealed shards", 11.5, 0},
                   {"Gate", "every site attacks its own codes", 47.3, 0},
                   {"Release", "exceptions, permits, upload", 9.2, 28'400'000},
                   {"Pooled training", "one network on all codes", 64.2, 90'000},
                   {"Evaluation", "held-out patients", 22.0, 4'100'000},
                   {"Prediction", "a new volume and its trace", 2.1, 310'000},
                   {"Evidence", "export and offline check", 1.3, 0}};
  for (const Stage& stage : report.stages) report.seconds += stage.seconds;
  add_evidence(report);
  return report;
}

std::string a_lineage_dot() {
  std::string dot =
      "digraph lineage {\nrankdir=LR; bgcolor=\"transparent\"; ranksep=0.45; nodesep=0.18;\n"
      "node [shape=box, style=\"rounded,filled\", color=\"#010203\", fontcolor=\"#010203\", "
      "fillcolor=\"#b00004\", fontname=\"sans-serif\", fontsize=11, penwidth=0.8];\n"
      "edge [color=\"#010203\", penwidth=0.8, arrowsize=0.7];\n";
  int i = 1;
  for (const auto* site : {"a", "b", "c"}) {
    dot += fmt::format(
        "data_{0} [label=\"data of site-{0}\\n24 cases\", fillcolor=\"#b0000{1}\"];\n"
        "enc_{0} [label=\"image encoder\\nsite-{0}\", fillcolor=\"#b0000{1}\"];\n"
        "set_{0} [label=\"encoded dataset\\nsite-{0}\", fillcolor=\"#b0000{1}\"];\n"
        "data_{0} -> enc_{0} -> set_{0} -> model;\ndata_{0} -> set_{0};\n",
        site, i++);
  }
  return dot +
         "model [label=\"shared network\"];\nmodel -> reply -> mask;\n"
         "reply [label=\"reply, sealed to site-a\"];\nmask [label=\"site-a-new.nii.gz\", "
         "penwidth=2];\n}\n";
}

std::vector<Overlay> some_overlays() {
  // The smallest PNG there is: one grey pixel.
  const Bytes pixel = from_base64(
                          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCB0uZ9"
                          "CwAAAABJRU5ErkJggg==")
                          .value_or(Bytes{});
  std::vector<Overlay> overlays;
  for (const auto* site : {"site-a", "site-b", "site-c"}) {
    overlays.push_back({site, "held-out patient 1, middle slice",
                        "Heart from above: the predicted outlines follow the reference closely.",
                        "overlay", pixel});
    overlays.push_back({site, "best attack, one slice",
                        "Left the original slice, right what the attacker made of its code.",
                        "leak", pixel});
  }
  return overlays;
}

}  // namespace cloister::report::sample
