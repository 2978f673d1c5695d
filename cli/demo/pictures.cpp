#include "cli/demo/pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace cloister::cli {
namespace {

constexpr std::uint64_t picture_bytes_max = 2U << 20;
constexpr std::size_t pictures_a_site_max = 6;

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

void take(const DemoSite& site, const std::filesystem::path& file, report::Artwork& artwork) {
  const std::string path = file.string();
  const bool is_leak = path.find("examples/") != std::string::npos;
  const bool is_overlay = path.find("overlay") != std::string::npos;
  if (!is_leak && !is_overlay) return;
  auto png = read_file(file, picture_bytes_max);
  if (!png) return;
  const std::string name = file.stem().string();
  report::Overlay overlay;
  overlay.site = site.id;
  overlay.group = is_leak ? "leak" : "overlay";
  overlay.title = is_leak ? "attack: " + name : name + " held-out case";
  overlay.text =
      is_leak
          ? fmt::format("{}, attack {}: original slices beside what the attacker reconstructed.",
                        site.id, name)
          : fmt::format(
                "{}, {} held-out case: the image with the predicted and the reference "
                "outlines of each structure.",
                site.id, name);
  overlay.png = std::move(*png);
  artwork.overlays.push_back(std::move(overlay));
}

}  // namespace

void take_pictures(const World& world, report::Artwork& artwork) {
  for (const DemoSite& site : world.sites) {
    const std::size_t before = artwork.overlays.size();
    for (const auto& file : files_below(site.agent / "reports", ".png")) {
      if (artwork.overlays.size() - before < pictures_a_site_max) take(site, file, artwork);
    }
  }
}

void copy_predictions(const World& world) {
  for (const DemoSite& site : world.sites) {
    for (const auto& file : files_below(site.agent / "reports", ".nii.gz")) {
      std::error_code ignored;
      std::filesystem::copy_file(
          file, world.out / "predictions" / (site.id + "-" + file.filename().string()),
          std::filesystem::copy_options::overwrite_existing, ignored);
    }
  }
}

}  // namespace cloister::cli
