#include "report/artwork.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/palette.h"

namespace cloister::report {
namespace {

constexpr std::string_view gnuplot_head =
    R"(set terminal svg size {0},{1} dynamic rounded font "sans-serif,13"
set border 3 lc rgb "{2}"
set tics nomirror tc rgb "{2}"
set xlabel tc rgb "{2}"
set ylabel tc rgb "{2}"
set key tc rgb "{2}" top right samplen 2 spacing 1.2
set grid ytics lc rgb "{3}" lt 1 lw 0.7
)";

std::string head(int width, int height) {
  return fmt::format(gnuplot_head, width, height, stand_in::ink, stand_in::line);
}

// gnuplot reads a title within double quotes with escapes; ours keep to characters that need none.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c != '"' && c != '\\' && c != '`' && static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

struct Line {
  std::string title;
  const Curve* curve = nullptr;
};

std::string curves_script(const std::vector<Line>& lines, std::string_view loss) {
  std::string script = head(560, 330);
  script +=
      fmt::format("set xlabel \"optimiser step\"\nset ylabel {}\nset logscale y\n", quoted(loss));
  std::string plots;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    script += fmt::format("$d{} << EOD\n", i);
    for (const CurvePoint& point : *lines[i].curve) {
      if (point.loss > 0) script += fmt::format("{} {:.6g}\n", point.step, point.loss);
    }
    script += "EOD\n";
    plots += fmt::format("{} $d{} with lines lw 2 dt {} lc rgb \"{}\" title {}", i ? "," : "", i,
                         i % 3 + 1, stand_in::series(i), quoted(lines[i].title));
  }
  if (lines.size() < 2) script += "unset key\n";
  return script + "plot" + plots + "\n";
}

std::optional<Drawing> encoder_curves(const Report& report, const std::string& which) {
  std::vector<Line> lines;
  std::string text = fmt::format("Training loss of the {} encoder by optimiser step.", which);
  for (const Site& site : report.sites) {
    for (const Encoder& encoder : site.encoders) {
      if (encoder.which != which || encoder.curve.size() < 2) continue;
      lines.push_back({site.id, &encoder.curve});
      text += fmt::format(" {}: from {:.3g} to {:.3g} in {} steps.", site.id,
                          encoder.curve.front().loss, encoder.curve.back().loss,
                          encoder.curve.back().step);
    }
  }
  if (lines.empty()) return std::nullopt;
  Drawing drawing;
  drawing.id = which + "-encoders";
  drawing.title = fmt::format("Training loss of each site's {} encoder", which);
  drawing.text = std::move(text);
  drawing.script =
      curves_script(lines, which == "mask" ? "cross-entropy + Dice loss" : "reconstruction loss");
  return drawing;
}

std::optional<Drawing> pooled_curve(const Report& report) {
  const Curve& curve = report.pooled.curve;
  if (curve.size() < 2) return std::nullopt;
  Drawing drawing;
  drawing.id = "pooled";
  drawing.title = "Training loss of the shared network on the pooled codes";
  drawing.text = fmt::format("From {:.3g} to {:.3g} in {} steps.", curve.front().loss,
                             curve.back().loss, curve.back().step);
  drawing.script = curves_script({{"shared network", &curve}}, "code regression loss");
  return drawing;
}

std::string result_rows(const Report& report, const std::string& mode) {
  std::string rows;
  std::size_t place = 0;
  for (const Site& site : report.sites) {
    for (const auto& structure : report.study.structures) {
      for (const Score& score : report.scores) {
        if (score.mode != mode || score.site != site.id || score.structure != structure) continue;
        rows += fmt::format("{} {:.4f}\n", place, score.dsc);
      }
      ++place;
    }
    ++place;  // a gap between sites
  }
  return rows;
}

std::optional<Drawing> results(const Report& report) {
  const auto modes = modes_of(report);
  if (modes.empty()) return std::nullopt;
  std::string tics;
  std::string ceilings;
  std::string names;
  std::size_t place = 0;
  for (const Site& site : report.sites) {
    const std::size_t first = place;
    for (const auto& structure : report.study.structures) {
      tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", quoted(structure), place);
      const auto ceiling = site.mask_ceiling.find(structure);
      if (ceiling != site.mask_ceiling.end()) {
        ceilings += fmt::format("{} {:.4f}\n", place, ceiling->second);
      }
      ++place;
    }
    names +=
        fmt::format("set label {} at {:.2f},graph -0.17 center tc rgb \"{}\"\n", quoted(site.id),
                    static_cast<double>(first + place - 1) / 2.0, stand_in::ink);
    ++place;
  }
  std::string script = head(760, 360);
  script +=
      fmt::format("set xrange [-0.8:{}.8]\nset yrange [0:1.02]\nset ylabel \"DSC (1 = perfect)\"\n",
                  place >= 2 ? place - 2 : 0);
  script += fmt::format(
      "set xtics ({}) scale 0\nset bmargin 6\nset key outside below center horizontal\n{}", tics,
      names);
  script += "$c << EOD\n" + ceilings + "EOD\n";
  std::string plots = fmt::format(
      " $c using 1:2:(0.36) with xerrorbars pt 0 lw 2.5 lc rgb \"{}\" title \"mask ceiling\"",
      stand_in::ink);
  for (std::size_t i = 0; i < modes.size(); ++i) {
    script += fmt::format("$m{} << EOD\n{}EOD\n", i, result_rows(report, modes[i]));
    // The study's own mode as bars; baselines as marks beside them, so that none hides another.
    plots +=
        i == 0
            ? fmt::format(
                  ", $m0 using 1:2:(0.56) with boxes fs solid 0.85 noborder lc rgb \"{}\" title {}",
                  stand_in::series(0), quoted(modes[0]))
            : fmt::format(
                  ", $m{} using ($1+0.38):2 with points pt {} ps 1.1 lc rgb \"{}\" title {}", i,
                  5 + 2 * (i % 5), stand_in::series(i), quoted(modes[i]));
  }
  Drawing drawing;
  drawing.id = "results";
  drawing.title = "Overlap with the reference (DSC) by site and structure";
  drawing.text = "The same figures stand in the table below.";
  drawing.script = script + "plot" + plots + "\n";
  return drawing;
}

std::optional<Drawing> stage_bars(const Report& report) {
  if (report.stages.empty()) return std::nullopt;
  std::string rows;
  std::string tics;
  double longest = 0;
  const std::size_t count = report.stages.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Stage& stage = report.stages[i];
    const std::size_t y = count - 1 - i;
    rows += fmt::format("{} {:.3f}\n", y, stage.seconds);
    tics += fmt::format("{}{} {}", i ? ", " : "", quoted(stage.name), y);
    longest = std::max(longest, stage.seconds);
  }
  std::string script = head(720, static_cast<int>(90 + 26 * count));
  script += fmt::format(
      "unset grid\nset grid xtics lc rgb \"{}\" lt 1 lw 0.7\nset xlabel \"seconds\"\n"
      "set yrange [-0.6:{}]\nset xrange [0:{:.3f}]\nset ytics ({}) scale 0\nunset key\n"
      "$d << EOD\n{}EOD\n"
      "plot $d using 2:1:(0):2:($1-0.32):($1+0.32) with boxxyerror fs solid 0.85 noborder lc rgb "
      "\"{}\"\n",
      stand_in::line, static_cast<double>(count) - 0.4, std::max(1.0, longest * 1.05), tics, rows,
      stand_in::series(0));
  Drawing drawing;
  drawing.id = "stages";
  drawing.title = "Where the time went";
  drawing.text = "The same figures stand in the table below.";
  drawing.script = std::move(script);
  return drawing;
}

}  // namespace

std::vector<Drawing> drawings(const Report& report) {
  std::vector<Drawing> all;
  const auto add = [&](std::optional<Drawing> drawing) {
    if (drawing) all.push_back(std::move(*drawing));
  };
  add(results(report));
  add(encoder_curves(report, "image"));
  add(encoder_curves(report, "mask"));
  add(pooled_curve(report));
  add(stage_bars(report));
  return all;
}

Drawing lineage_drawing(std::string dot, std::string text) {
  Drawing drawing;
  drawing.id = "lineage";
  drawing.program = Program::graphviz;
  drawing.title = "From the prediction back to the data";
  drawing.text = std::move(text);
  drawing.script = std::move(dot);
  return drawing;
}

}  // namespace cloister::report
