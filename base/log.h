// Logging for shells (cores do not log). One structured line per event, to standard error, as text
// for people or as JSON lines for machines.
//
// Four levels: error (the process must stop), warn (an operator must act), info (rare, and not
// triggerable by a peer at will), debug (by room). Callers pass counts, digests and ids; types that
// hold patient data have no formatter, so logging one does not compile.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace cloister {

enum class LogLevel { debug, info, warn, error };
enum class LogForm { text, json };

struct LogOptions {
  std::string process;  // "coordinator", "agent site-a"
  LogLevel level = LogLevel::info;
  LogForm form = LogForm::text;
};

using LogField = std::pair<std::string_view, std::string>;

// Call once at start, before other threads exist.
void start_log(const LogOptions& options);
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, event, fields);
}
inline void log_warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warn, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, event, fields);
}

// Text as the inside of a JSON string (RFC 8259 section 7); bytes outside printable ASCII as
// \u00XX.
[[nodiscard]] std::string json_escaped(std::string_view text);

}  // namespace cloister
