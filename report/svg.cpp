// Makes an SVG of gnuplot or Graphviz a part of our page.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "report/artwork.h"
#include "report/html_text.h"
#include "report/palette.h"

namespace cloister::report {
namespace {

constexpr std::array<std::string_view, 6> forbidden{
    "<script", "<foreignObject", "javascript:", "<image", "<style", "<!ENTITY"};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

// Takes out every <name ...>...</name>.
void drop_elements(std::string& text, std::string_view name) {
  const std::string open = fmt::format("<{}", name);
  const std::string close = fmt::format("</{}>", name);
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    const std::size_t end = text.find(close, at);
    if (end == std::string::npos) return;
    text.erase(at, end + close.size() - at);
  }
}

// "rgb( 160,  0,  1)" as "#a00001", so that one table serves both programs.
void rgb_to_hex(std::string& text) {
  for (std::size_t at = text.find("rgb("); at != std::string::npos;
       at = text.find("rgb(", at + 1)) {
    const std::size_t end = text.find(')', at);
    if (end == std::string::npos || end - at > 24) continue;
    std::array<int, 3> parts{};
    std::size_t part = 0;
    const char* cursor = text.data() + at + 4;
    const char* const stop = text.data() + end;
    while (cursor < stop && part < parts.size()) {
      while (cursor < stop && (*cursor == ' ' || *cursor == ',')) ++cursor;
      const auto [next, problem] = std::from_chars(cursor, stop, parts[part]);
      if (problem != std::errc()) break;
      cursor = next;
      ++part;
    }
    if (part != parts.size()) continue;
    text.replace(at, end + 1 - at,
                 fmt::format("#{:02x}{:02x}{:02x}", parts[0], parts[1], parts[2]));
  }
}

// Ids must be unique in the page: id="x" and #x get a prefix.
void prefix_ids(std::string& text, std::string_view prefix) {
  for (const char quote : {'"', '\''}) {
    replace_all(text, fmt::format(" id={}", quote), fmt::format(" id={}{}-", quote, prefix));
    replace_all(text, fmt::format("href={}#", quote), fmt::format("href={}#{}-", quote, prefix));
  }
  replace_all(text, "url(#", fmt::format("url(#{}-", prefix));
}

bool has_outside_reference(std::string_view text) {
  for (std::size_t at = text.find("href="); at != std::string_view::npos;
       at = text.find("href=", at + 1)) {
    if (at + 6 >= text.size() || text[at + 6] != '#') return true;
  }
  return false;
}

}  // namespace

Result<std::string> tamed_svg(std::string_view svg, const Drawing& drawing) {
  const std::size_t start = svg.find("<svg");
  const std::size_t end = svg.rfind("</svg>");
  const auto refuse = [&](std::string_view why) {
    return fail(Kind::corrupt, "report.svg",
                fmt::format("The picture '{}' cannot be used: {}.", drawing.title, why),
                "Run the drawing program by hand to see what it says.");
  };
  if (start == std::string_view::npos || end == std::string_view::npos || end < start) {
    return refuse("the drawing program wrote no SVG");
  }
  const std::size_t inner = svg.find('>', start);
  const std::size_t box = svg.find("viewBox=", start);
  if (box == std::string_view::npos || box > inner) return refuse("it has no viewBox");
  const std::size_t box_end = svg.find('"', box + 9);
  const std::string view_box(svg.substr(box + 9, box_end - box - 9));

  std::string body(svg.substr(inner + 1, end - inner - 1));
  for (const auto word : forbidden) {
    if (body.find(word) != std::string::npos) return refuse("it holds active or outside content");
  }
  if (has_outside_reference(body)) return refuse("it refers to something outside");
  drop_elements(body, "title");
  drop_elements(body, "desc");
  rgb_to_hex(body);
  for (const auto& colour : stand_in::all) replace_all(body, colour.hex, colour.variable);
  prefix_ids(body, drawing.id);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
      "viewBox=\"{0}\" role=\"img\" aria-labelledby=\"{1}-name {1}-text\">\n"
      "<title id=\"{1}-name\">{2}</title>\n<desc id=\"{1}-text\">{3}</desc>{4}</svg>",
      view_box, drawing.id, escaped(drawing.title), escaped(drawing.text), body);
}

}  // namespace cloister::report
