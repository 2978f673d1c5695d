#include "config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace cloister::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// In the order in which a value is written: the first that divides it exactly.
constexpr std::array<Unit, 8> durations{{{"days", 86'400'000},
                                         {"h", 3'600'000},
                                         {"min", 60'000},
                                         {"s", 1000},
                                         {"ms", 1},
                                         {"day", 86'400'000},
                                         {"d", 86'400'000},
                                         {"hours", 3'600'000}}};
constexpr std::array<Unit, 9> sizes{{{"TiB", 1ULL << 40},
                                     {"GiB", 1ULL << 30},
                                     {"MiB", 1ULL << 20},
                                     {"KiB", 1ULL << 10},
                                     {"B", 1},
                                     {"KB", 1000},
                                     {"MB", 1'000'000},
                                     {"GB", 1'000'000'000},
                                     {"TB", 1'000'000'000'000}}};

// Number, optional spaces, unit. Exact for whole numbers; fractions are rounded to the nearest
// unit.
template <std::size_t Size>
std::optional<std::uint64_t> parse(std::string_view text, const std::array<Unit, Size>& units) {
  const auto digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(0, digits);
  const auto name_at = text.find_first_not_of(' ', digits);
  if (name_at == std::string_view::npos) return std::nullopt;
  const std::string_view name = text.substr(name_at);
  for (const Unit& unit : units) {
    if (name != unit.name) continue;
    std::uint64_t whole = 0;
    const auto* const end = number.data() + number.size();
    if (const auto [at, error] = std::from_chars(number.data(), end, whole);
        error == std::errc() && at == end) {
      if (whole > UINT64_MAX / unit.factor) return std::nullopt;
      return whole * unit.factor;
    }
    double real = 0;
    const auto [at, error] = std::from_chars(number.data(), end, real, std::chars_format::fixed);
    const double value = std::round(real * static_cast<double>(unit.factor));
    if (error != std::errc() || at != end || !(value < 0x1p63)) return std::nullopt;
    return static_cast<std::uint64_t>(value);
  }
  return std::nullopt;
}

template <std::size_t Size>
std::string write(std::uint64_t value, const std::array<Unit, Size>& units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0)
      return fmt::format("{} {}", value / unit.factor, unit.name);
  }
  return {};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto value = parse(text, durations);
  if (!value || *value > static_cast<std::uint64_t>(Duration::max().count())) {
    return fail(Kind::invalid, "config.duration",
                fmt::format("'{}' is not a length of time.", text.substr(0, 40)),
                "Write a number with a unit: 500 ms, 10 s, 1.5 min, 2 h, 7 days.");
  }
  return Duration(static_cast<std::int64_t>(*value));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto value = parse(text, sizes);
  if (!value) {
    return fail(Kind::invalid, "config.size",
                fmt::format("'{}' is not a size.", text.substr(0, 40)),
                "Write a number with a unit: 512 B, 64 KiB, 2 GiB, 10 MB.");
  }
  return *value;
}

std::string duration_text(Duration duration) {
  if (duration.count() <= 0) return "0 ms";
  return write(static_cast<std::uint64_t>(duration.count()), durations);
}

std::string size_text(std::uint64_t bytes) { return bytes == 0 ? "0 B" : write(bytes, sizes); }

}  // namespace cloister::config
