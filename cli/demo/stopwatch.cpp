#include "cli/demo/stopwatch.h"

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "cli/json_read.h"

namespace cloister::cli {

using provenance::Json;

double loopback_bytes() {
  std::ifstream in("/proc/net/dev");
  for (std::string name; in >> name;) {
    double received = 0;
    if (name == "lo:" && in >> received) return received;
  }
  return 0;
}

Stopwatch::Stopwatch(std::filesystem::path file) : file_(std::move(file)) {
  const auto text = read_text(file_, 1U << 20);
  const auto json = text ? provenance::parse_json(*text) : Result<Json>(Json::object());
  if (!json) return;
  for (const Json& one : items_at(*json, "stages")) {
    entries_.push_back({provenance::text_or_empty(one, "name"),
                        provenance::text_or_empty(one, "plain"), number_at(one, "seconds"),
                        number_at(one, "loopback_bytes")});
  }
}

void Stopwatch::settle() {
  const Duration now = SystemClock().monotonic();
  const double bytes = loopback_bytes();
  for (Entry& entry : entries_) {
    if (entry.name != present_) continue;
    entry.seconds += static_cast<double>((now - since_).count()) / 1000.0;
    entry.loopback_bytes += std::max(0.0, bytes - bytes_since_);
  }
  since_ = now;
  bytes_since_ = bytes;
}

void Stopwatch::enter(const std::string& name, const std::string& plain) {
  const bool is_same = name == present_;
  settle();
  if (is_same) return;
  present_ = name;
  const bool known = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const Entry& entry) { return entry.name == name; });
  if (!known) entries_.push_back({name, plain, 0, 0});
  pause();
  present_ = name;
}

void Stopwatch::pause() {
  settle();
  present_.clear();
  Json list = Json::array();
  for (const Entry& entry : entries_) {
    list.push(Json::object()
                  .set("name", entry.name)
                  .set("plain", entry.plain)
                  .set("seconds", entry.seconds)
                  .set("loopback_bytes", entry.loopback_bytes));
  }
  // Losing this file loses times, nothing else.
  (void)write_text(file_, to_pretty(Json::object().set("stages", std::move(list))));
}

}  // namespace cloister::cli
