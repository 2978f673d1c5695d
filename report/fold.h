// How each kind of record changes a report. Private to this room.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "provenance/ledger.h"
#include "provenance/record.h"
#include "report/report.h"

namespace cloister::report {

[[nodiscard]] Indicator indicator_from(const provenance::Json& json);
[[nodiscard]] double number_or(const provenance::Json& json, std::string_view key, double fallback);
[[nodiscard]] std::uint64_t count_or(const provenance::Json& json, std::string_view key,
                                     std::uint64_t fallback);
// The site's entry, made at its first mention.
[[nodiscard]] Site& site_of(Report& report, const std::string& id);

// Jobs from their offer to their product.
struct JobStory {
  JobTime time;
  std::string site;
  Instant begun;  // offered, then approved
  Instant ended;
};
using Jobs = std::map<std::string, JobStory>;
void fold_job(Jobs& jobs, const provenance::Record& record);
void close_jobs(Report& report, const Jobs& jobs);

void fold_data(Report& report, const provenance::Record& record);
void fold_encoder(Report& report, const provenance::Record& record);
void fold_dataset(Report& report, const provenance::Record& record);
void fold_gate(Report& report, const provenance::Record& record);
// `networks`: those that the study made so far. An exception for one of them is about that network,
// any other about codes.
void fold_permit(Report& report, const std::set<Digest>& networks,
                 const provenance::StoredRecord& stored);
// Policies are no records of a study: once the study is folded, in the ledger's order.
void fold_policy(Report& report, const provenance::StoredRecord& stored);
void fold_sent(Report& report, const provenance::Record& record);
void fold_evaluation(Report& report, const provenance::Record& record);
// The gate's words and its worst verdict, once all is read.
void finish_gates(Report& report);

}  // namespace cloister::report
