#include <catch2/catch.hpp>

#include "cli/token.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "crypto/start.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

Token a_token() {
  REQUIRE(crypto::start());
  crypto::SeededEntropy entropy(5);
  const auto coordinator = crypto::public_part(
      crypto::generate_identity(MemberId::trusted("coordinator"), "coordinator", entropy));
  Token token;
  token.secret = entropy.bytes(32);
  token.member = MemberId::trusted("site-a-agent");
  token.role = protocol::Role::site_agent;
  token.site = "site-a";
  token.consortium = "heart";
  token.log = "cloister/heart";
  token.root = std::string(64, 'a');
  token.enrolment = "127.0.0.1:7011";
  token.members = "127.0.0.1:7010";
  token.coordinator = {coordinator.id, coordinator.sign, coordinator.curve};
  token.expires = Instant(1'795'428'000'000);
  return token;
}

}  // namespace

TEST_CASE("a token is one line that reads back to what it was", "[cli]") {
  const Token token = a_token();
  const std::string text = to_text(token);
  CHECK(text.starts_with("cloister1-"));
  CHECK(text.find_first_of(" \n=+/") == std::string::npos);
  const auto back = token_from_text(text + "\n");
  REQUIRE(back);
  CHECK(*back == token);
}

TEST_CASE("a mistyped, cut or foreign token is told from a good one before anything is sent",
          "[cli]") {
  const std::string text = to_text(a_token());
  for (std::size_t at : {std::size_t{12}, text.size() / 2, text.size() - 1}) {
    std::string wrong = text;
    wrong[at] = wrong[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(token_from_text(wrong));
  }
  for (const std::string& wrong : {text.substr(0, text.size() - 3), text.substr(10),
                                   std::string("cloister1-"), std::string()}) {
    const auto read = token_from_text(wrong);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == "token.format");
  }
}

TEST_CASE("only the hash of a token's secret is for the coordinator", "[cli]") {
  const Token token = a_token();
  CHECK(to_hex(token_hash(token)) != to_hex(token.secret));
  CHECK_FALSE(token_hash(token).is_zero());
}
