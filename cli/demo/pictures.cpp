#include "cli/demo/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "cli/json_read.h"
#include "cli/site_report.h"

namespace cloister::cli {
namespace {

constexpr std::uint64_t picture_bytes_max = 2U << 20;
constexpr std::size_t pictures_a_group_max = 3;

std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                               std::string_view ending) {
  std::vector<std::filesystem::path> files;
  std::error_code problem;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, problem);
       !problem && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(problem)) {
    if (entry->path().string().ends_with(ending)) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "overlay", "leak", or nothing for other pictures.
std::string group_of(const std::filesystem::path& file) {
  const std::string path = file.string();
  if (path.find("/examples/") != std::string::npos) return "leak";
  return path.find("/overlays/") != std::string::npos ? "overlay" : "";
}

Result<report::Overlay> overlay_of(const DemoSite& site, const std::filesystem::path& file) {
  auto png = read_file(file, picture_bytes_max);
  if (!png) return pass(png);
  const std::string name = file.stem().string();
  const bool is_leak = group_of(file) == "leak";
  report::Overlay overlay;
  overlay.site = site.id;
  overlay.group = group_of(file);
  overlay.title = is_leak ? "slice " + name + ": original | best attack | own decoder"
                          : name + " held-out case: image | reference | prediction";
  overlay.text =
      is_leak
          ? fmt::format(
                "{}, slice {}: left the original, in the middle what the best attack made of its "
                "code, right what the site's own decoder makes of it.",
                site.id, name)
          : fmt::format(
                "{}, {} held-out case: left the image, in the middle the outlines of the "
                "reference, right those of the prediction.",
                site.id, name);
  overlay.png = std::move(*png);
  return overlay;
}

}  // namespace

void take_pictures(const World& world, report::Artwork& artwork) {
  for (const DemoSite& site : world.sites) {
    std::map<std::string, std::size_t> taken;
    for (const auto& file : files_below(site.agent / "reports", ".png")) {
      const std::string group = group_of(file);
      if (group.empty() || taken[group] >= pictures_a_group_max) continue;
      auto overlay = overlay_of(site, file);
      if (!overlay) continue;
      artwork.overlays.push_back(std::move(*overlay));
      ++taken[group];
    }
  }
}

namespace {

// The evaluation's own list says which file is which case.
void copy_cases(const World& world, const DemoSite& site, const std::filesystem::path& list) {
  const auto text = read_text(list);
  const auto json =
      text ? provenance::parse_json(*text, {.bytes_max = 64U << 20, .values_max = 4'000'000})
           : Result<provenance::Json>(provenance::Json::object());
  if (!json) return;
  for (const auto& one : items_at(*json, "cases")) {
    const std::string file = provenance::text_or_empty(one, "prediction");
    const std::string name = provenance::text_or_empty(one, "case");
    if (file.empty() || name.empty() || name.find('/') != std::string::npos) continue;
    std::error_code ignored;
    std::filesystem::copy_file(list.parent_path() / file,
                               world.out / "predictions" / (site.id + "-" + name + ".nii.gz"),
                               std::filesystem::copy_options::overwrite_existing, ignored);
  }
}

}  // namespace

void copy_predictions(const World& world) {
  for (const DemoSite& site : world.sites) {
    for (const auto& list : files_below(site.agent / "reports", "/site-report")) {
      copy_cases(world, site, list);
    }
  }
}

Result<void> write_site_reports(const World& world) {
  const auto folder = world.out / "site-reports";
  if (auto made = make_folder(folder); !made) return made;
  for (const DemoSite& site : world.sites) {
    auto written = site_report(site.agent, std::string(demo_study), folder / (site.id + ".html"));
    if (!written) return pass(written);
  }
  return {};
}

}  // namespace cloister::cli
