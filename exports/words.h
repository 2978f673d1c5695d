// Spelling: CSV, HTML, identifiers. Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/html.h"
#include "exports/export_view.h"

namespace cloister::exports {

// RFC 4180: quoted where needed; ends in CRLF. A field that a spreadsheet would take for a formula
// gets an apostrophe before it.
[[nodiscard]] std::string csv_row(const std::vector<std::string>& fields);
[[nodiscard]] std::string csv_row(std::initializer_list<std::string> fields);

// A self-contained page around `body`; the checkpoint at its foot.
[[nodiscard]] std::string html_page(const ExportView& view, std::string_view title,
                                    std::string_view body);
// The first row is the head.
[[nodiscard]] std::string html_table(const std::vector<std::vector<std::string>>& rows);

[[nodiscard]] std::string when(Instant at);  // RFC 3339 to the second
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// A thing of the graph as a URI that needs no server: "urn:sha256:<hex>".
[[nodiscard]] std::string urn(const Digest& digest);
// Version 5-like UUID from a digest: the same thing has the same id in every export.
[[nodiscard]] std::string uuid_of(const Digest& digest);

// Records whose payload is there, in order.
[[nodiscard]] std::vector<const provenance::StoredRecord*> readable(const ExportView& view);
// What the record produced; nothing for records that speak of things or people.
[[nodiscard]] const std::vector<provenance::Subject>& products(const provenance::Record& record);

}  // namespace cloister::exports
