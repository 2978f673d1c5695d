#include "cli/site_logs.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/ids.h"
#include "cli/json_read.h"
#include "cli/program.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;
namespace fs = std::filesystem;

constexpr std::uint64_t file_bytes_max = 64U << 20;

// Fit for a terminal and for JSON, whatever a library wrote.
std::string plain(std::string_view line) {
  std::string out(line);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = byte == '\t' ? ' ' : '?';
  }
  return out;
}

template <class Visit>
void each_line(const fs::path& file, const Visit& visit) {
  const auto text = read_text(file, file_bytes_max);
  if (!text) return;  // rotated away, or never written
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    visit(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// A line of base/log.h about this job.
std::optional<Json> line_about(std::string_view line, const std::string& job) {
  if (line.find(job) == std::string_view::npos) return std::nullopt;  // parsing is the dear part
  auto json = provenance::parse_json(line);
  if (!json || text_or_empty(*json, "job") != job) return std::nullopt;
  return std::move(*json);
}

Json::Array daemon_lines(const LogsOptions& options) {
  Json::Array lines;
  for (const char* name : {"daemon.2.log", "daemon.1.log", "daemon.log"}) {
    each_line(options.home / "logs" / name, [&](std::string_view line) {
      auto json = line_about(line, options.job);
      if (!json) return;
      const bool begins = text_or_empty(*json, "event") == "worker.started";
      if (begins && !options.all_attempts) lines.clear();
      lines.push_back(std::move(*json));
    });
  }
  return lines;
}

struct Printed {
  std::string attempt;  // empty: nothing was printed for this job
  std::vector<std::string> lines;
};

// What the job's worker printed: between the line that begins its attempt and the next such line.
Printed worker_lines(const LogsOptions& options) {
  Printed printed;
  bool is_ours = false;
  const auto visit = [&](std::string_view line) {
    if (line.find("\"event\":\"worker.attempt\"") == std::string_view::npos) {
      if (is_ours) printed.lines.push_back(plain(line));
      return;
    }
    const auto json = line_about(line, options.job);
    is_ours = json.has_value();
    if (!is_ours) return;
    if (!options.all_attempts) printed.lines.clear();
    printed.attempt = text_or_empty(*json, "attempt");
  };
  const auto own = options.home / "logs" / (options.job + ".log");
  std::error_code ignored;
  each_line(fs::exists(own, ignored) ? own : options.home / "logs" / "warm-worker.log", visit);
  return printed;
}

std::string in_words(const Json& line) {
  std::string out = fmt::format("  {}  {:<5} {}", text_or_empty(line, "time"),
                                text_or_empty(line, "level"), text_or_empty(line, "event"));
  for (const auto& [key, value] : *line.fields()) {
    const bool is_known =
        key == "time" || key == "level" || key == "event" || key == "process" || key == "job";
    if (!is_known && value.text() != nullptr) out += fmt::format("  {}={}", key, *value.text());
  }
  return out + "\n";
}

template <class Lines>
void keep_newest(Lines& lines, std::size_t most) {
  if (lines.size() > most)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace

Result<Answer> site_logs(const LogsOptions& options) {
  if (auto id = JobId::parse(options.job); !id) return pass(id);  // it becomes a file's name
  std::error_code ignored;
  if (!fs::is_directory(options.home / "logs", ignored)) {
    return fail(Kind::not_found, "logs.folder",
                fmt::format("'{}' is no agent's folder: it has no logs.", options.home.string()),
                "Point --agent (or CLOISTER_AGENT) at the folder that agent.toml names as home.");
  }
  Json::Array daemon = daemon_lines(options);
  Printed worker = worker_lines(options);
  if (daemon.empty() && worker.attempt.empty()) {
    return fail(Kind::not_found, "logs.none",
                fmt::format("No log line in {} is about a job '{}'.",
                            (options.home / "logs").string(), options.job),
                "`cloister site jobs` names the jobs; lines are kept until newer ones need their "
                "room, and a job that never ran has none.");
  }
  keep_newest(daemon, options.lines_max);
  keep_newest(worker.lines, options.lines_max);
  Answer answer;
  Json list = Json::array();
  answer.text = fmt::format("{}\n", options.job);
  for (const Json& line : daemon) {
    answer.text += in_words(line);
    list.push(line);
  }
  Json printed = Json::array();
  if (!worker.attempt.empty()) {
    answer.text += fmt::format("worker, attempt {}{}\n", worker.attempt,
                               worker.lines.empty() ? ": it printed nothing" : "");
  }
  for (const std::string& line : worker.lines) {
    answer.text += "  " + line + "\n";
    printed.push(line);
  }
  answer.text += fmt::format("The coordinator's and the trainer's logs say the same name: job={}\n",
                             options.job);
  answer.json.set("job", options.job).set("attempt", worker.attempt);
  answer.json.set("daemon", std::move(list)).set("worker", std::move(printed));
  return answer;
}

void add_site_logs(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("logs", "What this site's logs say of a job");
  const auto options = std::make_shared<LogsOptions>();
  verb->add_option("JOB", options->job)->required();
  verb->add_option("--agent", options->home, "The agent's folder")
      ->envname("CLOISTER_AGENT")
      ->required();
  verb->add_flag("--all", options->all_attempts, "Every attempt, not only the newest");
  verb->add_option("--lines", options->lines_max, "Newest lines of each part")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}))
      ->capture_default_str();
  verb->footer("Example:\n  cloister site logs heart-1-site-a-encode-1 --agent /var/lib/cloister");
  verb->callback([&choice, options] { choice.run = [options] { return site_logs(*options); }; });
}

}  // namespace cloister::cli
