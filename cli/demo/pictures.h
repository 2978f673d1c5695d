// What the demo takes from the sites' own reports, because one machine plays everyone.
#pragma once

#include "cli/demo/world.h"
#include "report/artwork.h"

namespace cloister::cli {

// Overlays and the gate's example reconstructions.
void take_pictures(const World& world, report::Artwork& artwork);
// The masks of held-out patients, into out/predictions, named SITE-CASE.nii.gz.
void copy_predictions(const World& world);
// Each site's own report, into out/site-reports.
[[nodiscard]] Result<void> write_site_reports(const World& world);

}  // namespace cloister::cli
