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

const Exception* find_exception(const Exceptions& all, const std::string& about,
                                const Indicator& one) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Exception& by) {
    return !about.empty() && by.about == about && by.indicator == one.name && by.value == one.value;
  });
  return found == all.end() ? nullptr : &*found;
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

const Exception* gate_exception(const Site& site, const Indicator& one) {
  return find_exception(site.gate.exceptions, site.gate.dataset, one);
}

const Exception* network_exception(const Site& site, const Indicator& one) {
  return find_exception(site.network_exceptions, site.network, one);
}

bool may_leave(const Site& site) {
  const auto& all = site.gate.indicators;
  return !all.empty() && std::all_of(all.begin(), all.end(), [&](const Indicator& one) {
    return one.verdict == "pass" || gate_exception(site, one) != nullptr;
  });
}

}  // namespace cloister::report
