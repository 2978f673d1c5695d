#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/time.h"
#include "base/version.h"

namespace cloister {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> logger;
  LogOptions options;
};

// The one piece of process-wide state: where the log goes. Written once by start_log.
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
  state() = LogState{logger, options};
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const LogState& log_state = state();
  if (!log_state.logger || !log_state.logger->should_log(to_spdlog(level))) return;
  const std::string now = to_rfc3339(SystemClock().now());
  std::string line;
  if (log_state.options.form == LogForm::json) {
    line =
        fmt::format(R"({{"time":"{}","level":"{}","process":"{}","event":"{}")", now,
                    name_of(level), json_escaped(log_state.options.process), json_escaped(event));
    for (const auto& [key, value] : fields) {
      line += fmt::format(R"(,"{}":"{}")", json_escaped(key), json_escaped(value));
    }
    line += "}";
  } else {
    line = fmt::format("{} {:<5} {}  {}", now, name_of(level), log_state.options.process, event);
    for (const auto& [key, value] : fields)
      line += fmt::format("  {}={}", key, json_escaped(value));
  }
  log_state.logger->log(to_spdlog(level), line);
}

}  // namespace cloister
