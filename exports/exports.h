// One study's records for other people's systems. Each form is a function of its own; to_form()
// chooses by the name that the command line uses.
#pragma once

#include <array>
#include <string_view>

#include "base/result.h"
#include "exports/export_view.h"
#include "provenance/bundle.h"

namespace cloister::exports {

inline constexpr std::array<std::string_view, 7> form_names{
    "prov", "openlineage", "ro-crate", "fhir", "article30", "disclosures", "evidence-pack"};

// "export.form": no such form. "export.empty": the study has no records.
[[nodiscard]] Result<Files> to_form(std::string_view form, const ExportView& view);

// W3C PROV-JSON: things are entities, records activities, members agents.
[[nodiscard]] Files to_prov(const ExportView& view);
// One OpenLineage run event for each record that made something, or failed to.
[[nodiscard]] Files to_openlineage(const ExportView& view);
// A Process Run Crate: one CreateAction a producing record, the signed envelopes as its files.
[[nodiscard]] Files to_ro_crate(const ExportView& view);
// A FHIR R4 collection Bundle: Provenance for what was made, AuditEvent for what was done or read.
[[nodiscard]] Files to_fhir(const ExportView& view);
// Record of processing activities, one row a controller (a site) and one for the processor.
[[nodiscard]] Files to_article30(const ExportView& view);
// Every departure of data from a site: date, recipient, what, purpose, under whose permit.
[[nodiscard]] Files to_disclosures(const ExportView& view);
// One page for an ethics board.
[[nodiscard]] Files to_evidence_pack(const ExportView& view);

}  // namespace cloister::exports
