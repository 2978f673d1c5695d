#include "cli/draw.h"

#include <fmt/format.h>

#include "cli/child.h"

namespace cloister::cli {
namespace {

Result<std::string> drawn(const report::Drawing& drawing) {
  const bool is_graph = drawing.program == report::Program::graphviz;
  auto program = find_program(is_graph ? "dot" : "gnuplot");
  if (!program) return pass(program);
  RunOptions options;
  options.in = drawing.script;
  const std::vector<std::string> arguments =
      is_graph ? std::vector<std::string>{"-Tsvg"} : std::vector<std::string>{"-"};
  auto ran = run_program(*program, arguments, options);
  if (!ran) return pass(ran);
  if (ran->status != 0) {
    return fail(Kind::unavailable, "draw.failed",
                fmt::format("{} ended with status {}: {}", program->string(), ran->status,
                            ran->err.substr(0, 200)),
                "Run it by hand on the script.");
  }
  return report::tamed_svg(ran->out, drawing);
}

}  // namespace

void draw(const std::vector<report::Drawing>& drawings, report::Artwork& artwork) {
  for (const report::Drawing& drawing : drawings) {
    auto svg = drawn(drawing);
    if (!svg) {
      artwork.missing.push_back(
          fmt::format("The picture '{}' is missing: {}", drawing.title, svg.error().what));
      continue;
    }
    artwork.figures[drawing.id] = std::move(*svg);
    artwork.drawn[drawing.id] = drawing;
  }
}

}  // namespace cloister::cli
