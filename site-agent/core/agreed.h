// What people and policy of this site agreed to so far, and how what is asked now differs from it.
//
// The last approved version of each kind of job in each study is kept whole (its plan and its
// spec), so that `site show` can say what changed instead of making a person read everything again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "member/actions.h"
#include "member/record_outbox.h"
#include "member/study.h"
#include "protocol/work_messages.h"

namespace cloister::site_agent {

// One choice that differs: "plan.budget.views", "1", "4". Absent values are "(none)".
struct Change {
  std::string path;
  std::string before;
  std::string after;
  friend bool operator==(const Change&, const Change&) = default;
};
// Every leaf of the two documents that differs, by path. A text that is no JSON counts as empty.
[[nodiscard]] std::vector<Change> changes_between(std::string_view before_json,
                                                  std::string_view after_json);

struct Agreed {
  Digest spec_digest;
  std::uint32_t plan_version = 1;
  std::string plan_json;
  std::string spec_json;
};

class Agreements {
 public:
  // Keys "agreed/" of `stored` are its own.
  explicit Agreements(const member::Stored& stored);

  // The job was approved, by whomever. What is known already costs nothing.
  [[nodiscard]] member::Actions approved(const protocol::JobView& job, const member::Study& study);
  // A person of this site approved a job under this version of the study's plan.
  [[nodiscard]] member::Actions person_agreed(const StudyId& study, std::uint32_t plan_version);
  // Whether a person must look before the policy may approve: an amended plan is new to everybody.
  [[nodiscard]] bool needs_person(const member::Study& study) const;

  [[nodiscard]] const Agreed* last(const StudyId& study, std::string_view kind) const;

 private:
  std::map<std::pair<StudyId, std::string>, Agreed> last_;
  std::map<StudyId, std::uint32_t> by_person_;  // highest version of the plan
};

// For `show`: what changed against the last approved version, or that there is none yet.
[[nodiscard]] provenance::Json compared(const Agreements& agreements, const protocol::JobView& job,
                                        const member::Study& study);

}  // namespace cloister::site_agent
