#include "report/report.h"

#include <algorithm>

namespace cloister::report {
namespace {

struct Sum {
  double total = 0;
  std::uint64_t count = 0;
  void add(double value) {
    total += value;
    ++count;
  }
  void add(const std::optional<double>& value) {
    if (value) add(*value);
  }
  [[nodiscard]] std::optional<double> mean() const {
    if (count == 0) return std::nullopt;
    return total / static_cast<double>(count);
  }
};

int severity(const std::string& verdict) {
  if (verdict == "fail") return 3;
  if (verdict == "warn") return 2;
  return verdict == "pass" ? 1 : 0;
}

}  // namespace

std::vector<std::string> modes_of(const Report& report) {
  std::vector<std::string> modes;
  const auto add = [&](const std::string& mode) {
    if (std::find(modes.begin(), modes.end(), mode) == modes.end()) modes.push_back(mode);
  };
  for (const Score& score : report.scores) {
    if (score.mode == report.study.preset) add(score.mode);
  }
  for (const Score& score : report.scores) add(score.mode);
  return modes;
}

std::optional<Mean> site_mean(const Report& report, const std::string& mode,
                              const std::string& site) {
  Sum dsc;
  Sum hd95;
  Sum assd;
  Mean mean;
  for (const Score& score : report.scores) {
    if (score.mode != mode || score.site != site || score.patients == 0) continue;
    dsc.add(score.dsc);
    hd95.add(score.hd95_mm);
    assd.add(score.assd_mm);
    mean.patients = std::max(mean.patients, score.patients);
  }
  if (dsc.count == 0) return std::nullopt;
  mean.dsc = *dsc.mean();
  mean.hd95_mm = hd95.mean();
  mean.assd_mm = assd.mean();
  return mean;
}

std::optional<Mean> study_mean(const Report& report, const std::string& mode) {
  Sum dsc;
  Sum hd95;
  Sum assd;
  Mean mean;
  for (const Site& site : report.sites) {
    const auto one = site_mean(report, mode, site.id);
    if (!one) continue;
    dsc.add(one->dsc);
    hd95.add(one->hd95_mm);
    assd.add(one->assd_mm);
    mean.patients += one->patients;
  }
  if (dsc.count == 0) return std::nullopt;
  mean.dsc = *dsc.mean();
  mean.hd95_mm = hd95.mean();
  mean.assd_mm = assd.mean();
  return mean;
}

std::string worst_verdict(const Report& report) {
  std::string worst;
  for (const Site& site : report.sites) {
    if (severity(site.gate.verdict) > severity(worst)) worst = site.gate.verdict;
  }
  return worst;
}

const Exception* exception_for(const Site& site, const std::string& indicator) {
  for (const Exception& one : site.gate.exceptions) {
    if (one.indicator == indicator) return &one;
  }
  return nullptr;
}

std::uint64_t exceptions_for_codes(const Site& site) {
  std::uint64_t count = 0;
  for (const Exception& one : site.gate.exceptions) {
    if (!one.indicator.starts_with("membership-")) ++count;
  }
  return count;
}

}  // namespace cloister::report
