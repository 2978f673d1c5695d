// Runs the drawing programs for a report's pictures.
#pragma once

#include "report/artwork.h"

namespace cloister::cli {

// What cannot be drawn is missing from the artwork, with the reason in words; never an error.
void draw(const std::vector<report::Drawing>& drawings, report::Artwork& artwork);

}  // namespace cloister::cli
