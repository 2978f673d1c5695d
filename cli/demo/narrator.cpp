#include "cli/demo/narrator.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cloister::cli {
namespace {

constexpr Duration plain_every{10'000};

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
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

Narrator::Form Narrator::form_here(bool json) {
  if (json) return Form::json;
  return isatty(STDOUT_FILENO) != 0 ? Form::terminal : Form::plain;
}

void Narrator::forget_picture() {
  if (lines_up_ == 0) return;
  fmt::print("\x1b[{}A\x1b[J", lines_up_);
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
  fmt::print("\n{}{} {}{}\n", colour ? "\x1b[1m" : "", chapters_, title, colour ? "\x1b[0m" : "");
  std::fflush(stdout);
}

void Narrator::say(const std::string& event, const std::string& text, provenance::Json details) {
  if (form_ == Form::json) {
    const auto line = provenance::Json::object()
                          .set("at", to_rfc3339(SystemClock().now()))
                          .set("event", event)
                          .set("text", text)
                          .set("details", std::move(details));
    fmt::print("{}\n", to_jcs(line));
  } else {
    forget_picture();
    fmt::print("  {}\n", text);
  }
  std::fflush(stdout);
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
      fmt::print("{}\n", row_text(rows[i]));
    }
  }
  if (is_time) last_plain_ = now;
  std::fflush(stdout);
}

void Narrator::picture(const std::vector<Row>& rows) {
  if (form_ != Form::terminal) {
    print_plain(rows);
  } else {
    forget_picture();
    const std::size_t width = terminal_width() - 1;
    for (const Row& row : rows) fmt::print("{}\n", fitted(row_text(row), width));
    lines_up_ = rows.size();
    std::fflush(stdout);
  }
  last_ = rows;
}

}  // namespace cloister::cli
