#include "cli/token.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

constexpr std::string_view prefix = "cloister1-";
constexpr std::size_t check_bytes = 4;

tl::unexpected<Error> bad_token() {
  return fail(Kind::invalid, "token.format",
              "This is no enrolment token, or a part of it was lost on the way.",
              "Copy the whole line that `cloister consortium invite` printed, from 'cloister1-'.");
}

Bytes checked(std::string_view json) {
  Bytes bytes = to_bytes(json);
  const Digest digest = crypto::sha256(bytes);
  append(bytes, digest.view().first(check_bytes));
  return bytes;
}

Result<Token> token_from_json(const Json& json) {
  Token token;
  auto secret = from_hex(text_or_empty(json, "secret"));
  auto member = MemberId::parse(text_or_empty(json, "member"));
  auto role = protocol::role_from_text(text_or_empty(json, "role"));
  auto expires = instant_from_rfc3339(text_or_empty(json, "expires"));
  const Json* keys = json.find("coordinator");
  if (!secret || secret->size() != 32 || !member || !role || !expires || keys == nullptr) {
    return bad_token();
  }
  auto coordinator = MemberId::parse(text_or_empty(*keys, "member"));
  const auto sign = from_hex(text_or_empty(*keys, "sign"));
  const auto curve = from_hex(text_or_empty(*keys, "curve"));
  if (!coordinator || !sign || !curve) return bad_token();
  const auto sign_key = crypto::public_key_from_bytes(*sign);
  const auto curve_key = crypto::curve_public_key_from_bytes(*curve);
  if (!sign_key || !curve_key) return bad_token();
  token.secret = std::move(*secret);
  token.member = *member;
  token.role = *role;
  token.site = text_or_empty(json, "site");
  token.consortium = text_or_empty(json, "consortium");
  token.log = text_or_empty(json, "log");
  token.root = text_or_empty(json, "root");
  token.enrolment = text_or_empty(json, "enrolment");
  token.members = text_or_empty(json, "members");
  token.coordinator = {*coordinator, *sign_key, *curve_key};
  token.expires = *expires;
  return token;
}

}  // namespace

std::string to_text(const Token& token) {
  const Json json =
      Json::object()
          .set("secret", to_hex(token.secret))
          .set("member", token.member.text())
          .set("role", protocol::to_string(token.role))
          .set("site", token.site)
          .set("consortium", token.consortium)
          .set("log", token.log)
          .set("root", token.root)
          .set("enrolment", token.enrolment)
          .set("members", token.members)
          .set("coordinator", Json::object()
                                  .set("member", token.coordinator.member.text())
                                  .set("sign", to_hex(token.coordinator.sign.view()))
                                  .set("curve", to_hex(token.coordinator.curve.view())))
          .set("expires", to_rfc3339(token.expires));
  std::string text = to_base64(checked(to_jcs(json)));
  while (!text.empty() && text.back() == '=') text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return std::string(prefix) + text;
}

Result<Token> token_from_text(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (!text.starts_with(prefix) || text.size() > 4096) return bad_token();
  auto bytes = from_base64_any(text.substr(prefix.size()));
  if (!bytes || bytes->size() <= check_bytes) return bad_token();
  const std::string json(as_text(BytesView(*bytes).first(bytes->size() - check_bytes)));
  if (checked(json) != *bytes) return bad_token();
  auto parsed = provenance::parse_json(json);
  if (!parsed) return bad_token();
  return token_from_json(*parsed);
}

Digest token_hash(const Token& token) { return crypto::sha256(token.secret); }

}  // namespace cloister::cli
