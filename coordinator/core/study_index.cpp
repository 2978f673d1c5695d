#include "coordinator/core/study_index.h"

#include <algorithm>

namespace cloister::coordinator {

void StudyIndex::add(const Study& study) {
  for (const std::string& site : study.plan().sites) by_site_[site].insert(study.id());
  by_person_[study.plan().owner].insert(study.id());
  by_person_[study.plan().trainer].insert(study.id());
}

void StudyIndex::touched(const Study& study) {
  const std::uint64_t version = study.version_for("");
  newest_ = std::max(newest_, version);
  for (const std::string& person : {study.plan().owner, study.plan().trainer}) {
    std::uint64_t& newest = newest_by_person_[person];
    newest = std::max(newest, version);
  }
}

std::uint64_t StudyIndex::newest_of(const MemberId& member) const {
  const auto found = newest_by_person_.find(member.text());
  return found == newest_by_person_.end() ? 0 : found->second;
}

std::vector<StudyId> StudyIndex::of(const std::string& site, const MemberId& member) const {
  std::set<StudyId> all;
  if (const auto found = by_site_.find(site); !site.empty() && found != by_site_.end())
    all = found->second;
  if (const auto found = by_person_.find(member.text()); found != by_person_.end())
    all.insert(found->second.begin(), found->second.end());
  return {all.begin(), all.end()};
}

StudyId StudyIndex::of_job(const JobId& job) const {
  const auto found = by_job_.find(job);
  return found == by_job_.end() ? StudyId{} : found->second;
}

StudyId StudyIndex::of_shard(const Digest& shard) const {
  const auto found = by_shard_.find(shard);
  return found == by_shard_.end() ? StudyId{} : found->second;
}

}  // namespace cloister::coordinator
