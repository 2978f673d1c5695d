// What somebody must know before using a released network, in the spirit of Mitchell et al., Model
// Cards for Model Reporting (FAT* 2019). Every fact comes from the ledger.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace cloister::report {

struct ExportedFile {
  std::string name;
  std::string digest;
};

struct ModelFacts {
  std::string digest;          // of the network's bytes
  std::string lineage_digest;  // of everything it was made from (provenance closure)
  std::uint64_t lineage_records = 0;
  std::string released_by;  // the study owner, with the record
  std::string release_record;
  bool released = false;
  std::vector<ExportedFile> files;  // the network itself, where it was exported beside the card
};

[[nodiscard]] std::string model_card_json(const Report& report, const ModelFacts& model);
[[nodiscard]] std::string model_card_html(const Report& report, const ModelFacts& model);

// One page on one site's gate for an ethics board: what was tried, what it gave, what was decided.
[[nodiscard]] std::string gate_page_html(const Report& report, const Site& site);

}  // namespace cloister::report
