#include "member-shell/home.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/file.h"
#include "crypto/passphrase.h"
#include "metrics/metrics.h"
#include "provenance/json.h"

namespace cloister::member_shell {
namespace {

using provenance::Json;
using provenance::text_or_empty;

tl::unexpected<Error> damaged(const std::filesystem::path& path, std::string_view what) {
  return fail(Kind::corrupt, "home.format", fmt::format("'{}' {}.", path.string(), what),
              "Restore it from a copy, or enrol again.");
}

Result<crypto::Passphrase> passphrase(const HomeConfig& config) {
  if (!config.passphrase_file.empty()) {
    return crypto::Passphrase::from_file(config.passphrase_file);
  }
  if (std::getenv("CLOISTER_PASSPHRASE") != nullptr) {
    return crypto::Passphrase::from_environment("CLOISTER_PASSPHRASE");
  }
  return crypto::Passphrase::ask("Passphrase of this machine's keys: ");
}

Result<transport::Server> server_from(const Json& membership, const HomeConfig& config) {
  const Json* coordinator = membership.find("coordinator");
  if (coordinator == nullptr) return damaged(config.membership, "names no coordinator");
  const auto member = MemberId::parse(text_or_empty(*coordinator, "member"));
  const auto sign = from_hex(text_or_empty(*coordinator, "sign"));
  const auto curve = from_hex(text_or_empty(*coordinator, "curve"));
  if (!member || !sign || !curve) return damaged(config.membership, "has damaged keys");
  auto sign_key = crypto::public_key_from_bytes(*sign);
  auto curve_key = crypto::curve_public_key_from_bytes(*curve);
  if (!sign_key) return pass(sign_key);
  if (!curve_key) return pass(curve_key);
  return transport::Server{config.coordinator, *member, *sign_key, *curve_key};
}

Result<member::LinkOptions> link_from(const Json& membership, const HomeConfig& config) {
  const auto self = MemberId::parse(text_or_empty(membership, "member"));
  const auto role = protocol::role_from_text(text_or_empty(membership, "role"));
  const Json* envelopes = membership.find("envelopes");
  if (!self || !role || envelopes == nullptr || envelopes->items() == nullptr) {
    return damaged(config.membership, "is no membership");
  }
  member::LinkOptions link;
  link.self = *self;
  link.role = *role;
  link.site = text_or_empty(membership, "site");
  link.root = text_or_empty(membership, "root");
  for (const Json& item : *envelopes->items()) {
    link.membership.push_back(
        to_bytes(item.text() != nullptr ? *item.text() : provenance::to_jcs(item)));
  }
  return link;
}

// The certified keys win over what stands beside them in the file.
Result<void> check_certified(const member::LinkOptions& link, const crypto::Identity& identity,
                             transport::Server& server) {
  const auto membership = member::Membership::from(link.root, link.membership);
  const member::Member* self = membership.find(link.self);
  const auto is_former = [&](const member::Member::Former& former) {
    return former.sign == identity.sign.public_key();
  };
  // A rotation that was cut off between two files goes on with the key that is there.
  const bool is_ours =
      self != nullptr && (self->sign == identity.sign.public_key() ||
                          std::any_of(self->former.begin(), self->former.end(), is_former));
  if (!is_ours) {
    return fail(Kind::unauthenticated, "home.not_bound",
                fmt::format("The keys of this machine are not those that the consortium bound to "
                            "'{}'.",
                            link.self),
                "Enrol again, or restore the identity that was enrolled.");
  }
  const member::Member* coordinator = membership.coordinator();
  if (coordinator != nullptr) {
    server.member = coordinator->id;
    server.sign = coordinator->sign;
    server.curve = coordinator->curve;
  }
  return {};
}

}  // namespace

HomeConfig read_home(const config::Fields& root, const std::filesystem::path& file) {
  HomeConfig config;
  config.home = root.path("home", std::filesystem::absolute(file).parent_path());
  const std::string address = root.required_text("coordinator");
  if (auto parsed = transport::address_from_text(address)) {
    config.coordinator = *parsed;
  } else if (!address.empty()) {
    root.problem("coordinator", parsed.error().what);
  }
  config.identity = root.path("identity", config.home / "identity.key");
  config.passphrase_file = root.path("passphrase_file", {});
  config.membership = root.path("membership", config.home / "membership.json");
  auto worker = find_worker(root.text("worker", "cloister-worker"));
  if (worker) {
    config.worker = *worker;
  } else {
    root.problem("worker", worker.error().what);
  }
  config.device = root.text("device", "cpu");
  config.threads = static_cast<std::uint32_t>(root.whole("threads", 0, {0, 1024}));
  config.metrics = root.text("metrics", "");
  if (auto ok = config.metrics.empty() ? Result<void>{} : metrics::check_address(config.metrics);
      !ok)
    root.problem("metrics", ok.error().what);
  return config;
}

std::string to_text(const HomeConfig& config) {
  return fmt::format(
      "coordinator = \"{}\"\nhome = \"{}\"\nidentity = \"{}\"\npassphrase_file = \"{}\"\n"
      "membership = \"{}\"\nworker = \"{}\"\ndevice = \"{}\"\nthreads = {}\nmetrics = \"{}\"\n",
      to_string(config.coordinator), config.home.string(), config.identity.string(),
      config.passphrase_file.string(), config.membership.string(), config.worker.string(),
      config.device, config.threads, config.metrics);
}

Result<std::filesystem::path> find_worker(const std::filesystem::path& name) {
  const auto runs = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
  };
  if (name.has_parent_path()) {
    if (runs(name)) return std::filesystem::absolute(name);
  } else {
    std::error_code ignored;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    if (runs(self.parent_path() / name)) return self.parent_path() / name;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
      if (!folder.empty() && runs(std::filesystem::path(folder) / name)) {
        return std::filesystem::absolute(std::filesystem::path(folder) / name);
      }
    }
  }
  return fail(
      Kind::not_found, "worker.not_found",
      fmt::format("The worker program '{}' is not there, or may not be run.", name.string()),
      "Install cloister-worker beside this program, or set `worker` to its path.");
}

Result<Home> open_home(const HomeConfig& config) {
  auto words = passphrase(config);
  if (!words) return pass(words);
  auto identity = crypto::load_identity(config.identity, *words);
  if (!identity) return pass(identity);
  const auto text = read_text(config.membership);
  if (!text) return pass(text);
  const auto json = provenance::parse_json(*text, {.bytes_max = 64U << 20});
  if (!json) return damaged(config.membership, "cannot be read");
  auto server = server_from(*json, config);
  if (!server) return pass(server);
  auto link = link_from(*json, config);
  if (!link) return pass(link);
  if (auto ok = check_certified(*link, *identity, *server); !ok) return pass(ok);
  return Home{std::move(*identity), std::move(*link), std::move(*server)};
}

}  // namespace cloister::member_shell
