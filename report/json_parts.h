// What report.json and a model card say in the same words. Private to this room.
#pragma once

#include <optional>

#include "provenance/json.h"
#include "report/report.h"

namespace cloister::report {

[[nodiscard]] provenance::Json optional_number(const std::optional<double>& value);  // or null
[[nodiscard]] provenance::Json exceptions_json(const Exceptions& all);

}  // namespace cloister::report
