#include "cli/narrator.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/json_read.h"
#include "cli/study.h"

namespace cloister::cli {
namespace {

constexpr Duration plain_every{10'000};

std::size_t terminal_width(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

// Cut to the terminal's width, counting characters, not bytes.
std::string fitted(const std::string& line, std::size_t width) {
  std::size_t seen = 0;
  std::size_t at = 0;
  for (; at < line.size() && seen < width; ++at) {
    if ((static_cast<unsigned char>(line[at]) & 0xC0) != 0x80) ++seen;
  }
  while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) ++at;
  return line.substr(0, at);
}

std::string row_text(const Narrator::Row& row) {
  const std::string progress =
      row.part < 0 ? std::string()
                   : fmt::format("{} {:3.0f} %  ", bar(row.part, 16), 100 * row.part);
  return fmt::format("    {:<12} {:<21} {}{}", row.who, row.what, progress, row.note);
}

}  // namespace

std::string bar(double part, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(part, 0.0, 1.0) * width));
  std::string out;
  for (int i = 0; i < width; ++i) out += i < full ? "█" : "░";
  return out;
}

Narrator::Row worker_row(std::string who, const provenance::Json& progress) {
  const double steps = number_at(progress, "steps");
  const double part = steps > 0 ? number_at(progress, "step") / steps : -1;
  return {std::move(who), provenance::text_or_empty(progress, "phase"), part, pace_text(progress)};
}

Narrator::Narrator(bool json, std::FILE* out) : out_(out) {
  if (json) form_ = Form::json;
  if (!json && isatty(fileno(out)) != 0) form_ = Form::terminal;
}

void Narrator::forget_picture() {
  if (lines_up_ == 0) return;
  fmt::print(out_, "\x1b[{}A\x1b[J", lines_up_);
  lines_up_ = 0;
}

void Narrator::chapter(const std::string& title) {
  if (title == chapter_) return;  // begun once more
  chapter_ = title;
  ++chapters_;
  if (form_ == Form::json) {
    say("chapter", title, provenance::Json::object().set("number", chapters_));
    return;
  }
  forget_picture();
  last_.clear();
  const bool colour = form_ == Form::terminal;
  fmt::print(out_, "\n{}{} {}{}\n", colour ? "\x1b[1m" : "", chapters_, title,
             colour ? "\x1b[0m" : "");
  std::fflush(out_);
}

void Narrator::say(const std::string& event, const std::string& text, provenance::Json details) {
  if (form_ == Form::json) {
    const auto line = provenance::Json::object()
                          .set("at", to_rfc3339(SystemClock().now()))
                          .set("event", event)
                          .set("text", text)
                          .set("details", std::move(details));
    fmt::print(out_, "{}\n", to_jcs(line));
  } else {
    forget_picture();
    fmt::print(out_, "  {}\n", text);
  }
  std::fflush(out_);
}

void Narrator::print_plain(const std::vector<Row>& rows) {
  const Duration now = SystemClock().monotonic();
  const bool is_time = now - last_plain_ >= plain_every;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool is_new = i >= last_.size() || last_[i].what != rows[i].what;
    if (!is_new && !is_time) continue;
    if (form_ == Form::json) {
      say("progress", row_text(rows[i]),
          provenance::Json::object()
              .set("who", rows[i].who)
              .set("what", rows[i].what)
              .set("part", rows[i].part)
              .set("note", rows[i].note));
    } else {
      fmt::print(out_, "{}\n", row_text(rows[i]));
    }
  }
  if (is_time) last_plain_ = now;
  std::fflush(out_);
}

void Narrator::picture(const std::vector<Row>& rows) {
  if (form_ != Form::terminal) {
    print_plain(rows);
  } else {
    forget_picture();
    const std::size_t width = terminal_width(out_) - 1;
    for (const Row& row : rows) fmt::print(out_, "{}\n", fitted(row_text(row), width));
    lines_up_ = rows.size();
    std::fflush(out_);
  }
  last_ = rows;
}

}  // namespace cloister::cli
