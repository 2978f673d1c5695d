// Where to look: so that an event costs what it concerns and not what the consortium has grown to.
//
// Everything here can be derived from the studies and their records; it only points.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/study.h"

namespace cloister::coordinator {

class StudyIndex {
 public:
  // The study was opened or amended: sites that left a plan stay listed, whoever asks looks again.
  void add(const Study& study);
  // Something in it changed.
  void touched(const Study& study);
  void add_job(const JobId& job, const StudyId& study) { by_job_[job] = study; }
  void add_shard(const Digest& shard, const StudyId& study) { by_shard_[shard] = study; }

  // Studies that name this site in their plan, and those that this member owns or trains.
  [[nodiscard]] std::vector<StudyId> of(const std::string& site, const MemberId& member) const;
  // The newest change in any study: of all, and of those that this member owns or trains.
  [[nodiscard]] std::uint64_t newest() const { return newest_; }
  [[nodiscard]] std::uint64_t newest_of(const MemberId& member) const;
  // Empty if unknown.
  [[nodiscard]] StudyId of_job(const JobId& job) const;
  [[nodiscard]] StudyId of_shard(const Digest& shard) const;

  friend bool operator==(const StudyIndex&, const StudyIndex&) = default;

 private:
  friend struct FoldFields;  // writes it down and reads it again
  std::map<std::string, std::set<StudyId>> by_site_;
  std::map<std::string, std::set<StudyId>> by_person_;  // owner and trainer
  std::map<std::string, std::uint64_t> newest_by_person_;
  std::uint64_t newest_ = 0;
  std::map<JobId, StudyId> by_job_;
  std::map<Digest, StudyId> by_shard_;
};

}  // namespace cloister::coordinator
