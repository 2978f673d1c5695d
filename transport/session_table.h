// Which session of each member is the live one, and how far its counter has come. Pure.
//
//   state of a member   event                              next
//   no session          open                               offered (nonce A)
//   live X              open                               live X, offered A
//   live X, offered A   open                               live X, offered B     (A is forgotten)
//   live X, offered A   message under A, counter >= 1      live A                (X is closed)
//   live X, offered A   message under X, higher counter    live X, offered A
//   any                 message under another session      refused session.unknown
//   live X              message under X, counter <= last   refused session.replayed
//
// Why a new session takes over only with its first signed message: its nonce is fresh, so that
// message proves a living holder of the signing key. A replayed OpenSession proves nothing and
// therefore closes nothing. Everything lives in memory: after a restart every session is unknown,
// and a recorded message is worth nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace cloister::transport {

class SessionTable {
 public:
  // `nonce`: limits::nonce_bytes fresh random bytes.
  void offer(const MemberId& member, Bytes nonce);

  struct Accepted {
    bool took_over = false;  // an older session was closed by this message
  };
  // To be called only for messages whose signature was checked.
  [[nodiscard]] Result<Accepted> accept(const MemberId& member, BytesView session,
                                        std::uint64_t counter);
  // A revoked member's sessions.
  void close(const MemberId& member);
  [[nodiscard]] bool is_live(const MemberId& member, BytesView session) const;
  [[nodiscard]] std::size_t size() const { return members_.size(); }

 private:
  struct Sessions {
    Bytes live;     // empty: none
    Bytes offered;  // empty: none
    std::uint64_t last_counter = 0;
  };
  std::map<MemberId, Sessions> members_;
};

}  // namespace cloister::transport
