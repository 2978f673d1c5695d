// What the demonstration's result is worth: the same data and as many optimisation steps, each site
// alone, the paper's method, and a U-Net on the plain images. Only here, where one machine plays
// everyone, may images of several sites lie in one place.
#include "base/file.h"
#include "cli/demo/world.h"
#include "cli/json_read.h"
#include "cli/model_card.h"
#include "cli/pilot.h"
#include "cli/plan_template.h"

namespace cloister::cli {

Result<void> add_baselines(World& world, Seat& auditor, report::Report& report) {
  const ModelCardOptions card{std::string(demo_study), world.out / "model",
                              world.consortium() / "trainer"};
  auto carded = model_card(auditor, card);
  if (!carded) return pass(carded);
  world.narrator.say("model-card", carded->text.substr(0, carded->text.size() - 1), carded->json);
  if (!world.options.baselines) return {};
  const auto kept = world.out / "baselines.json";
  std::error_code ignored;
  if (!std::filesystem::exists(kept, ignored)) {
    world.stopwatch.enter("Baselines", "each site alone, the paper's method, a plaintext U-Net");
    world.narrator.chapter("Baselines: the same data and steps, other methods (takes a while)");
    auto text = read_text(world.out / "plan.toml", 4U << 20);
    if (!text) return pass(text);
    const auto plan = protocol::plan_from_toml(*text, "plan.toml");
    if (!plan) return pass(plan);
    PilotAsked asked;
    asked.worker = world.programs.worker;
    asked.device = world.options.device;
    for (const DemoSite& site : world.sites) {
      asked.folders.push_back({site.id, site.data, site.centre});
    }
    asked.modes = {"local-only", "mask-ceiling", "plaintext-unet"};
    if (plan->preset != "paper") asked.modes.emplace_back("paper");
    asked.on_progress = [&](const provenance::Json& told) {
      world.narrator.picture({worker_row("pilot", told)});
    };
    auto result = run_pilot(*plan, asked);
    if (!result) return pass(result);
    if (auto done = write_text(kept, to_pretty(*result)); !done) return done;
  }
  auto text = read_text(kept, 64U << 20);
  if (!text) return pass(text);
  const auto result = provenance::parse_json(*text, {.bytes_max = 64U << 20});
  if (!result) return pass(result);
  for (report::Score& score : scores_of(*result)) report.scores.push_back(std::move(score));
  return {};
}

}  // namespace cloister::cli
