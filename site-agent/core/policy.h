// What a site allows, as its administrator wrote it (policy.toml) and signed it.
//
// The policy can approve known kinds of jobs by itself; never what leaves the site, never a warning
// of the gate, never an exception: there is no setting for these. Its limits hold whatever a person
// or the coordinator says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "base/time.h"
#include "member/study.h"
#include "protocol/work_messages.h"

namespace cloister::site_agent {

// Hours of the day (UTC) in which workers may run; equal: always. May pass midnight.
struct WorkingHours {
  int from_minute = 0;
  int to_minute = 0;
  friend bool operator==(const WorkingHours&, const WorkingHours&) = default;
};

struct SitePolicy {
  Digest digest;                       // SHA-256 of the file's bytes
  std::string text;                    // the file, for the policy.published record
  std::vector<std::string> studies;    // ids; "*": any
  std::vector<std::string> purposes;   // exact texts; empty: any
  std::vector<std::string> automatic;  // kinds of job approved without a person
  bool amendments_automatic = false;   // an amended plan needs no person's look
  bool standing_predictions = false;   // a steward's standing permit may let prediction codes out
  std::uint64_t cases_min = 2;
  std::uint64_t leave_bytes_max = 8ULL << 30;  // sealed bytes that may leave for one study
  std::uint64_t leave_cases_max = 10'000;      // shards that may leave for one study
  std::uint64_t prediction_cases_max = 1'000;  // of them for predictions on demand
  bool mask_decoder_leaves = false;  // may a guided study's trainer get this site's mask decoder?
  std::vector<std::string> indicators_required;  // must pass; no exception is accepted
  WorkingHours hours;
  std::uint64_t memory_bytes_max = 0;  // of a worker; 0: no limit
  std::uint64_t cpu_seconds_max = 0;
  std::uint64_t disk_bytes_max = 0;  // of this agent's home; 0: no limit
  std::uint64_t upload_bytes_per_second = 0;
  std::uint32_t threads = 0;         // 0: as many as there are
  bool gpu = true;                   // may workers compute on a GPU (`device` of agent.toml)?
  double gpu_memory_share = 1.0;     // of that GPU's memory, for one worker; 1: no limit
  std::string data_layout = "auto";  // for people: workers find out themselves
  std::string data_centre;           // of an M&Ms folder: which centre is this site
  // Cases and patients that are taken back, by their names at home. From a file of its own, never
  // part of `text`: that is published.
  std::vector<std::string> withdrawn;
  std::string data_root;  // read-only for us
  friend bool operator==(const SitePolicy&, const SitePolicy&) = default;
};

// Allowed by itself, or whose decision it is and why.
enum class Ruling : int { automatic = 1, person = 2, never = 3 };
struct Decision {
  Ruling ruling = Ruling::person;
  std::string why;  // for people, one sentence
};
// `published`: the policy is signed by a site-admin and in the ledger; before that nothing is
// automatic.
[[nodiscard]] Decision decide(const SitePolicy& policy, bool published, const member::Study& study,
                              const protocol::JobView& job);

// Whether workers may start now, and when the answer changes.
[[nodiscard]] bool is_within(const WorkingHours& hours, Instant now);
[[nodiscard]] Instant next_opening(const WorkingHours& hours, Instant now);

}  // namespace cloister::site_agent
