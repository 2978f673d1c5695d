// Enrolment tokens: what an invited person carries to the machine that joins (docs/homes.md).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "cli/homes.h"

namespace cloister::cli {

struct Token {
  Bytes secret;  // 32 bytes; the coordinator knows their hash only
  MemberId member;
  protocol::Role role = protocol::Role::site_agent;
  std::string site;
  std::string consortium;
  std::string log;
  std::string root;       // key id of the root key: where trust starts
  std::string enrolment;  // "host:port"
  std::string members;    // "host:port"
  CoordinatorKeys coordinator;
  Instant expires;
  friend bool operator==(const Token&, const Token&) = default;
};

[[nodiscard]] std::string to_text(const Token& token);
// "token.format" for a mistyped or cut token. Whether it is expired or used, only the coordinator
// can tell for sure.
[[nodiscard]] Result<Token> token_from_text(std::string_view text);
[[nodiscard]] Digest token_hash(const Token& token);

}  // namespace cloister::cli
