#include "exports/words.h"

namespace cloister::exports {
namespace {

constexpr std::string_view style =
    "body{font:15px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;max-width:62rem;"
    "margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.6rem}"
    "table{border-collapse:collapse;width:100%;margin:.6rem 0}th,td{border:1px solid #bbb;"
    "padding:.3rem .5rem;text-align:left;vertical-align:top;font-size:.9rem}th{background:#f0f2f5}"
    "code{overflow-wrap:anywhere}.missing{color:#8a3b00}footer{margin-top:2rem;border-top:1px "
    "solid "
    "#bbb;font-size:.85rem;color:#444}@media print{body{margin:0}}";

std::string csv_field(const std::string& text) {
  const bool is_formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  const std::string safe = is_formula ? "'" + text : text;
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string out = "\"";
  for (const char c : safe) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string csv_row(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) out += (out.empty() ? "" : ",") + csv_field(field);
  return out + "\r\n";
}

std::string csv_row(std::initializer_list<std::string> fields) {
  return csv_row(std::vector<std::string>(fields));
}

std::string html_page(const ExportView& view, std::string_view title, std::string_view body) {
  const auto& head = view.history.head;
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{0}</title><style>{1}</style></head>\n<body>\n"
      "<h1>{0}</h1>\n{2}<footer><p>Study {3}, from log <code>{4}</code> at checkpoint size {5}, "
      "root <code>{6}</code>; closure digest <code>{7}</code>. This page is not signed: the "
      "evidence bundle of the same checkpoint proves each record that it names "
      "(<code>cloister-verify</code>).</p></footer>\n</body></html>\n",
      html::escaped(title), style, body, html::escaped(view.history.argument),
      html::escaped(view.log), head.size, to_hex(head.root), to_hex(view.history.closure_digest));
}

std::string html_table(const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table>\n";
  bool is_head = true;
  for (const auto& row : rows) {
    const char* cell = is_head ? "th" : "td";
    out += "<tr>";
    for (const auto& field : row) out += fmt::format("<{0}>{1}</{0}>", cell, html::escaped(field));
    out += "</tr>\n";
    is_head = false;
  }
  return out + "</table>\n";
}

std::string when(Instant at) { return to_rfc3339(at).substr(0, 19) + "Z"; }

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{} bytes", bytes);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string urn(const Digest& digest) { return "urn:sha256:" + to_hex(digest); }

std::string uuid_of(const Digest& digest) {
  std::string hex = to_hex(digest).substr(0, 32);
  hex[12] = '5';
  hex[16] = "89ab"[digest.bytes[8] & 3U];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

std::vector<const provenance::StoredRecord*> readable(const ExportView& view) {
  std::vector<const provenance::StoredRecord*> all;
  for (const auto& stored : view.history.records) {
    if (stored.record) all.push_back(&stored);
  }
  return all;
}

const std::vector<provenance::Subject>& products(const provenance::Record& record) {
  static const std::vector<provenance::Subject> none;
  const bool makes = provenance::traits(record.kind).subjects == provenance::Subjects::produced;
  return makes ? record.subjects : none;
}

}  // namespace cloister::exports
