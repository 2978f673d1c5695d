#include "transport/session_table.h"

#include <algorithm>

#include "base/ensure.h"
#include "protocol/limits.h"

namespace cloister::transport {
namespace {

bool same(BytesView a, BytesView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace

void SessionTable::offer(const MemberId& member, Bytes nonce) {
  ensure(nonce.size() == protocol::limits::nonce_bytes, "a session nonce has 16 bytes");
  members_[member].offered = std::move(nonce);
}

Result<SessionTable::Accepted> SessionTable::accept(const MemberId& member, BytesView session,
                                                    std::uint64_t counter) {
  const auto found = members_.find(member);
  const bool known = found != members_.end() && !session.empty();
  if (known && same(session, found->second.live)) {
    if (counter <= found->second.last_counter) {
      return fail(Kind::stale, "session.replayed",
                  "A message of this session came with a counter that was used before.",
                  "The client opens a new session by itself; if this repeats, two programs may be "
                  "using the same key.");
    }
    found->second.last_counter = counter;
    return Accepted{false};
  }
  if (known && counter > 0 && same(session, found->second.offered)) {
    const bool took_over = !found->second.live.empty();
    found->second = Sessions{.live = std::move(found->second.offered), .last_counter = counter};
    return Accepted{took_over};
  }
  return fail(
      Kind::stale, "session.unknown", "This session is closed or was never opened.",
      "The client opens a new session by itself; if this repeats, two programs may be using "
      "the same key.");
}

void SessionTable::close(const MemberId& member) { members_.erase(member); }

bool SessionTable::is_live(const MemberId& member, BytesView session) const {
  const auto found = members_.find(member);
  return found != members_.end() && !session.empty() && same(session, found->second.live);
}

}  // namespace cloister::transport
