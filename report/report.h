// The facts of one study's run, as plain values: what report.json holds and report.html shows.
//
// Every figure stands with its unit and the number of patients behind it. Nothing here is a value
// of a single patient; pictures of single patients live in the sites' own reports, and only the
// demo, where one machine plays everyone, hands them over (see artwork.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace cloister::report {

struct CurvePoint {
  std::uint64_t step = 0;
  double loss = 0;
};
using Curve = std::vector<CurvePoint>;

// One of a site's own networks. The digest is a salted commitment: the weights stay at the site.
struct Encoder {
  std::string which;  // "image", "mask", "tuned-mask-decoder"
  std::string digest;
  double seconds = 0;
  std::optional<double> final_loss;
  Curve curve;
};

struct JobTime {
  std::string kind;  // protocol/jobs.h
  std::string job;
  std::uint64_t attempts = 1;
  double seconds = 0;
  std::string outcome;      // "done", "failed", "denied"
  std::string approved_by;  // "policy" or the member who signed
};

struct Excluded {
  std::string code;  // "image.size_mismatch"
  std::uint64_t cases = 0;
};

// One measure of what the codes give away. `verdict` is "pass", "warn" or "fail".
struct Indicator {
  std::string name;
  std::string attacker;  // who would do this, in plain words
  std::string plain;     // what the value means, in plain words
  double value = 0;
  std::optional<double> low;  // 95 % interval, where it was computed
  std::optional<double> high;
  double pass = 0;
  double fail = 0;
  bool higher_is_better = false;
  std::string verdict;
  std::string basis;  // "gallery of 24 slices of 6 patients; chance 4.2 %"
};

// A person of the site let codes leave, or the network be released, although an indicator did not
// pass: for this thing and this value only.
struct Exception {
  std::string about;  // digest of the encoded dataset or of the network
  std::string indicator;
  double value = 0;
  std::string reason;
  std::string signed_by;
  std::string record;  // leaf hash in the ledger
};
using Exceptions = std::vector<Exception>;

// A guided study: a person of the site let its mask decoder go to the trainer, under a policy that
// another one signed. Since then the trainer can read this site's masks.
struct DecoderConsent {
  std::uint64_t at = 0;  // its place in the ledger
  std::string signed_by, reason, record;
  std::string policy, policy_signed_by, policy_record;  // of the site, in force at that time
};

struct Gate {
  std::string verdict;  // the worst of its indicators
  std::string report;   // digest of the signed report
  std::string dataset;  // digest of the encoded dataset that was attacked
  std::vector<Indicator> indicators;
  Exceptions exceptions;
};

struct Upload {
  std::uint64_t bytes = 0;
  std::uint64_t shards = 0;
  double seconds = 0;
  std::string manifest;     // digest of what was released
  std::string released_by;  // the person who signed
};

// How well a site's probabilities say how often they are right.
struct Calibration {
  double ece = 0;  // expected calibration error, after the site's temperature
  double ece_uncalibrated = 0;
  double temperature = 1;
};

struct Site {
  std::string id;
  std::uint64_t cases = 0;     // volumes that can be used
  std::uint64_t patients = 0;  // whose they are
  std::uint64_t training = 0;  // patients by split
  std::uint64_t tuning = 0;
  std::uint64_t evaluation = 0;
  std::vector<Excluded> excluded;
  std::vector<JobTime> jobs;
  std::vector<Encoder> encoders;
  std::map<std::string, double> mask_ceiling;  // DSC by structure: what a mask keeps
  Gate gate;
  std::optional<DecoderConsent> decoder;  // nothing: the mask decoder did not leave
  Upload upload;
  std::string network;                // digest of the pooled network that was evaluated here
  std::vector<Indicator> membership;  // of that network, tried before its release
  Exceptions network_exceptions;
  std::optional<Calibration> calibration;
  std::optional<double> ef_error_percent;  // mean absolute error of ejection fractions, in points
};

// One structure at one site in one mode. Absent distances: no patient had the structure both in
// the prediction and in the reference.
struct Score {
  std::string mode;  // "adapted", ... or a baseline: "local-only"
  std::string site;
  std::string structure;
  double dsc = 0;
  std::optional<double> hd95_mm;
  std::optional<double> assd_mm;
  std::uint64_t patients = 0;
  std::uint64_t volumes = 0;
};

struct Pooled {
  std::string digest;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::uint64_t steps = 0;
  double seconds = 0;
  double final_loss = 0;
  Curve curve;
};

struct Stage {
  std::string name;   // "Enrolment", "Encoders", ...
  std::string plain;  // what happened in it
  double seconds = 0;
  std::uint64_t bytes = 0;  // on the loopback interface in that time, everything together
};

// The prediction of a new volume, and the walk back from it.
struct Prediction {
  std::string site;
  std::string file;    // relative to report.json
  std::string digest;  // SHA-256 of that file
  double seconds = 0;
  std::map<std::string, double> volume_ml;  // by structure
  std::uint64_t trace_records = 0;
  std::string closure_digest;
  std::vector<std::string> trace;  // one line a record, oldest last
};

struct Ledger {
  std::string origin;
  std::uint64_t records = 0;
  std::string root;        // base64, as in the checkpoint
  std::string checkpoint;  // the signed note, whole
  std::map<std::string, std::uint64_t> by_kind;
};

struct Verification {
  std::string verdict;  // "holds", "fails" or "not run"
  std::string bundle;   // folder, relative to report.json
  std::string command;
  std::vector<std::string> proved;
  std::vector<std::string> not_proved;
  std::vector<std::string> failed;
};

// What the network was asked to do, from the signed plan.
struct Study {
  std::string id;
  std::uint64_t version = 1;
  std::string title;
  std::string purpose;
  std::string legal_basis;
  std::string preset, encoder;
  std::string backbone;           // "none", "unet"
  bool own_segmentation = false;  // counts half in predictions and scores
  std::string pooling;
  bool mask_decoder_leaves = false;  // guided: the trainer can read the sites' masks
  std::string budget;
  std::string plan;                         // digest
  std::string phase;                        // "released", ...
  std::string released_by, release_reason;  // where it was: the reason that a warning asked for
  std::uint64_t quorum = 1;
  std::vector<std::string> structures;
  std::vector<std::string> sites;
  std::map<std::string, double> choices;  // the budget's numbers, by name
};

struct Report {
  Instant made_at;
  bool one_machine = false;  // a demo: one machine plays everyone
  std::string command;
  std::string data_source;                      // in words: "phantom made for this run"
  std::vector<std::string> caveats;             // what the reader must know, in sentences
  std::map<std::string, std::string> versions;  // "cloister", "libtorch", ...
  std::map<std::string, std::string> machine;   // "cores", "memory", ...
  std::map<std::string, std::uint64_t> seeds;   // published ones only: encoder seeds are secrets
  Study study;
  std::vector<Site> sites;
  std::vector<Score> scores;
  Pooled pooled;
  std::optional<Prediction> prediction;
  Ledger ledger;
  Verification verification;
  std::vector<Stage> stages;
  double seconds = 0;  // of the whole run
};

// Plain means over the sites' means, so that a large site does not drown a small one.
struct Mean {
  double dsc = 0;
  std::optional<double> hd95_mm;
  std::optional<double> assd_mm;
  std::uint64_t patients = 0;  // held-out patients behind it
};
[[nodiscard]] std::vector<std::string> modes_of(const Report& report);  // the study's own first
[[nodiscard]] std::optional<Mean> study_mean(const Report& report, const std::string& mode);
[[nodiscard]] std::optional<Mean> site_mean(const Report& report, const std::string& mode,
                                            const std::string& site);
// "pass", "warn", "fail" or "" (no gate ran): the worst over the sites.
[[nodiscard]] std::string worst_verdict(const Report& report);
// The exception with which a person of the site answered this indicator of the gate, or of the
// network's memory of its patients; null if none is for this very thing and value.
[[nodiscard]] const Exception* gate_exception(const Site& site, const Indicator& one);
[[nodiscard]] const Exception* network_exception(const Site& site, const Indicator& one);
// Whether each indicator of the gate passed or was answered so: else no codes may leave.
[[nodiscard]] bool may_leave(const Site& site);

// report.json: docs/report.schema.json is its schema. Indented, keys sorted.
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace cloister::report
