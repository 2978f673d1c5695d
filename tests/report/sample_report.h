// A made-up report for tests of the page: plausible figures of no real run and no real patient.
#pragma once

#include "report/artwork.h"
#include "report/report.h"

namespace cloister::report::sample {

[[nodiscard]] Report a_report();
// As provenance would write it, in our stand-in colours.
[[nodiscard]] std::string a_lineage_dot();
// Grey pictures with a disc, made here.
[[nodiscard]] std::vector<Overlay> some_overlays();

}  // namespace cloister::report::sample
