// `cloister study watch`: the same picture again and again, on a terminal in place; for scripts a
// JSON line for each change.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/study.h"

namespace cloister::cli {
namespace {

constexpr Duration look_again{1'000};

bool is_over(const provenance::Json& study) {
  const std::string phase = provenance::text_or_empty(study, "phase");
  return phase == "released" || phase == "closed";
}

}  // namespace

Result<Answer> watch_study(Seat& seat, const std::string& study, bool json) {
  const bool in_place = !json && isatty(STDOUT_FILENO) != 0;
  std::string last;
  while (true) {
    auto status = study_status(seat, study);
    if (!status) return status;
    auto jobs = study_jobs(seat, study);
    if (!jobs) return jobs;
    const std::string picture =
        json ? to_jcs(provenance::Json().set("study", status->json).set("jobs", jobs->json)) + '\n'
             : status->text + jobs->text;
    if (picture != last) {
      fmt::print("{}{}", in_place ? "\x1b[H\x1b[2J" : "", picture);
      std::fflush(stdout);
      last = picture;
    }
    if (is_over(status->json)) {
      status->text.clear();
      if (json) status->json = provenance::Json();  // said already
      return status;
    }
    seat.line->loop().run_until([] { return false; }, look_again);
  }
}

}  // namespace cloister::cli
