#include "coordinator/config.h"

#include "config/fields.h"
#include "config/units.h"
#include "metrics/metrics.h"

namespace cloister::coordinator {
namespace {

transport::Address address(const config::Fields& root, std::string_view key) {
  const std::string text = root.required_text(key);
  auto parsed = transport::address_from_text(text);
  if (parsed) return *parsed;
  if (!text.empty()) root.problem(key, parsed.error().what);
  return {};
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& file) {
  auto document = config::Document::from_file(file);
  if (!document) return pass(document);
  const config::Fields root = document->root();
  Config config;
  config.members = address(root, "members");
  config.enrolment = address(root, "enrolment");
  config.home = root.path("home", std::filesystem::absolute(file).parent_path());
  config.identity = root.path("identity", config.home / "identity.key");
  config.passphrase_file = root.path("passphrase_file", {});
  config.genesis = root.path("genesis", config.home / "genesis.json");
  config.blob_quota = root.size("blob_quota", config.blob_quota, {1U << 20});
  config.blob_member_quota = root.size("blob_member_quota", config.blob_quota, {1U << 20});
  config.metrics = root.text("metrics", "");
  if (auto ok = config.metrics.empty() ? Result<void>{} : metrics::check_address(config.metrics);
      !ok)
    root.problem("metrics", ok.error().what);
  if (auto ok = document->check(); !ok) return pass(ok);
  return config;
}

std::string to_text(const Config& config) {
  return fmt::format(
      "members = \"{}\"\nenrolment = \"{}\"\nhome = \"{}\"\nidentity = \"{}\"\n"
      "passphrase_file = \"{}\"\ngenesis = \"{}\"\nblob_quota = \"{}\"\nblob_member_quota = "
      "\"{}\"\nmetrics = \"{}\"\n",
      to_string(config.members), to_string(config.enrolment), config.home.string(),
      config.identity.string(), config.passphrase_file.string(), config.genesis.string(),
      config::size_text(config.blob_quota), config::size_text(config.blob_member_quota),
      config.metrics);
}

}  // namespace cloister::coordinator
