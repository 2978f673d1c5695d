// Answers for people: a tree for terminals, a Graphviz graph for reports, JSON for scripts.
#pragma once

#include <string>

#include "provenance/lineage.h"

namespace cloister::provenance {

// Indented tree from what was asked; branches seen before are named, not repeated.
[[nodiscard]] std::string to_tree(const Answer& answer);
// One line a record: index, time, kind, who, what.
[[nodiscard]] std::string to_table(const Answer& answer);
// The reason that its signer gave; of erased words, who erased them under which record. Empty if
// there was none.
[[nodiscard]] std::string told_reason(const StoredRecord& stored);
// The same of words that stand elsewhere in the record: a permit's reason, say.
[[nodiscard]] std::string told_words(const StoredRecord& stored, const std::string& words);
// Graphviz DOT: records as boxes coloured by organisation, artefacts as ellipses, quarantined red.
[[nodiscard]] std::string to_dot(const Answer& answer);
// Schema: docs/formats.md, "Answers".
[[nodiscard]] Json to_json(const Answer& answer);
[[nodiscard]] Json to_json(const StoredRecord& stored);
[[nodiscard]] Json to_json(const Responsible& responsible);
[[nodiscard]] Json to_json(const std::vector<Departure>& departures);

}  // namespace cloister::provenance
