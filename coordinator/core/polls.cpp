#include "coordinator/core/polls.h"

#include <algorithm>

namespace cloister::coordinator {

std::optional<HeldPoll> Polls::hold(HeldPoll poll) {
  auto replaced = take(poll.member);
  const MemberId member = poll.member;
  by_time_.emplace(poll.answer_by, member);
  by_site_[poll.site].insert(member);
  held_.emplace(member, std::move(poll));
  return replaced;
}

std::vector<HeldPoll> Polls::take_due(Instant now) {
  std::vector<HeldPoll> due;
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    const MemberId member = by_time_.begin()->second;
    due.push_back(*take(member));
  }
  return due;
}

std::optional<HeldPoll> Polls::take(const MemberId& member) {
  const auto found = held_.find(member);
  if (found == held_.end()) return std::nullopt;
  HeldPoll poll = std::move(found->second);
  by_time_.erase({poll.answer_by, member});
  held_.erase(found);
  const auto site = by_site_.find(poll.site);
  site->second.erase(member);
  if (site->second.empty()) by_site_.erase(site);
  return poll;
}

const std::set<MemberId>& Polls::at_site(const std::string& site) const {
  static const std::set<MemberId> none;
  const auto found = by_site_.find(site);
  return found == by_site_.end() ? none : found->second;
}

std::optional<Instant> Polls::next_deadline() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

}  // namespace cloister::coordinator
