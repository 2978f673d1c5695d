// Folders, programs, and whether an earlier run goes on.
#include <fmt/format.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/demo/world.h"
#include "provenance/json.h"

namespace cloister::cli {
namespace {

using provenance::Json;

// What makes two runs the same run.
Json arguments_of(const DemoOptions& options) {
  return Json::object()
      .set("data", options.data.string())
      .set("budget", options.budget)
      .set("preset", options.preset)
      .set("seed", options.seed)
      .set("version", program_version());
}

enum class Before { nothing, same, other, finished };

Before look_at(const std::filesystem::path& note, const Json& arguments) {
  const auto text = read_text(note, 1U << 20);
  if (!text) return Before::nothing;
  const auto json = provenance::parse_json(*text);
  if (!json) return Before::other;
  if (const Json* done = json->find("finished"); done != nullptr && !done->is_null()) {
    return Before::finished;
  }
  const Json* earlier = json->find("arguments");
  return earlier != nullptr && *earlier == arguments ? Before::same : Before::other;
}

Result<void> clear(const std::filesystem::path& out) {
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(out, problem)) {
    std::filesystem::remove_all(entry.path(), problem);
    if (problem)
      return tl::unexpected<Error>(system_error(problem.value(), "remove", entry.path()));
  }
  return {};
}

Result<void> find_programs(Programs& programs) {
  const auto find = [](const char* name, std::filesystem::path& into) -> Result<void> {
    auto found = find_program(name);
    if (!found) return pass(found);
    into = *found;
    return {};
  };
  if (auto ok = find("cloister-coordinator", programs.coordinator); !ok) return ok;
  if (auto ok = find("cloister-trainer", programs.trainer); !ok) return ok;
  if (auto ok = find("cloister-agent", programs.agent); !ok) return ok;
  if (auto ok = find("cloister-worker", programs.worker); !ok) return ok;
  return find("cloister-verify", programs.verify);
}

Result<void> check_room(const std::filesystem::path& out, bool phantom) {
  std::error_code problem;
  const auto space = std::filesystem::space(out, problem);
  const std::uint64_t wanted = phantom ? 1'000'000'000ULL : 4'000'000'000ULL;
  if (problem || space.available >= wanted) return {};
  return fail(Kind::exhausted, "demo.disk",
              fmt::format("Only {:.1f} GB are free at {}; the demo needs {:.0f}.",
                          static_cast<double>(space.available) / 1e9, out.string(),
                          static_cast<double>(wanted) / 1e9),
              "Free some space, or give --out on another disk.");
}

}  // namespace

Result<void> prepare(World& world) {
  if (auto found = find_programs(world.programs); !found) return found;
  if (auto made = make_folder(world.out); !made) return made;
  const auto note = world.out / "demo.json";
  const Json arguments = arguments_of(world.options);
  Before before = look_at(note, arguments);
  std::error_code ignored;
  const bool is_ours = before != Before::nothing || std::filesystem::is_empty(world.out, ignored);
  if (!is_ours) {
    return fail(Kind::conflict, "demo.folder",
                fmt::format("{} holds other things than a demo.", world.out.string()),
                "Give another --out: the demo clears its folder.");
  }
  if (before == Before::other && !world.options.fresh) {
    return fail(Kind::conflict, "demo.other_run",
                fmt::format("{} holds an unfinished run with other options.", world.out.string()),
                "Run it with the same options to go on, or add --fresh to throw it away.");
  }
  if (before != Before::same || world.options.fresh) {
    if (auto cleared = clear(world.out); !cleared) return cleared;
    before = Before::nothing;
  }
  const Json content = Json::object().set("arguments", arguments).set("finished", Json());
  if (auto written = write_text(note, to_pretty(content) + "\n"); !written) return written;
  for (const auto& folder : {world.homes(), world.logs(), world.out / "predictions"}) {
    if (auto made = make_folder(folder); !made) return made;
  }
  if (auto room = check_room(world.out, world.is_phantom()); !room) return room;
  world.people.file = world.homes() / "passphrase";
  world.people.fast_for_tests_only = true;
  if (!std::filesystem::exists(world.people.file, ignored)) {
    if (auto written =
            write_text(world.people.file, "a passphrase for a demo\n", FileMode::owner_only);
        !written)
      return written;
  }
  world.stopwatch = Stopwatch(world.out / "stages.json");
  if (before == Before::same) {
    world.narrator.say("resumed",
                       "An earlier run was stopped here: going on where it stopped "
                       "(--fresh starts again).");
  }
  return {};
}

}  // namespace cloister::cli
