// Folders, programs, and whether an earlier run goes on.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>

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
      .set("device", options.device)
      .set("version", program_version());
}

struct Earlier {
  enum class Is { nothing, same, other } is = Is::nothing;
  bool finished = false;
};

Earlier look_at(const std::filesystem::path& note, const Json& arguments) {
  const auto text = read_text(note, 1U << 20);
  if (!text) return {};
  const auto json = provenance::parse_json(*text);
  if (!json) return {Earlier::Is::other, false};
  const Json* done = json->find("finished");
  const Json* earlier = json->find("arguments");
  const bool same = earlier != nullptr && *earlier == arguments;
  return {same ? Earlier::Is::same : Earlier::Is::other, done != nullptr && !done->is_null()};
}

// Two demos in one folder would overwrite each other; the lock goes with this process.
Result<void> claim_folder(World& world) {
  world.claim =
      Descriptor(open(world.out.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (!world.claim.is_open()) {
    return tl::unexpected<Error>(system_error(errno, "open", world.out));
  }
  // A file system without locks is no reason to refuse.
  if (flock(world.claim.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return fail(Kind::conflict, "demo.running",
              fmt::format("Another demo runs in {}.", world.out.string()),
              "Wait for it, stop it with Ctrl-C, or give another --out.");
}

// Whose folder it is, and whether what is there may go.
Result<void> judge(const World& world, const Earlier& earlier) {
  std::error_code ignored;
  if (earlier.is == Earlier::Is::nothing && !std::filesystem::is_empty(world.out, ignored)) {
    return fail(Kind::conflict, "demo.folder",
                fmt::format("{} holds other things than a demo.", world.out.string()),
                "Give another --out: the demo clears its folder.");
  }
  if (earlier.is != Earlier::Is::other || world.options.fresh) return {};
  return fail(Kind::conflict, "demo.other_run",
              fmt::format("{} holds {} run with other options.", world.out.string(),
                          earlier.finished ? "a finished" : "an unfinished"),
              earlier.finished
                  ? "Give another --out, or add --fresh to throw the earlier one away."
                  : "Run it with the same options to go on, or add --fresh to throw it away.");
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
  if (auto claimed = claim_folder(world); !claimed) return claimed;
  const auto note = world.out / "demo.json";
  const Json arguments = arguments_of(world.options);
  const Earlier earlier = look_at(note, arguments);
  if (auto allowed = judge(world, earlier); !allowed) return allowed;
  const bool goes_on = earlier.is == Earlier::Is::same && !world.options.fresh;
  world.finished = goes_on && earlier.finished;
  if (world.finished) return {};
  if (!goes_on) {
    if (auto cleared = clear(world.out); !cleared) return cleared;
  }
  const Json content = Json::object().set("arguments", arguments).set("finished", Json());
  if (auto written = write_text(note, to_pretty(content) + "\n"); !written) return written;
  for (const auto& folder : {world.homes(), world.logs(), world.out / "predictions"}) {
    if (auto made = make_folder(folder); !made) return made;
  }
  if (auto room = check_room(world.out, world.is_phantom()); !room) return room;
  world.people.file = world.homes() / "passphrase";
  world.people.fast_for_tests_only = true;
  std::error_code ignored;
  if (!std::filesystem::exists(world.people.file, ignored)) {
    if (auto written =
            write_text(world.people.file, "a passphrase for a demo\n", FileMode::owner_only);
        !written)
      return written;
  }
  world.stopwatch = Stopwatch(world.out / "stages.json");
  if (goes_on) {
    world.narrator.say("resumed",
                       "An earlier run was stopped here: going on where it stopped "
                       "(--fresh starts again).");
  }
  return {};
}

}  // namespace cloister::cli
