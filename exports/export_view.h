// What every export is made from: one study's records at one checkpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "provenance/lineage.h"

namespace cloister::exports {

using Files = std::map<std::string, std::string>;  // relative path -> content

// References are valid during the call only.
struct ExportView {
  const provenance::Answer& history;  // provenance::history() of the study
  std::string log;                    // origin of the log
  // By site: what left it for this study, as provenance::egress() tells it.
  const std::map<std::string, std::vector<provenance::Departure>>& departures;
};

}  // namespace cloister::exports
