// A site's own report: what only the site may see. Names of cases, values of single patients, and
// pictures of them; so it is written at the site, from the site's own files, and goes nowhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "report/artwork.h"
#include "report/report.h"

namespace cloister::report {

struct UsedCase {
  std::string id;
  std::string patient;
  std::string split;  // "train", "tune" or "test"
  std::string phase;  // "ED", "ES" or "none"
  std::uint64_t slices = 0;
};

struct LeftOutCase {
  std::string id;
  std::string code;  // docs/errors.md
  std::string reason;
};

struct CaseScore {
  std::string id;
  std::string structure;
  double dsc = 0;
  double hd95_mm = 0;
  double assd_mm = 0;
  double predicted_ml = 0;
  double reference_ml = 0;
};

struct SiteReport {
  std::string site;
  std::string study;
  Instant made_at;
  std::vector<UsedCase> used;
  std::vector<LeftOutCase> left_out;
  std::vector<std::string> warnings;
  std::vector<CaseScore> scores;
  std::vector<Indicator> gate;    // `plain` is the attack's own sentence
  std::vector<Overlay> pictures;  // groups "overlay", "leak" and "preview"
};

// One self-contained page.
[[nodiscard]] std::string to_html(const SiteReport& report);
// The same facts for scripts, pictures by title only.
[[nodiscard]] std::string to_json(const SiteReport& report);

}  // namespace cloister::report
