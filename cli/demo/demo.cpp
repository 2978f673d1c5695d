#include "cli/demo/demo.h"

#include <thread>

#include "base/file.h"
#include "cli/demo/world.h"
#include "cli/interrupt.h"

namespace cloister::cli {
namespace {

constexpr const char* farewell =
    "\nStopped; nothing is running any more. The same command again goes on here, --fresh starts "
    "again.\n";

using Act = Result<void> (*)(World&);
constexpr Act acts[] = {find_data,       found_consortium, enrol_everybody,   start_agents,
                        open_demo_study, drive_study,      segment_new_volume};

Result<void> note_finished(const World& world) {
  auto text = read_text(world.out / "demo.json", 1U << 20);
  if (!text) return pass(text);
  auto json = provenance::parse_json(*text);
  if (!json) return pass(json);
  json->set("finished", to_rfc3339(SystemClock().now()));
  return write_text(world.out / "demo.json", to_pretty(*json) + "\n");
}

// A daemon that died and is being started again costs time, not the run: every act may be repeated.
template <class Value>
Result<Value> repeated(World& world, Result<Value> (*act)(World&)) {
  constexpr int times_max = 6;
  for (int time = 1;; ++time) {
    auto done = act(world);
    const bool passes =
        !done && done.error().kind == Kind::unavailable && !done.error().code.starts_with("demo.");
    if (!passes || time == times_max) return done;
    world.narrator.say("again", "Somebody did not answer; trying again: " + done.error().what);
    keep_alive(world);
    std::this_thread::sleep_for(Duration(1'000));
  }
}

Result<Answer> run_acts(World& world) {
  if (auto prepared = prepare(world); !prepared) return pass(prepared);
  if (world.finished) return earlier_outcome(world);
  for (const Act act : acts) {
    if (auto done = repeated(world, act); !done) return pass(done);
  }
  auto answer = repeated(world, report_and_prove);
  if (!answer) return answer;
  if (auto noted = note_finished(world); !noted) return pass(noted);
  return answer;
}

}  // namespace

Result<Answer> run_demo(const DemoOptions& options) {
  stop_children_on_signals(farewell);
  std::error_code problem;
  World world(options, std::filesystem::absolute(options.out, problem));
  auto answer = run_acts(world);
  world.stopwatch.pause();
  stop_everything(world);
  if (options.json && answer) {
    world.narrator.say("done", "Done.", answer->json);
    answer->json = provenance::Json();  // said already, as one line
  }
  return answer;
}

}  // namespace cloister::cli
