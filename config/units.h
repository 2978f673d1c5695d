// Quantities as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace cloister::config {

// "500ms", "10 s", "1.5 min", "2 h", "7 days" (ms, s, min, h, day/days/d). A bare number is
// refused.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// "512 B", "64 KiB", "2 GiB", "1.5 TiB", and decimal "10 MB" (B, KB, MB, GB, TB, KiB, MiB, GiB,
// TiB).
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// The same value in its largest exact unit: "90 s", "2 GiB". Parses back to the same value.
[[nodiscard]] std::string duration_text(Duration duration);
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace cloister::config
