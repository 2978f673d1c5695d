#include "site-agent/core/policy.h"

#include <algorithm>

#include "protocol/jobs.h"

namespace cloister::site_agent {
namespace {

bool names(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr std::int64_t minutes_per_day = 24 * 60;

std::int64_t minute_of_day(Instant now) {
  const std::int64_t minutes = now.unix_seconds() / 60;
  return ((minutes % minutes_per_day) + minutes_per_day) % minutes_per_day;
}

}  // namespace

Decision decide(const SitePolicy& policy, bool published, const member::Study& study,
                const protocol::JobView& job) {
  const std::string& id = study.plan.study.text();
  if (!names(policy.studies, "*") && !names(policy.studies, id)) {
    return {Ruling::never, fmt::format("The site's policy does not allow study '{}'.", id)};
  }
  if (!policy.purposes.empty() && !names(policy.purposes, study.plan.purpose)) {
    return {Ruling::never, "The site's policy does not allow the purpose of this study."};
  }
  if (study.plan.mask_decoder_leaves && !policy.mask_decoder_leaves) {
    return {Ruling::never,
            "The study is guided: its trainer would get this site's mask decoder and could read "
            "its masks. The site's policy does not allow that (mask_decoder_leaves)."};
  }
  const auto kind = protocol::job_kind(job.kind);
  if (!kind) return {Ruling::never, kind.error().what};
  if (kind->leaves_site) {
    return {Ruling::person, "Data would leave the site: a data steward decides."};
  }
  if (!names(policy.automatic, job.kind)) {
    return {Ruling::person, fmt::format("The policy leaves '{}' to a person.", job.kind)};
  }
  if (!published) {
    return {Ruling::person,
            "The policy is not signed by a site administrator yet, so it decides nothing."};
  }
  return {Ruling::automatic, fmt::format("The site's policy approves '{}'.", job.kind)};
}

bool is_within(const WorkingHours& hours, Instant now) {
  if (hours.from_minute == hours.to_minute) return true;
  const std::int64_t minute = minute_of_day(now);
  if (hours.from_minute < hours.to_minute) {
    return minute >= hours.from_minute && minute < hours.to_minute;
  }
  return minute >= hours.from_minute || minute < hours.to_minute;
}

Instant next_opening(const WorkingHours& hours, Instant now) {
  if (is_within(hours, now)) return now;
  const std::int64_t wait =
      (hours.from_minute - minute_of_day(now) + minutes_per_day) % minutes_per_day;
  const std::int64_t whole_minute = now.unix_seconds() / 60 * 60'000;
  return Instant(whole_minute) + Duration(wait * 60'000);
}

}  // namespace cloister::site_agent
