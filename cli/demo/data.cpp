// The sites' data: phantoms of our own, or the sub-folders of --data.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <future>

#include "base/file.h"
#include "cli/demo/centres.h"
#include "cli/demo/world.h"
#include "cli/json_read.h"
#include "cli/worker_job.h"

namespace cloister::cli {
namespace {

using provenance::Json;

struct Phantom {
  std::string name;
  std::filesystem::path folder;
  std::uint64_t scanner = 0;
  std::uint64_t training = 14;
  std::uint64_t test = 4;
  std::uint64_t seed = 0;
};

// Complete once its last file, dataset.json, is there.
Result<void> make_phantom(const std::filesystem::path& worker, const Phantom& phantom) {
  std::error_code ignored;
  const auto done = phantom.folder.parent_path() / (phantom.name + ".made");
  if (std::filesystem::exists(done, ignored)) return {};
  std::filesystem::remove_all(phantom.folder, ignored);
  if (auto made = make_folder(phantom.folder); !made) return made;
  const Json job = Json::object()
                       .set("job_id", "phantom-" + phantom.name)
                       .set("kind", "phantom")
                       .set("parameters", Json::object()
                                              .set("folder", phantom.folder.string())
                                              .set("name", phantom.name)
                                              .set("scanner", phantom.scanner)
                                              .set("training_patients", phantom.training)
                                              .set("test_patients", phantom.test)
                                              .set("seed", phantom.seed));
  auto ran = run_worker_job(worker, job, Duration{10 * 60'000});
  if (!ran) return pass(ran);
  return write_text(done, "");
}

// Side by side: each is a process of its own.
Result<void> make_all(const std::filesystem::path& worker, const std::vector<Phantom>& phantoms) {
  std::vector<std::future<Result<void>>> making;
  for (const Phantom& phantom : phantoms)
    making.push_back(std::async(std::launch::async, [&] { return make_phantom(worker, phantom); }));
  Result<void> all;
  for (auto& one : making) {
    if (auto made = one.get(); !made) all = made;
  }
  return all;
}

Result<std::filesystem::path> first_image(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> images;
  std::error_code problem;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, problem)) {
    const std::string name = entry.path().filename().string();
    const bool is_image = name.ends_with("_0000.nii.gz") || name.ends_with("_sa.nii.gz");
    const bool is_test = entry.path().string().find("imagesTs") != std::string::npos ||
                         entry.path().string().find("Testing") != std::string::npos;
    if (is_image && is_test) images.push_back(entry.path());
  }
  if (images.empty()) {
    return fail(Kind::not_found, "demo.no_test_image",
                fmt::format("{} holds no held-out image.", folder.string()),
                "The nnU-Net layout has them in imagesTs, the M&Ms layout in Testing.");
  }
  return *std::min_element(images.begin(), images.end());
}

std::string id_from(const std::string& name) {
  std::string id;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    id += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '-';
  }
  while (!id.empty() && id.front() == '-') id.erase(id.begin());
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id.substr(0, 30);
}

// Label names in the order of their values; both spellings of nnU-Net are read.
Result<std::vector<std::string>> structures_of(const std::filesystem::path& site) {
  std::error_code ignored;
  const auto file = site / "dataset.json";
  if (!std::filesystem::exists(file, ignored)) return std::vector<std::string>{"LV", "MYO", "RV"};
  auto text = read_text(file, 4U << 20);
  if (!text) return pass(text);
  auto json = provenance::parse_json(*text, {.bytes_max = 4U << 20, .depth_max = 16});
  if (!json) return pass(json);
  std::map<int, std::string> by_value;
  const Json labels = object_at(*json, "labels");
  for (const auto& [key, value] : *labels.fields()) {
    if (const auto number = value.number())
      by_value[static_cast<int>(*number)] = key;
    else if (value.text() != nullptr)
      by_value[std::atoi(key.c_str())] = *value.text();
  }
  by_value.erase(0);
  std::vector<std::string> names;
  for (const auto& [value, name] : by_value) names.push_back(name);
  return names;
}

Result<void> make_phantoms(World& world) {
  const auto folder = world.out / "data";
  if (auto made = make_folder(folder); !made) return made;
  constexpr std::array<std::string_view, 3> ids{"site-a", "site-b", "site-c"};
  const bool small = world.options.budget == "rehearsal";
  std::vector<Phantom> phantoms;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    phantoms.push_back({std::string(ids[i]), folder / ids[i], i, small ? 5U : 14U, small ? 2U : 4U,
                        world.options.seed + i});
  }
  const Phantom fresh{"new", folder / "new", 0, 0, 1, world.options.seed + 100};
  phantoms.push_back(fresh);
  if (auto made = make_all(world.programs.worker, phantoms); !made) return made;
  phantoms.pop_back();
  for (const Phantom& phantom : phantoms) {
    world.sites.push_back({phantom.name, phantom.folder, {}, {}, {}, {}});
    world.narrator.say(
        "phantom", fmt::format("{}: {} phantom patients in scanner style {}, ED and ES",
                               phantom.name, phantom.training + phantom.test, phantom.scanner + 1));
  }
  world.structures = {"LV", "MYO", "RV"};
  auto image = first_image(fresh.folder);
  if (!image) return pass(image);
  world.new_image = *image;
  return {};
}

bool has_table(const std::filesystem::path& folder) {
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (entry.path().extension() == ".csv") return true;
  }
  return false;
}

bool is_site(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "dataset.json", ignored) || has_table(folder);
}

// One M&Ms folder with its table: each centre of the table is a site.
Result<void> take_centres(World& world) {
  auto centres = centres_of(world.options.data);
  if (!centres) return pass(centres);
  std::error_code ignored;
  const auto root = std::filesystem::absolute(world.options.data, ignored);
  for (const auto& centre : *centres) {
    world.sites.push_back({id_from("centre-" + centre), root, centre, {}, {}, {}});
    world.narrator.say(
        "data", fmt::format("{}: centre {} of {}", world.sites.back().id, centre, root.string()));
  }
  return {};
}

Result<void> take_sub_folders(World& world) {
  std::error_code problem;
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(world.options.data, problem)) {
    const bool is_hidden = entry.path().filename().string().starts_with('.');
    if (entry.is_directory() && !is_hidden)
      folders.push_back(std::filesystem::absolute(entry.path()));
  }
  const auto wrong = std::find_if_not(folders.begin(), folders.end(), is_site);
  if (problem || folders.empty() || wrong != folders.end()) {
    return fail(
        Kind::not_found, "demo.data",
        fmt::format("{} is not a folder with one sub-folder a site{}.", world.options.data.string(),
                    wrong == folders.end() ? "" : ": " + wrong->string() + " is none"),
        "Each sub-folder needs a dataset.json with imagesTr and labelsTr (nnU-Net raw), or the "
        "table of the M&Ms challenge.");
  }
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) {
    world.sites.push_back({id_from(folder.filename().string()), folder, {}, {}, {}, {}});
    world.narrator.say("data", fmt::format("{}: {}", world.sites.back().id, folder.string()));
  }
  return {};
}

Result<void> take_folders(World& world) {
  const bool one_table = has_table(world.options.data);
  if (auto taken = one_table ? take_centres(world) : take_sub_folders(world); !taken) return taken;
  const auto& first = world.sites.front().data;
  auto structures = structures_of(first);
  if (!structures) return pass(structures);
  world.structures = std::move(*structures);
  auto image = first_image(first);
  if (!image) return pass(image);
  world.new_image = *image;
  return {};
}

}  // namespace

Result<void> find_data(World& world) {
  world.stopwatch.enter("Data", "phantoms made, or folders looked at");
  world.narrator.chapter("Data");
  if (auto found = world.is_phantom() ? make_phantoms(world) : take_folders(world); !found) {
    return found;
  }
  for (DemoSite& site : world.sites) {
    site.agent = world.homes() / "sites" / site.id;
    site.steward = world.person("steward-" + site.id);
    site.admin = world.person("admin-" + site.id);
  }
  return {};
}

}  // namespace cloister::cli
