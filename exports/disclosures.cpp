// Accounting of disclosures in the sense of 45 CFR 164.528(b): date, who received, what, why.
#include "exports/exports.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string receiver(const provenance::Departure& one) {
  const auto& record = *one.sent.record;
  std::string names;
  for (const auto& name : record.recipients) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "as the permit names it" : names;
}

// How many patients' codes: one shard is one patient.
std::string patients(const provenance::Departure& one) {
  const auto& details = one.sent.record->details;
  if (const auto shards = provenance::count_at(details, "shards")) return std::to_string(*shards);
  const auto* manifest = details.find("manifest");
  const auto* list = manifest == nullptr ? nullptr : manifest->find("shards");
  if (list == nullptr || list->items() == nullptr) return "";
  return std::to_string(list->items()->size());
}

std::string permits(const provenance::Departure& one) {
  std::string out;
  std::uint64_t last = UINT64_MAX;
  for (const auto& permit : one.permits) {
    if (permit.index == last) continue;
    last = permit.index;
    out +=
        fmt::format("{}{} (record {})", out.empty() ? "" : "; ", permit.note.signer, permit.index);
  }
  return out.empty() ? "none in the ledger" : out;
}

Rows rows_of(const ExportView& view) {
  Rows rows{{"date", "site", "recipient", "what", "patients", "bytes", "purpose", "legal basis",
             "permit by", "received", "record"}};
  for (const auto& [site, departures] : view.departures) {
    for (const auto& one : departures) {
      if (!one.sent.record) continue;
      const auto& record = *one.sent.record;
      const bool is_request = record.kind == provenance::RecordKind::dataset_encoded;
      rows.push_back({when(record.issued_at), site, receiver(one),
                      is_request ? "codes of one image, for a prediction" : "codes, sealed",
                      patients(one), std::to_string(one.bytes), record.purpose, record.legal_basis,
                      permits(one),
                      one.received ? when(one.received->note.issued_at) : "no receipt",
                      to_hex(one.sent.note.leaf_hash)});
    }
  }
  return rows;
}

}  // namespace

Files to_disclosures(const ExportView& view) {
  const Rows rows = rows_of(view);
  std::string csv;
  for (const auto& row : rows) csv += csv_row(row);
  std::string body =
      "<p>Every departure of data from a site for this study, from the records that sender and "
      "receiver signed. Addresses of recipients are not in the ledger. Codes that left are neither "
      "anonymous nor encrypted data: they were sealed to the recipient for the way and its "
      "store.</p>\n";
  body += rows.size() == 1 ? std::string("<p>Nothing has left.</p>\n") : html_table(rows);
  return {{"disclosures.csv", std::move(csv)},
          {"disclosures.html", html_page(view, "Accounting of disclosures", body)}};
}

}  // namespace cloister::exports
