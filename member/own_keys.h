// A member process's own keys: rotation by its present key, and the end of the former one, for an
// agent and a trainer alike. The next keys themselves are made and kept by `cloister site rotate`
// and `cloister trainer rotate`; here their records are signed.
//
//   asked     details of key.rotated, or which former key ends     records are drafted
//   heard     the ledger has the record, or refused it             the person is answered
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "member/actions.h"
#include "member/link.h"
#include "provenance/json.h"

namespace cloister::member {

class OwnKeys {
 public:
  // `verb` is "rotate" or "retire" (docs/protocol.md, "Control socket"). A record that is in the
  // ledger already is answered at once, so asking twice is harmless. Errors, told to the person:
  // "rotate.member", "rotate.former", "rotate.record", or what the ledger refused it with.
  [[nodiscard]] Actions asked(Link& link, const PersonAsked& question, Instant now);
  [[nodiscard]] Actions heard(const Heard& heard);

 private:
  std::map<std::string, std::uint64_t> waiting_;  // question by name of the record it waits for
};

// `keys` of a member's status: fingerprint, since, renew_by, renew_now, former. Empty before the
// membership is known.
[[nodiscard]] provenance::Json keys_json(const Link& link, Instant now);
// `member`, `site`, `halted`, `last_heard` and what else a status says of any member's line.
[[nodiscard]] provenance::Json line_json(const Link& link);

}  // namespace cloister::member
