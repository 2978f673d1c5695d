#include "site-agent/policy_file.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "config/fields.h"
#include "crypto/hash.h"
#include "protocol/jobs.h"

namespace cloister::site_agent {
namespace {

// "20:30" as minutes of the day; negative: no time.
int minute_from_text(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return -1;
  int hour = -1;
  int minute = -1;
  const auto number = [](std::string_view digits, int& out) {
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  };
  if (!number(text.substr(0, 2), hour) || !number(text.substr(3), minute)) return -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return -1;
  return hour * 60 + minute;
}

// Nothing that leaves may be automatic: such a word is a mistake that must be seen.
void check_automatic(const config::Fields& root, const SitePolicy& policy) {
  for (const std::string& name : policy.automatic) {
    const auto kind = protocol::job_kind(name);
    if (!kind) {
      root.problem("automatic", fmt::format("there is no job of kind '{}'", name));
    } else if (kind->leaves_site) {
      root.problem("automatic",
                   fmt::format("'{}' lets data leave: a person decides it, never a policy", name));
    }
  }
}

// One name a line; nothing where there is no file.
Result<std::vector<std::string>> names_from(const std::filesystem::path& file) {
  std::vector<std::string> names;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return names;
  const auto text = read_text(file, 1U << 20);
  if (!text) return pass(text);
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, std::min(rest.find('#'), end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && line.find_last_of(" \t\r") == line.size() - 1) line.remove_suffix(1);
    while (!line.empty() && line.find_first_of(" \t") == 0) line.remove_prefix(1);
    if (!line.empty()) names.emplace_back(line);
  }
  return names;
}

std::filesystem::path withdrawn_beside(const std::filesystem::path& policy_file) {
  return policy_file.parent_path() / "withdrawn-cases.txt";
}

}  // namespace

WithdrawnCases::WithdrawnCases(const std::filesystem::path& policy_file)
    : file_(withdrawn_beside(policy_file)) {}  // nothing seen: the first look reads it

std::optional<Result<std::vector<std::string>>> WithdrawnCases::changed() {
  const Seen now = look();
  if (now == seen_ && !failed_) return std::nullopt;
  seen_ = now;
  auto names = names_from(file_);
  // Why it cannot be read is told once, and looked at again each time: no change of the file is
  // needed for that to end.
  if (!names && failed_ == names.error()) return std::nullopt;
  failed_ = names ? std::optional<Error>() : names.error();
  return names;
}

WithdrawnCases::Seen WithdrawnCases::look() const {
  std::error_code missing;
  const auto written = std::filesystem::last_write_time(file_, missing);
  if (missing) return {};
  return {written, std::filesystem::file_size(file_, missing)};
}

Result<WorkingHours> hours_from_text(std::string_view text) {
  if (text == "always") return WorkingHours{};
  const auto dash = text.find('-');
  if (dash != std::string_view::npos) {
    const WorkingHours hours{minute_from_text(text.substr(0, dash)),
                             minute_from_text(text.substr(dash + 1))};
    if (hours.from_minute >= 0 && hours.to_minute >= 0) return hours;
  }
  return fail(Kind::invalid, "policy.hours", fmt::format("'{}' is no range of hours.", text),
              "Write \"always\", or for instance \"20:00-06:00\" (UTC).");
}

Result<SitePolicy> load_policy(const std::filesystem::path& file) {
  const auto text = read_text(file, 1U << 20);
  if (!text) return pass(text);
  auto document = config::Document::from_file(file);
  if (!document) return pass(document);
  const config::Fields root = document->root();
  SitePolicy policy;
  policy.text = *text;
  policy.digest = crypto::sha256(as_bytes(*text));
  policy.data_root = root.path("data_root", {}).string();
  policy.data_layout = root.text("data_layout", "auto");
  policy.data_centre = root.text("data_centre", "");
  policy.studies = root.texts("studies");
  policy.purposes = root.texts("purposes");
  policy.automatic = root.texts("automatic");
  policy.amendments_automatic = root.truth("amendments_automatic", false);
  policy.standing_predictions = root.truth("standing_predictions", false);
  const auto count = [&](std::string_view key, std::uint64_t fallback) {
    return static_cast<std::uint64_t>(root.whole(key, static_cast<std::int64_t>(fallback)));
  };
  policy.cases_min = count("cases_min", policy.cases_min);
  policy.leave_bytes_max = root.size("leave_bytes_max", policy.leave_bytes_max);
  policy.leave_cases_max = count("leave_cases_max", policy.leave_cases_max);
  policy.prediction_cases_max = count("prediction_cases_max", policy.prediction_cases_max);
  policy.mask_decoder_leaves = root.truth("mask_decoder_leaves", false);
  policy.indicators_required = root.texts("indicators_required");
  const auto hours = hours_from_text(root.text("hours", "always"));
  if (hours) {
    policy.hours = *hours;
  } else {
    root.problem("hours", hours.error().what);
  }
  policy.memory_bytes_max = root.size("memory_max", 0);
  policy.cpu_seconds_max =
      static_cast<std::uint64_t>(root.duration("cpu_time_max", Duration(0)).count() / 1000);
  policy.disk_bytes_max = root.size("disk_max", 0);
  policy.upload_bytes_per_second = root.size("upload_per_second", 0);
  policy.threads = static_cast<std::uint32_t>(root.whole("threads", 0, {0, 1024}));
  policy.gpu = root.truth("gpu", true);
  policy.gpu_memory_share = root.real("gpu_memory_share", 1.0, {0.01, 1.0});
  auto withdrawn = names_from(withdrawn_beside(file));
  if (!withdrawn) return pass(withdrawn);
  policy.withdrawn = std::move(*withdrawn);
  check_automatic(root, policy);
  if (auto ok = document->check(); !ok) return pass(ok);
  return policy;
}

}  // namespace cloister::site_agent
