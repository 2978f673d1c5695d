#include "cli/homes.h"

#include "base/file.h"
#include "config/fields.h"
#include "provenance/json.h"

namespace cloister::cli {
namespace {

using provenance::Json;

constexpr std::string_view membership_format = "cloister-membership/1";
constexpr std::string_view genesis_format = "cloister-genesis/1";

Result<Json> envelopes_json(const std::vector<Bytes>& envelopes) {
  Json array = Json::array();
  for (const Bytes& envelope : envelopes) {
    auto json = provenance::parse_json(as_text(envelope));
    if (!json) return pass(json);
    array.push(std::move(*json));
  }
  return array;
}

Result<std::vector<Bytes>> envelopes_from(const Json& document, const std::filesystem::path& path) {
  const Json* array = document.find("envelopes");
  if (array == nullptr || array->items() == nullptr) {
    return fail(Kind::corrupt, "home.format", fmt::format("{} lists no envelopes.", path.string()),
                "Restore it from a copy, or enrol again.");
  }
  std::vector<Bytes> envelopes;
  for (const Json& envelope : *array->items()) envelopes.push_back(to_bytes(to_jcs(envelope)));
  return envelopes;
}

Result<Json> load_json(const std::filesystem::path& path, std::string_view format) {
  auto text = read_text(path, 16U << 20);
  if (!text) return pass(text);
  auto json = provenance::parse_json(*text, {.bytes_max = 16U << 20, .depth_max = 16});
  if (!json) return pass(json);
  if (provenance::text_or_empty(*json, "format") != format) {
    return fail(Kind::corrupt, "home.format",
                fmt::format("{} is no {} file.", path.string(), format),
                "Give the folder that `cloister` made at enrolment.");
  }
  return json;
}

Json keys_json(const CoordinatorKeys& keys) {
  return Json::object()
      .set("member", keys.member.text())
      .set("sign", to_hex(keys.sign.view()))
      .set("curve", to_hex(keys.curve.view()));
}

Result<CoordinatorKeys> keys_from(const Json& document) {
  const Json* keys = document.find("coordinator");
  const Json none;
  const Json& from = keys == nullptr ? none : *keys;
  const auto member = MemberId::parse(provenance::text_or_empty(from, "member"));
  const auto sign = from_hex(provenance::text_or_empty(from, "sign"));
  const auto curve = from_hex(provenance::text_or_empty(from, "curve"));
  if (!member || !sign || !curve) {
    return fail(Kind::corrupt, "home.format", "The coordinator's keys are missing or damaged.",
                "Restore the file from a copy, or enrol again.");
  }
  auto sign_key = crypto::public_key_from_bytes(*sign);
  if (!sign_key) return pass(sign_key);
  auto curve_key = crypto::curve_public_key_from_bytes(*curve);
  if (!curve_key) return pass(curve_key);
  return CoordinatorKeys{*member, *sign_key, *curve_key};
}

Result<void> save_json(const std::filesystem::path& path, const Json& json) {
  return write_text(path, to_pretty(json) + "\n");
}

}  // namespace

Result<void> save_membership(const std::filesystem::path& path, const MembershipFile& membership) {
  auto envelopes = envelopes_json(membership.envelopes);
  if (!envelopes) return pass(envelopes);
  return save_json(path, Json::object()
                             .set("format", membership_format)
                             .set("consortium", membership.consortium)
                             .set("log", membership.log)
                             .set("root", membership.root)
                             .set("member", membership.member.text())
                             .set("role", protocol::to_string(membership.role))
                             .set("site", membership.site)
                             .set("coordinator", keys_json(membership.coordinator))
                             .set("envelopes", std::move(*envelopes)));
}

Result<MembershipFile> load_membership(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return fail(Kind::not_found, "home.not_joined",
                fmt::format("'{}' is no member's folder: membership.json is not there.",
                            path.parent_path().string()),
                "Name your own folder, or join first: cloister consortium join TOKEN --home "
                "FOLDER.");
  }
  auto json = load_json(path, membership_format);
  if (!json) return pass(json);
  MembershipFile file;
  file.consortium = provenance::text_or_empty(*json, "consortium");
  file.log = provenance::text_or_empty(*json, "log");
  file.root = provenance::text_or_empty(*json, "root");
  file.site = provenance::text_or_empty(*json, "site");
  auto member = MemberId::parse(provenance::text_or_empty(*json, "member"));
  if (!member) return pass(member);
  file.member = *member;
  auto role = protocol::role_from_text(provenance::text_or_empty(*json, "role"));
  if (!role) return pass(role);
  file.role = *role;
  auto keys = keys_from(*json);
  if (!keys) return pass(keys);
  file.coordinator = *keys;
  auto envelopes = envelopes_from(*json, path);
  if (!envelopes) return pass(envelopes);
  file.envelopes = std::move(*envelopes);
  return file;
}

Result<void> save_genesis(const std::filesystem::path& path, const Genesis& genesis) {
  auto envelopes = envelopes_json(genesis.envelopes);
  if (!envelopes) return pass(envelopes);
  return save_json(path, Json::object()
                             .set("format", genesis_format)
                             .set("consortium", genesis.consortium)
                             .set("log", genesis.log)
                             .set("root", genesis.root)
                             .set("envelopes", std::move(*envelopes)));
}

Result<Genesis> load_genesis(const std::filesystem::path& path) {
  auto json = load_json(path, genesis_format);
  if (!json) return pass(json);
  auto envelopes = envelopes_from(*json, path);
  if (!envelopes) return pass(envelopes);
  return Genesis{provenance::text_or_empty(*json, "consortium"),
                 provenance::text_or_empty(*json, "log"), provenance::text_or_empty(*json, "root"),
                 std::move(*envelopes)};
}

Result<void> save_connection(const std::filesystem::path& home,
                             const PersonConnection& connection) {
  return write_text(
      home / "connection.toml",
      fmt::format("coordinator = {}\nenrolment = {}\nkey = {}\n", toml_text(connection.coordinator),
                  toml_text(connection.enrolment), toml_text(connection.key.string())));
}

Result<PersonConnection> load_connection(const std::filesystem::path& home) {
  auto document = config::Document::from_file(home / "connection.toml");
  if (!document) return pass(document);
  PersonConnection connection;
  connection.coordinator = document->root().required_text("coordinator");
  connection.enrolment = document->root().text("enrolment", "");
  connection.key = document->root().required_path("key");
  if (auto checked = document->check(); !checked) return pass(checked);
  return connection;
}

Result<void> save_process_config(const std::filesystem::path& home, const ProcessConfig& config) {
  std::string text = fmt::format(
      "# Where to dial. This process opens no port of its own.\n"
      "coordinator = {}\n\n"
      "identity = \"identity.key\"\npassphrase_file = \"passphrase\"\n"
      "membership = \"membership.json\"\n",
      toml_text(config.coordinator));
  if (config.has_policy) text += "policy = \"policy.toml\"\n";
  text += fmt::format(
      "# A name is looked for beside the program, then on PATH; a path is taken as it is.\n"
      "worker = {}\n",
      toml_text(config.worker));
  if (config.device != "cpu") text += fmt::format("device = {}\n", toml_text(config.device));
  return write_text(home / config.file_name, text);
}

Result<void> save_coordinator_config(const std::filesystem::path& home,
                                     const CoordinatorConfig& config) {
  return write_text(home / "coordinator.toml",
                    fmt::format("# Where members dial, and where newcomers do.\n"
                                "members = {}\nenrolment = {}\n\n"
                                "identity = \"identity.key\"\npassphrase_file = \"passphrase\"\n"
                                "genesis = \"genesis.json\"\n\n"
                                "# Sealed shards of all studies together.\n"
                                "blob_quota = \"100 GiB\"\n",
                                toml_text(config.members), toml_text(config.enrolment)));
}

Result<CoordinatorConfig> load_coordinator_config(const std::filesystem::path& home) {
  auto document = config::Document::from_file(home / "coordinator.toml");
  if (!document) return pass(document);
  return CoordinatorConfig{document->root().required_text("members"),
                           document->root().required_text("enrolment")};
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) continue;
    out += c;
  }
  return out + "\"";
}

}  // namespace cloister::cli
