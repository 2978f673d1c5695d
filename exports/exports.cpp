#include "exports/exports.h"

namespace cloister::exports {
namespace {

using Make = Files (*)(const ExportView&);
constexpr std::array<Make, form_names.size()> makers{
    to_prov, to_openlineage, to_ro_crate, to_fhir, to_article30, to_disclosures, to_evidence_pack};

}  // namespace

Result<Files> to_form(std::string_view form, const ExportView& view) {
  if (view.history.records.empty()) {
    return fail(Kind::not_found, "export.empty", "The study has no records.",
                "List the studies with `cloister study list`.");
  }
  for (std::size_t i = 0; i < form_names.size(); ++i) {
    if (form_names[i] == form) return makers[i](view);
  }
  return fail(Kind::invalid, "export.form",
              fmt::format("'{}' is no form of export.", form.substr(0, 40)),
              "Choose prov, openlineage, ro-crate, fhir, article30, disclosures or evidence-pack.");
}

}  // namespace cloister::exports
