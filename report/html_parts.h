// The sections of the page, each from the same facts. Private to this room.
#pragma once

#include <string>

#include "report/artwork.h"
#include "report/report.h"

namespace cloister::report {

[[nodiscard]] std::string summary_html(const Report& report);
[[nodiscard]] std::string quality_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string pictures_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string training_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string gate_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string left_html(const Report& report);
[[nodiscard]] std::string lineage_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string time_html(const Report& report, const Artwork& artwork);
[[nodiscard]] std::string evidence_html(const Report& report);
[[nodiscard]] std::string meaning_html(const Report& report);
[[nodiscard]] std::string again_html(const Report& report, const Artwork& artwork);

// The figure of this id, or nothing where it was not drawn.
[[nodiscard]] std::string figure_html(const Artwork& artwork, const std::string& id,
                                      const std::string& style = {});

}  // namespace cloister::report
