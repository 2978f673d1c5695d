// Pictures of the report: scripts for the programs that draw them, and what comes back.
//
// This room is pure: it writes a gnuplot script or a Graphviz text; a shell runs the program and
// hands the SVG back; `tamed_svg` makes it fit the page (our colours, light and dark, a text for
// screen readers, nothing fetched from outside).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "provenance/lineage.h"
#include "report/report.h"

namespace cloister::report {

enum class Program { gnuplot, graphviz };

struct Drawing {
  std::string id;  // place in the page: "results", "image-encoders", ...
  Program program = Program::gnuplot;
  std::string script;  // to the program's stdin; the SVG comes from its stdout
  std::string title;
  std::string text;  // what a reader who cannot see it must know
};

// Everything of this report that can be drawn; a curve without points is left out.
[[nodiscard]] std::vector<Drawing> drawings(const Report& report);
// A graph that the caller wrote in our stand-in colours.
[[nodiscard]] Drawing lineage_drawing(std::string dot, std::string text);
// The steps of a trace, joined where one made what the other used.
[[nodiscard]] Drawing lineage_of(const provenance::Answer& answer);

// An SVG of one of the two programs as a part of an HTML page: prolog and foreign titles gone, ids
// made unique by `id`, our stand-in colours turned into CSS variables, role and label set. Refuses
// scripts, foreign objects and references to elsewhere ("report.svg").
[[nodiscard]] Result<std::string> tamed_svg(std::string_view svg, const Drawing& drawing);

// A picture of one patient from a site's own report: only a demo may hand these in.
struct Overlay {
  std::string site;
  std::string title;  // "patient 003, ED, slice 5"
  std::string text;   // what it shows, for a reader who cannot see it
  std::string group;  // "overlay" (result over image) or "leak" (what an attacker reconstructs)
  Bytes png;
};

struct Artwork {
  std::map<std::string, std::string> figures;  // tamed SVG by Drawing::id
  std::map<std::string, Drawing> drawn;        // the same ids
  std::vector<Overlay> overlays;
  std::vector<std::string> missing;  // sentences: what could not be drawn and why
};

// The whole page, one self-contained file.
[[nodiscard]] std::string to_html(const Report& report, const Artwork& artwork);

}  // namespace cloister::report
