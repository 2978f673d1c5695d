// The common predicate of all records <-> JSON. Private to this room.
#pragma once

#include "provenance/json.h"
#include "provenance/record.h"

namespace cloister::provenance {

// Empty optional fields are left out, so that each record has one spelling.
[[nodiscard]] Json common_to_json(const Record& record);
// Without subjects: those stand in the statement.
[[nodiscard]] Result<Record> common_from_json(const Json& json);

// parse_statement without comparing spellings: for payloads that admission has compared already.
[[nodiscard]] Result<Record> read_admitted_statement(BytesView payload);

[[nodiscard]] Json to_json(const Indicator& indicator);
[[nodiscard]] Result<Indicator> indicator_from(const Json& json);

}  // namespace cloister::provenance
