// Time as a value. Cores are handed `now`; only shells own a Clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cloister {

using Duration = std::chrono::milliseconds;

// A point in wall-clock time, in milliseconds since 1970-01-01T00:00:00Z.
class Instant {
 public:
  Instant() = default;
  explicit Instant(std::int64_t unix_milliseconds) : unix_milliseconds_(unix_milliseconds) {}

  [[nodiscard]] std::int64_t unix_milliseconds() const { return unix_milliseconds_; }
  [[nodiscard]] std::int64_t unix_seconds() const { return unix_milliseconds_ / 1000; }

  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant at, Duration later) {
    return Instant(at.unix_milliseconds_ + later.count());
  }
  friend Duration operator-(Instant a, Instant b) {
    return Duration(a.unix_milliseconds_ - b.unix_milliseconds_);
  }

 private:
  std::int64_t unix_milliseconds_ = 0;
};

// RFC 3339 in UTC with milliseconds: 2026-11-23T07:39:25.123Z. Parsing accepts exactly this form.
[[nodiscard]] std::string to_rfc3339(Instant at);
[[nodiscard]] Result<Instant> instant_from_rfc3339(std::string_view text);

// For people: "850 ms", "12.3 s", "4 min 05 s", "2 h 10 min".
[[nodiscard]] std::string for_people(Duration duration);

// The shell's view of time. `now` may jump when an operator sets the clock; `monotonic` never goes
// back and has no meaning beyond differences.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual Duration monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] Duration monotonic() const override;
};

}  // namespace cloister
