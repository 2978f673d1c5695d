// The demo's consortium: who there is, where their folders are, which processes run. Owns parts;
// the acts are functions beside it.
#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "cli/child.h"
#include "cli/demo/demo.h"
#include "cli/demo/stopwatch.h"
#include "cli/line.h"
#include "cli/narrator.h"
#include "protocol/plan.h"
#include "report/report.h"

namespace cloister::cli {

struct DemoSite {
  std::string id;
  std::filesystem::path data;
  std::string centre;             // of an M&Ms folder that several sites share
  std::filesystem::path agent;    // home of the agent
  std::filesystem::path steward;  // homes of two people
  std::filesystem::path admin;
};

struct Programs {
  std::filesystem::path coordinator, trainer, agent, worker, verify;
};

struct World {
  World(const DemoOptions& asked, std::filesystem::path folder)
      : options(asked),
        out(std::move(folder)),
        narrator(asked.json),
        stopwatch(std::filesystem::path()) {}

  DemoOptions options;
  std::filesystem::path out;  // absolute
  Narrator narrator;
  Stopwatch stopwatch;
  Programs programs;
  std::vector<DemoSite> sites;
  std::vector<std::string> structures;
  std::filesystem::path new_image;  // the volume to segment at the end
  PassphraseSource people;          // one passphrase for everybody: it is a demo
  std::map<std::string, Child> children;
  Descriptor claim;       // on `out`, held for the life of the run
  bool finished = false;  // an earlier run with the same options did everything

  [[nodiscard]] std::filesystem::path homes() const { return out / "homes"; }
  [[nodiscard]] std::filesystem::path logs() const { return out / "logs"; }
  [[nodiscard]] std::filesystem::path consortium() const { return homes() / "consortium"; }
  [[nodiscard]] std::filesystem::path person(const std::string& name) const {
    return homes() / "people" / name;
  }
  [[nodiscard]] bool is_phantom() const { return options.data.empty(); }
};

inline constexpr std::string_view demo_study = "heart-demo";
inline constexpr std::string_view demo_owner = "olivia";
inline constexpr std::string_view demo_auditor = "aude";

// The acts, in order. Each may be repeated: what is done already is left as it is.
[[nodiscard]] Result<void> prepare(World& world);           // folders, programs, resume or fresh
[[nodiscard]] Result<void> find_data(World& world);         // phantoms, or what --data holds
[[nodiscard]] Result<void> found_consortium(World& world);  // keys, coordinator, trainer
[[nodiscard]] Result<void> enrol_everybody(World& world);   // tokens, fingerprints, approvals
[[nodiscard]] Result<void> start_agents(World& world);      // and publish their policies
[[nodiscard]] Result<void> open_demo_study(World& world);
[[nodiscard]] Result<void> drive_study(World& world);  // until the model is released
[[nodiscard]] Result<void> segment_new_volume(World& world);
[[nodiscard]] Result<Answer> report_and_prove(World& world);
// Model card and exported network; with --baselines also their scores, added to the report.
[[nodiscard]] Result<void> add_baselines(World& world, Seat& auditor, report::Report& report);
// What is there of a run that finished earlier.
[[nodiscard]] Result<Answer> earlier_outcome(const World& world);

// Starts whatever died. Called wherever the demo waits.
void keep_alive(World& world);
// Asks somebody and goes on keeping everything alive meanwhile: the answer may need a process that
// has just died. `ask` runs on a thread of its own and must leave `world` alone.
template <class Ask>
[[nodiscard]] auto while_alive(World& world, Ask ask) -> decltype(ask()) {
  auto answer = std::async(std::launch::async, std::move(ask));
  while (answer.wait_for(Duration(200)) != std::future_status::ready) keep_alive(world);
  return answer.get();
}
[[nodiscard]] Result<void> start_child(World& world, const std::string& name,
                                       const std::filesystem::path& program,
                                       const std::filesystem::path& config);
void stop_everything(World& world);

}  // namespace cloister::cli
