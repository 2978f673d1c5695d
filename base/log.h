// Logging for shells (cores do not log). One structured line per event, to standard error, as text
// for people or as JSON lines for machines. A line about a job carries the field `job`, a line
// about one request between processes the field `request` (first digits of the digest of its
// header): one id to look for in the logs of all of them.
//
// Four levels: error (the process must stop), warn (an operator must act), info (rare, and not
// triggerable by a peer at will), debug (by room). Callers pass counts, digests and ids; types that
// hold patient data have no formatter, so logging one does not compile.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

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
// A second place for every line from now on: JSON lines in `file`, which begins anew at `bytes_max`
// (two older files stay beside it: NAME.1.EXT, NAME.2.EXT). Replaces the file named before. Its
// folder must be there, and decides who may read. "log.file": it cannot be written; lines go on to
// standard error.
[[nodiscard]] Result<void> keep_log(const std::filesystem::path& file,
                                    std::uint64_t bytes_max = 8ULL << 20);
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
