// Polls that are held back until there is something to say: one a member.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace cloister::coordinator {

struct HeldPoll {
  std::uint64_t token = 0;
  MemberId member;
  std::string site;  // of the member; empty: none
  std::uint64_t seen_version = 0;
  std::uint64_t head_size = 0;  // last checkpoint the member verified
  Instant answer_by;
};

class Polls {
 public:
  // The poll it replaces, which must be answered too (its connection may be gone).
  [[nodiscard]] std::optional<HeldPoll> hold(HeldPoll poll);
  [[nodiscard]] std::vector<HeldPoll> take_due(Instant now);
  [[nodiscard]] std::optional<HeldPoll> take(const MemberId& member);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  [[nodiscard]] const std::set<MemberId>& at_site(const std::string& site) const;
  [[nodiscard]] const std::map<MemberId, HeldPoll>& held() const { return held_; }

 private:
  std::map<MemberId, HeldPoll> held_;
  std::set<std::pair<Instant, MemberId>> by_time_;  // the same polls
  std::map<std::string, std::set<MemberId>> by_site_;
};

}  // namespace cloister::coordinator
