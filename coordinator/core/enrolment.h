// Invitations and newcomers.
//
//   state      event                                   next
//   (none)     Invite by a consortium administrator    invited (only the token's hash is kept)
//   invited    Enrol with the secret, in time          pending: keys held, proof checked
//   pending    Enrol again, same keys                  pending: "whose move it is"
//   pending    Enrol again, other keys                 refused: a token is used once
//   pending    an active member's next keys, vouched   rotate: it signs key.rotated itself
//   pending    key.bound or key.rotated with these     enrolled
//   enrolled   Enrol again                             enrolled: membership envelopes again
//   invited    its time passes                         gone
//
// The token's life bounds its first use only: once its keys are held, people may take days to
// approve. Kept durable as JSON (to_json), so a restart forgets no invitation.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "coordinator/core/membership.h"
#include "protocol/session_messages.h"

namespace cloister::coordinator {

// Open invitations and pending newcomers together.
inline constexpr std::size_t enrolments_max = 4096;

class Enrolment {
 public:
  [[nodiscard]] Result<void> invite(const protocol::Invite& invite, const Membership& membership,
                                    Instant now);
  // The state to answer with; `membership` envelopes are the caller's to add. `changed` says that
  // to_json() must be made durable before the answer.
  struct Answer {
    protocol::EnrolmentState state;
    bool changed = false;
  };
  [[nodiscard]] Result<Answer> enrol(const protocol::Enrol& enrol, const Membership& membership,
                                     Instant now);
  [[nodiscard]] std::vector<protocol::PendingEnrolment> pending(const Membership& membership) const;
  // Drops what is past its time or has become a member for longer than a token lives.
  void forget_old(Instant now);

  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] static Result<Enrolment> from_json(std::string_view json);
  friend bool operator==(const Enrolment&, const Enrolment&) = default;

 private:
  struct Entry {
    protocol::Invite invite;
    bool used = false;
    protocol::MemberKeys keys;  // once used
    Bytes possession;           // for whoever writes key.bound
    Instant asked;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::map<Digest, Entry> entries_;  // by token hash
};

}  // namespace cloister::coordinator
