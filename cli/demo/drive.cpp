// The study from its opening to the release of its model: the demo only watches, and lets the
// people sign what people must sign.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>

#include "base/file.h"
#include "cli/demo/world.h"
#include "cli/json_read.h"
#include "cli/plan_template.h"
#include "cli/site.h"
#include "cli/study.h"
#include "cli/study_decide.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

struct StageOf {
  std::string_view kind;
  const char* name;
  const char* plain;
};
// In the order of a study's life; the earliest unfinished kind names the stage.
constexpr std::array<StageOf, 10> stages{{
    {"register-data", "Data check", "each site lists the cases that can be used"},
    {"train-image-encoder", "Encoders", "each site trains its own image and mask encoder"},
    {"train-mask-encoder", "Encoders", "each site trains its own image and mask encoder"},
    {"encode", "Encoding", "patients to sealed shards of codes"},
    {"assess-privacy", "Privacy gate", "each site attacks its own codes"},
    {"release", "Release", "exceptions and permits signed, shards uploaded"},
    {"train-segmentation", "Pooled training", "one network on the codes of all sites"},
    {"predict", "Evaluation", "held-out patients: predicted, decoders tuned, compared"},
    {"tune-mask-decoder", "Evaluation", "held-out patients: predicted, decoders tuned, compared"},
    {"evaluate", "Evaluation", "held-out patients: predicted, decoders tuned, compared"},
}};

std::string exception_reason(const World& world) {
  return world.is_phantom() ? "Phantoms made for this demo: no patient stands behind these codes."
                            : "Demonstration on one machine: the codes do not leave it. A real "
                              "site decides for itself.";
}

// Daemons refuse to start on a full disk, and would be started again for ever.
Result<void> check_room_left(const std::filesystem::path& out) {
  constexpr std::uint64_t wanted = 32'000'000;
  std::error_code problem;
  const auto space = std::filesystem::space(out, problem);
  if (problem || space.available >= wanted) return {};
  return fail(Kind::exhausted, "demo.disk_full",
              fmt::format("The disk is full: {:.1f} MB are free at {}.",
                          static_cast<double>(space.available) / 1e6, out.string()),
              "Free some space and give the same command: it goes on where it stopped.");
}

// What is known of each site's acts, so that each is narrated and signed once.
struct Signed {
  std::set<std::string> gate, released, standing, accepted;
};

class Drive {
 public:
  Drive(World& world, Seat owner) : world_(world), owner_(std::move(owner)) {}

  Result<void> run() {
    int misses = 0;
    while (true) {
      if (auto room = check_room_left(world_.out); !room) return room;
      keep_alive(world_);
      auto study = owner_.line->tell("study", std::string(demo_study));
      if (!study) {
        // A coordinator that is being started again answers soon; one that refuses will not.
        if (++misses > 20 || study.error().kind != Kind::unavailable) return pass(study);
        continue;
      }
      misses = 0;
      if (auto failed = look_for_failure(*study); !failed) return failed;
      show(*study);
      if (auto acted = act(*study); !acted) return acted;
      if (text_or_empty(*study, "phase") == "released") return {};
      usleep(400'000);
    }
  }

 private:
  // A job that an earlier run left failed or held is tried once more: what was in its way (a full
  // disk, say) may be gone.
  Result<void> look_for_failure(const Json& study) {
    for (const Json& job : items_at(study, "jobs")) {
      const std::string id = text_or_empty(job, "id");
      const std::string state = text_or_empty(job, "state");
      const bool may_go_on = state == "failed" || state == "held";
      if (!may_go_on && state != "denied" && state != "aborted") {
        taken_up_.erase(id);
        continue;
      }
      if (may_go_on && !looked_) left_failed_.insert(id);
      if (left_failed_.contains(id)) {
        if (auto taken = take_up(job); !taken) return taken;
        continue;
      }
      const auto lagging = taken_up_.find(id);  // the coordinator's view follows shortly
      if (lagging != taken_up_.end() && ++lagging->second < looks_max) continue;
      return fail(Kind::unavailable, "demo.job",
                  fmt::format("Job {}: {}", id, text_or_empty(job, "waits_for")),
                  fmt::format("Look at the logs in {}, mend what they name, and give the same "
                              "command: what failed is tried once more.",
                              world_.logs().string()));
    }
    looked_ = true;
    return {};
  }

  Result<void> take_up(const Json& job) {
    const std::string id = text_or_empty(job, "id");
    const Decision again{text_or_empty(job, "state") == "held" ? "resume" : "retry", ""};
    if (const DemoSite* site = site_of(job)) {
      auto agent = AgentLine::open(site->agent);
      if (!agent) return {};  // being started again
      auto admin = open_person(site->admin, world_.people);
      if (!admin) return pass(admin);
      auto done = while_alive(world_, [&] { return site_decide(*agent, *admin, id, again); });
      if (!done) return pass(done);
    } else if (auto done = study_decide(owner_, id, again); !done) {
      return pass(done);
    }
    left_failed_.erase(id);
    taken_up_[id] = 0;
    world_.narrator.say("retried",
                        fmt::format("{} did not end in the earlier run ({}): tried once more", id,
                                    text_or_empty(job, "reason")));
    return {};
  }

  void show(const Json& study) {
    std::vector<Narrator::Row> rows;
    std::size_t stage = stages.size();
    for (const Json& job : items_at(study, "jobs")) {
      const std::string state = text_or_empty(job, "state");
      const std::string kind = text_or_empty(job, "kind");
      if (state == "done") continue;
      for (std::size_t i = 0; i < stages.size(); ++i) {
        if (stages[i].kind == kind) stage = std::min(stage, i);
      }
      rows.push_back(row_of(job));
      note_curve(job);
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.who < b.who; });
    if (stage < stages.size()) world_.stopwatch.enter(stages[stage].name, stages[stage].plain);
    world_.narrator.picture(rows);
  }

  // None for the trainer's jobs.
  const DemoSite* site_of(const Json& job) const {
    return text_or_empty(job, "kind") == "predict" ? nullptr
                                                   : site_named(text_or_empty(job, "site"));
  }

  Narrator::Row row_of(const Json& job) const {
    Narrator::Row row;
    const DemoSite* site = site_of(job);
    row.who = site == nullptr ? "trainer" : site->id;
    row.what = text_or_empty(job, "kind");
    const Json progress = object_at(job, "progress");
    const double steps = number_at(progress, "steps");
    if (steps > 0) row.part = number_at(progress, "step") / steps;
    const std::string told = progress_text(job);
    row.note = told.empty() ? text_or_empty(job, "waits_for") : told;
    return row;
  }

  // Losses as they are reported: the curves of the report.
  void note_curve(const Json& job) const {
    const Json progress = object_at(job, "progress");
    const Json metrics = object_at(progress, "metrics");
    const Json* loss = metrics.find("loss");
    if (loss == nullptr || !loss->number()) return;
    std::ofstream out(world_.logs() / "curves.jsonl", std::ios::app);
    out << to_jcs(Json::object()
                      .set("job", text_or_empty(job, "id"))
                      .set("kind", text_or_empty(job, "kind"))
                      .set("site", text_or_empty(job, "site"))
                      .set("phase", text_or_empty(progress, "phase"))
                      .set("step", number_at(progress, "step"))
                      .set("loss", *loss->number()))
        << '\n';
  }

  Result<void> act(const Json& study) {
    for (const Json& site : items_at(study, "sites")) {
      const Json dataset = object_at(site, "dataset");
      const std::string gate = text_or_empty(dataset, "gate");
      if (gate.empty() || gate == "unreported" || truth_at(dataset, "released")) continue;
      if (auto let_out = let_out_of(text_or_empty(site, "site")); !let_out) return let_out;
    }
    const auto models = items_at(study, "models");
    if (models.empty()) return {};
    return agree_on(models.back(), study);
  }

  const DemoSite* site_named(const std::string& id) const {
    for (const DemoSite& site : world_.sites) {
      if (site.id == id) return &site;
    }
    return nullptr;
  }

  Result<void> let_out_of(const std::string& id) {
    const DemoSite* site = site_named(id);
    if (site == nullptr || signed_.released.contains(id)) return {};
    auto agent = AgentLine::open(site->agent);
    if (!agent) return {};  // being started again
    auto preview = preview_of(*agent, std::string(demo_study));
    if (!preview) return {};  // not yet asked for
    auto steward = open_person(site->steward, world_.people);
    if (!steward) return pass(steward);
    say_gate(id, *preview);
    if (auto excepted = except(*agent, *steward, id, *preview); !excepted) return excepted;
    const auto stands = stand(*agent, *steward);
    if (!stands) return pass(stands);
    if (!*stands) return {};
    if (truth_at(*preview, "mask_decoder_leaves")) {
      auto decoder = site_release_decoder(*agent, *steward, std::string(demo_study),
                                          "This study is guided, as its plan says.");
      if (!decoder) return pass(decoder);
      world_.narrator.say("decoder",
                          fmt::format("{}: steward-{} signed the release of the mask decoder: the "
                                      "trainer can read this site's masks",
                                      id, id),
                          decoder->json);
    }
    auto released = while_alive(
        world_, [&] { return site_release(*agent, *steward, std::string(demo_study), ""); });
    if (!released) return pass(released);
    signed_.released.insert(id);
    world_.narrator.say(
        "released",
        fmt::format("{}: steward-{} signed the release of {:.0f} patients' codes, {:.1f} "
                    "MB, to {} and nobody else",
                    id, id, number_at(*preview, "patients"), number_at(*preview, "bytes") / 1e6,
                    text_or_empty(*preview, "recipient")),
        released->json);
    return {};
  }

  // Once: a run that was killed after it signed goes on here. False: the agent did not answer; it
  // is asked again at the next look, before anything is released.
  Result<bool> stand(AgentLine& agent, const SitePerson& steward) {
    const auto known = agent.ask("study", Json::object().set("study", std::string(demo_study)));
    if (!known) return false;
    if (truth_at(*known, "standing")) return true;
    const auto signed_now = while_alive(world_, [&] {
      return site_standing(agent, steward, std::string(demo_study),
                           "Predictions for this site's own patients.");
    });
    if (!signed_now) return pass(signed_now);
    return true;
  }

  void say_gate(const std::string& id, const Json& preview) {
    if (!signed_.gate.insert(id).second) return;
    std::string text = fmt::format("{}: the gate says", id);
    for (const Json& one : items_at(preview, "gate")) {
      text += fmt::format("  {} {:.3g} {}", text_or_empty(one, "indicator"),
                          number_at(one, "value"), text_or_empty(one, "verdict"));
    }
    world_.narrator.say("gate", text, object_at(preview, "gate"));
  }

  Result<void> except(AgentLine& agent, const SitePerson& steward, const std::string& id,
                      const Json& preview) {
    std::string names;
    for (const Json& one : items_at(preview, "gate")) {
      if (!truth_at(one, "needs_exception") || truth_at(one, "excepted")) continue;
      names += (names.empty() ? "" : ", ") + text_or_empty(one, "indicator");
    }
    if (names.empty()) return {};
    const std::string reason = exception_reason(world_);
    auto done = while_alive(world_, [&] {
      return site_exception(agent, steward, {std::string(demo_study), {}, reason});
    });
    if (!done) return pass(done);
    world_.narrator.say(
        "exception",
        fmt::format("{}: steward-{} signed an exception for {}: “{}”", id, id, names, reason),
        done->json);
    return {};
  }

  Result<void> agree_on(const Json& model, const Json& study) {
    auto digest = provenance::digest_at(model, "digest");
    if (!digest) return pass(digest);
    const Json evaluations = object_at(model, "evaluations");
    if (evaluations.fields()->size() < world_.sites.size()) return {};
    world_.stopwatch.enter("Model release", "sites agree, the owner releases");
    const auto approvals = items_at(model, "approvals");
    for (const DemoSite& site : world_.sites) {
      const bool known =
          std::find(approvals.begin(), approvals.end(), Json(site.id)) != approvals.end();
      if (known) continue;
      if (auto accepted = accept(site, *digest); !accepted) return accepted;
    }
    if (approvals.size() < world_.sites.size()) return {};  // on their way
    if (truth_at(model, "released") || text_or_empty(study, "phase") == "released") return {};
    auto released = release_model(owner_, std::string(demo_study),
                                  "Demonstration: few patients, so membership cannot pass.");
    if (!released) {
      // The approvals may still be on their way into the owner's view.
      return released.error().kind == Kind::unavailable ? Result<void>{}
                                                        : Result<void>(pass(released));
    }
    world_.narrator.say(
        "model", fmt::format("{} released the shared network {}", demo_owner, short_hex(*digest)),
        released->json);
    return {};
  }

  // Few patients are easily recognised by a network that saw them so often.
  Result<void> except_model(const DemoSite& site, AgentLine& agent, const SitePerson& steward,
                            const Digest& model) {
    const std::string reason = exception_reason(world_);
    auto done = while_alive(world_, [&] {
      return site_model_exception(agent, steward, {{std::string(demo_study), {}, reason}, model});
    });
    if (!done && done.error().code == "exception.nothing") return {};
    if (!done) return pass(done);
    world_.narrator.say(
        "exception",
        fmt::format("{}: steward-{} signed an exception: training patients of {} can be "
                    "recognised by the network: “{}”",
                    site.id, site.id, site.id, reason),
        done->json);
    return {};
  }

  Result<void> accept(const DemoSite& site, const Digest& model) {
    if (signed_.accepted.contains(site.id)) return {};
    auto agent = AgentLine::open(site.agent);
    if (!agent) return pass(agent);
    auto steward = open_person(site.steward, world_.people);
    if (!steward) return pass(steward);
    if (auto done = except_model(site, *agent, *steward, model); !done) return done;
    auto accepted = while_alive(world_, [&] {
      return site_accept_model(*agent, *steward, std::string(demo_study), model);
    });
    if (!accepted) return pass(accepted);
    signed_.accepted.insert(site.id);
    world_.narrator.say(
        "accepted",
        fmt::format("{}: steward-{} agrees to the release of the network", site.id, site.id),
        accepted->json);
    return {};
  }

  World& world_;
  Seat owner_;
  Signed signed_;
  static constexpr int looks_max = 150;  // a minute
  bool looked_ = false;
  std::set<std::string> left_failed_;  // by an earlier run
  std::map<std::string, int> taken_up_;
};

// A rehearsal goes through every step with networks that learn nothing: for tests of the machinery.
Result<protocol::Budget> budget_of(const std::string& name, std::string_view backbone) {
  if (name != "rehearsal") return protocol::budget_preset(name, backbone);
  auto budget = protocol::budget_preset("quick");
  if (!budget) return budget;
  budget->name = "custom";
  budget->size_px = 64;
  budget->spacing_mm = 3.0;
  budget->views = 1;
  for (auto* steps : {&budget->image_encoder_steps, &budget->mask_encoder_steps,
                      &budget->segmentation_steps, &budget->tune_steps, &budget->attack_steps}) {
    *steps = 12;
  }
  return budget;
}

Result<protocol::StudyPlan> plan_of(World& world, Seat& owner) {
  auto known = roster(owner);
  if (!known) return pass(known);
  const member::Member* trainer = known->find(MemberId::trusted("trainer"));
  if (trainer == nullptr) {
    return fail(Kind::not_found, "demo.trainer", "The trainer is no member.", "Run with --fresh.");
  }
  const protocol::Modes modes = protocol::modes_of(world.options.preset);
  auto budget = budget_of(world.options.budget, protocol::backbone_of(modes.encoder));
  if (!budget) return pass(budget);
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted(std::string(demo_study));
  constexpr std::array<std::string_view, 6> words{"No", "One", "Two", "Three", "Four", "Five"};
  const std::size_t count = world.sites.size();
  plan.title = fmt::format("{} {}, one heart network",
                           count < words.size() ? std::string(words[count]) : std::to_string(count),
                           count == 1 ? "hospital" : "hospitals");
  plan.purpose = "Shows the whole life of a study; supports no clinical use.";
  plan.legal_basis = world.is_phantom() ? "No personal data: phantoms made for this run."
                                        : "The licence of the public data set that was given.";
  plan.owner = demo_owner;
  plan.trainer = "trainer";
  plan.trainer_seal_key = to_hex(trainer->seal.view());
  for (const DemoSite& site : world.sites) plan.sites.push_back(site.id);
  plan.quorum = static_cast<std::uint32_t>(plan.sites.size());
  plan.release_approvals = plan.quorum;
  plan.structures = world.structures;
  plan.preset = world.options.preset;
  plan.encoder = modes.encoder;
  plan.backbone = protocol::backbone_of(modes.encoder);
  plan.parts.own_segmentation = plan.backbone != "none";
  plan.pooling = modes.pooling;
  plan.mask_decoder_leaves = plan.pooling == "guided";
  plan.budget = *budget;
  if (plan.preset == "paper") plan.budget.test_time_views = 1;
  plan.gate = protocol::default_thresholds();
  if (world.options.budget == "rehearsal") plan.mask_ceiling_min = 0;
  return plan;
}

}  // namespace

Result<void> open_demo_study(World& world) {
  world.stopwatch.enter("Study", "the plan, checked and signed");
  world.narrator.chapter("Study: a plan, signed by its owner");
  auto owner = take_seat(world.person(std::string(demo_owner)), world.people);
  if (!owner) return pass(owner);
  if (owner->line->tell("study", std::string(demo_study))) return {};
  auto plan = plan_of(world, *owner);
  if (!plan) return pass(plan);
  const auto file = world.out / "plan.toml";
  if (auto written = write_text(file, plan_toml(*plan)); !written) return written;
  auto opened = open_study_file(*owner, file);
  if (!opened) return pass(opened);
  world.narrator.say("opened",
                     fmt::format("{} opened '{}' from {} (mode {}, budget {})", demo_owner,
                                 demo_study, file.string(), plan->preset, plan->budget.name),
                     opened->json);
  return {};
}

Result<void> drive_study(World& world) {
  world.narrator.chapter("The study runs: jobs offered, approved by each site's policy, worked");
  auto owner = take_seat(world.person(std::string(demo_owner)), world.people);
  if (!owner) return pass(owner);
  return Drive(world, std::move(*owner)).run();
}

}  // namespace cloister::cli
