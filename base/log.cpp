#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/time.h"
#include "base/version.h"

namespace cloister {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> logger;
  std::shared_ptr<spdlog::logger> file;
  LogOptions options;
};

// The one piece of process-wide state: where the log goes. Written at start only.
LogState& state() {
  static LogState instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

constexpr std::size_t older_kept = 2;

struct Line {
  std::string time;
  LogLevel level;
  std::string_view event;
  std::initializer_list<LogField> fields;
};

std::string as_json(const Line& line, std::string_view process) {
  std::string text =
      fmt::format(R"({{"time":"{}","level":"{}","process":"{}","event":"{}")", line.time,
                  name_of(line.level), json_escaped(process), json_escaped(line.event));
  for (const auto& [key, value] : line.fields)
    text += fmt::format(R"(,"{}":"{}")", json_escaped(key), json_escaped(value));
  return text + "}";
}

std::string for_terminal(const Line& line, std::string_view process) {
  std::string text =
      fmt::format("{} {:<5} {}  {}", line.time, name_of(line.level), process, line.event);
  for (const auto& [key, value] : line.fields)
    text += fmt::format("  {}={}", key, json_escaped(value));
  return text;
}

}  // namespace

std::string_view program_version() { return CLOISTER_VERSION; }

std::string json_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\u00{:02x}", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  return out;
}

void start_log(const LogOptions& options) {
  auto logger = std::make_shared<spdlog::logger>(options.process,
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  logger->set_level(to_spdlog(options.level));
  logger->flush_on(spdlog::level::debug);
  state() = LogState{logger, state().file, options};
}

Result<void> keep_log(const std::filesystem::path& file, std::uint64_t bytes_max) {
  state().file.reset();  // one writer at a time: both would rotate
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.string(), bytes_max,
                                                                       older_kept);
    auto logger = std::make_shared<spdlog::logger>("file", std::move(sink));
    logger->set_pattern("%v");
    logger->set_level(to_spdlog(state().options.level));
    logger->flush_on(spdlog::level::debug);
    state().file = std::move(logger);
    return {};
  } catch (const spdlog::spdlog_ex& problem) {
    return fail(Kind::unavailable, "log.file", problem.what(),
                "Check the folder's owner and that its disk is not full; the log still goes to "
                "standard error.");
  }
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const LogState& log_state = state();
  const auto severity = to_spdlog(level);
  const bool is_shown = log_state.logger && log_state.logger->should_log(severity);
  const bool is_kept = log_state.file && log_state.file->should_log(severity);
  if (!is_shown && !is_kept) return;
  const Line line{to_rfc3339(SystemClock().now()), level, event, fields};
  const auto& process = log_state.options.process;
  if (is_kept) log_state.file->log(severity, as_json(line, process));
  if (!is_shown) return;
  const bool json = log_state.options.form == LogForm::json;
  log_state.logger->log(severity, json ? as_json(line, process) : for_terminal(line, process));
}

}  // namespace cloister
