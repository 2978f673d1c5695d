#include "report/html_sheet.h"

#include <fmt/format.h>

#include "base/version.h"
#include "report/html_text.h"
#include "report/style.h"

namespace cloister::report {

std::string head_html(std::string_view title) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n",
      escaped(title), style_sheet());
}

std::string sheet_open(std::string_view brand, std::string_view title,
                       const std::string& sub_html) {
  return fmt::format(
      "{2}<body>\n<header>\n"
      "<p class=\"brand\">Cloister · {0}</p>\n<h1>{1}</h1>\n<p class=\"sub\">{3}</p>\n</header>\n"
      "<main id=\"main\">\n",
      escaped(brand), escaped(title), head_html(fmt::format("{} – {}", title, brand)), sub_html);
}

std::string sheet_close() {
  return fmt::format("</main>\n<footer><p>Written by cloister {}.</p></footer>\n</body>\n</html>\n",
                     program_version());
}

}  // namespace cloister::report
