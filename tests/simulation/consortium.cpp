#include "consortium.h"

#include <cstdio>

#include "crypto/hash.h"
#include "site-agent/core/site_agent.h"
#include "trainer/core/trainer.h"

namespace cloister::simulation {
namespace {

// After the last fault everything must be finished within this.
constexpr Duration patience{6 * 3600 * 1000};
constexpr std::size_t steps_max = 3'000'000;
constexpr Duration ask_every{5 * 60 * 1000};

class AgentCore final : public MemberCore {
 public:
  AgentCore(site_agent::AgentOptions options, const crypto::SecretKey& key,
            const member::Stored& stored)
      : agent_(std::move(options), key, stored) {}
  member::Actions on(const member::Event& event, Instant now) override {
    return agent_.on(event, now);
  }
  std::optional<Instant> next_deadline() const override { return agent_.next_deadline(); }
  void check_invariants() const override { agent_.check_invariants(); }
  bool is_halted() const override { return agent_.link().watch().halted(); }

 private:
  site_agent::SiteAgent agent_;
};

class TrainerCore final : public MemberCore {
 public:
  TrainerCore(trainer::TrainerOptions options, const crypto::SecretKey& key,
              const member::Stored& stored)
      : trainer_(std::move(options), key, stored) {}
  member::Actions on(const member::Event& event, Instant now) override {
    return trainer_.on(event, now);
  }
  std::optional<Instant> next_deadline() const override { return trainer_.next_deadline(); }
  void check_invariants() const override { trainer_.check_invariants(); }
  bool is_halted() const override { return trainer_.link().watch().halted(); }

 private:
  trainer::Trainer trainer_;
};

std::vector<std::string> site_names(std::uint64_t count) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) names.push_back(fmt::format("site-{}", i + 1));
  return names;
}

class Run {
 public:
  Run(std::uint64_t seed, RunOptions options)
      : tell_(options.tell),
        forks_(options.fork),
        prng_(seed),
        sites_(site_names(options.sites == 0 ? 1 + prng_.below(4) : options.sites)),
        members_(prng_.next(), sites_),
        faults_(draw_faults(prng_)),
        network_(timeline_, prng_, faults_),
        coordinator_({timeline_, members_.at("coordinator").identity, members_.entropy(),
                      members_.rules(), members_.genesis()}),
        fork_({timeline_, members_.at("coordinator").identity, members_.entropy(), members_.rules(),
               members_.genesis()}),
        began_(timeline_.now()) {
    if (forks_) faults_.until = Duration(0);  // an honest network: only the coordinator lies
    // Numbers of its own: runs without a withdrawal stay what they were.
    Prng withdrawal(seed ^ 0x77697468);
    if (forks_ || sites_.size() < 2 || !withdrawal.chance(0.4)) return;
    withdraws_ = sites_[withdrawal.below(sites_.size())];
    // Mostly while things still go wrong.
    const auto span = static_cast<std::uint64_t>(faults_.until.count()) * 5 / 4 + 600'000;
    withdraws_at_ = began_ + Duration(static_cast<std::int64_t>(withdrawal.below(span)));
    retrains_ = withdrawal.chance(0.6);
  }

  Outcome go() {
    if (tell_) {
      std::fprintf(stderr, "%zu sites; %s%s%s\n", sites_.size(), faults_.in_words().c_str(),
                   withdraws_.empty() ? "" : "; withdraws: ", withdraws_.c_str());
    }
    coordinator_.start();
    make_members();
    schedule_faults();
    People people(people_parts());
    people_ = &people;
    people.begin();
    return loop();
  }

 private:
  void make_members();
  [[nodiscard]] PeopleParts people_parts();
  void schedule_faults();
  void kill_again(Duration mean, std::function<void()> kill, std::function<void()> start);
  void cut_again(const std::string& member);
  void jump_again(SimMember& node);
  [[nodiscard]] Duration around(Duration mean) {
    return Duration(
        1 + static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(2 * mean.count()))));
  }
  [[nodiscard]] bool is_calm() const { return timeline_.now() - began_ >= faults_.until; }
  [[nodiscard]] bool is_finished();
  [[nodiscard]] bool is_withdrawn(const coordinator::Study& study) const;
  void ask_for_predictions();
  [[nodiscard]] Outcome loop();
  [[nodiscard]] Outcome ended(Verdict verdict, std::string why) const;
  [[nodiscard]] std::string standing();
  [[nodiscard]] site_agent::SitePolicy policy_of(const std::string& site) const;

  [[nodiscard]] bool is_time_to_fork() const;
  void fork();
  [[nodiscard]] std::optional<Outcome> fork_outcome() const;

  bool tell_;
  bool forks_;
  Prng prng_;
  std::vector<std::string> sites_;
  Members members_;
  Faults faults_;
  Timeline timeline_;
  SimNetwork network_;
  SimCoordinator coordinator_;
  SimCoordinator fork_;  // what the others are shown, once it forks
  std::optional<Instant> forked_at_;
  Checkers checkers_;
  std::map<std::string, std::unique_ptr<SimMember>> nodes_;
  std::set<std::string> by_hand_;
  const People* people_ = nullptr;
  std::set<std::string> predicted_;
  std::map<std::string, std::string> unpredicted_;  // why not
  bool asked_for_predictions_ = false;
  Instant began_;
  std::string withdraws_;  // the site that takes its data back; empty: none
  Instant withdraws_at_;
  bool retrains_ = false;  // the others are enough for a quorum
  std::size_t steps_ = 0;
  std::size_t coordinator_ends_ = 0;
};

constexpr auto policy_text = "automatic = everything but releases, at ";

site_agent::SitePolicy Run::policy_of(const std::string& site) const {
  site_agent::SitePolicy policy;
  policy.text = policy_text + site;
  policy.digest = crypto::sha256(as_bytes(policy.text));
  policy.studies = {"*"};
  policy.standing_predictions = true;
  if (by_hand_.contains(site)) return policy;
  for (const auto& kind : protocol::job_kinds()) {
    if (kind.performer == protocol::Performer::site && !kind.leaves_site)
      policy.automatic.emplace_back(kind.name);
  }
  return policy;
}

void Run::make_members() {
  for (const std::string& site : sites_) {
    if (prng_.chance(0.3)) by_hand_.insert(site);
  }
  const auto link = [this](const std::string& name) {
    member::LinkOptions options;
    options.self = MemberId::trusted(name);
    options.role = members_.at(name).role;
    options.root = members_.root_key_id();
    options.membership = members_.genesis();
    return options;
  };
  for (const std::string& site : sites_) {
    const std::string name = "agent-" + site;
    site_agent::AgentOptions options;
    options.link = link(name);
    options.link.site = site;
    options.policy = policy_of(site);
    const auto make = [this, options, name](const member::Stored& stored) {
      return std::unique_ptr<MemberCore>(
          new AgentCore(options, members_.at(name).identity.sign, stored));
    };
    nodes_[name].reset(
        new SimMember({timeline_, network_, coordinator_, prng_, faults_, name, make}));
  }
  trainer::TrainerOptions options;
  options.link = link("trainer");
  const auto make = [this, options](const member::Stored& stored) {
    return std::unique_ptr<MemberCore>(
        new TrainerCore(options, members_.at("trainer").identity.sign, stored));
  };
  nodes_["trainer"].reset(
      new SimMember({timeline_, network_, coordinator_, prng_, faults_, "trainer", make}));
  for (auto& [name, node] : nodes_) node->start();
}

PeopleParts Run::people_parts() {
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted("heart");
  plan.title = "Hearts";
  plan.purpose = "cardiac segmentation";
  plan.legal_basis = "consent";
  plan.owner = "owner";
  plan.trainer = "trainer";
  plan.trainer_seal_key = to_hex(crypto::public_part(members_.at("trainer").identity).seal.view());
  plan.sites = sites_;
  plan.quorum = static_cast<std::uint32_t>(sites_.size() - (retrains_ ? 1 : 0));
  plan.structures = {"LV", "MYO", "RV"};
  plan.budget = protocol::budget_preset("quick").value();
  plan.gate = protocol::default_thresholds();
  PeopleParts parts{timeline_, network_,    coordinator_, members_,   checkers_,    {},
                    plan,      policy_text, by_hand_,     withdraws_, withdraws_at_};
  for (const std::string& site : sites_) parts.agents[site] = nodes_.at("agent-" + site).get();
  return parts;
}

void Run::kill_again(Duration mean, std::function<void()> kill, std::function<void()> start) {
  if (mean == Duration(0)) return;
  timeline_.after(around(mean), [this, mean, kill, start] {
    if (is_calm()) return;
    kill();
    const auto down = Duration(static_cast<std::int64_t>(
        prng_.below(static_cast<std::uint64_t>(faults_.down_max.count()))));
    timeline_.after(down, [this, mean, kill, start] {
      start();
      kill_again(mean, kill, start);
    });
  });
}

void Run::cut_again(const std::string& name) {
  if (faults_.partition == Duration(0)) return;
  timeline_.after(around(faults_.partition), [this, name] {
    if (is_calm()) return;
    network_.cut(name);
    const auto length = Duration(static_cast<std::int64_t>(
        prng_.below(static_cast<std::uint64_t>(faults_.partition_max.count()))));
    timeline_.after(length, [this, name] {
      network_.heal(name);
      cut_again(name);
    });
  });
}

void Run::jump_again(SimMember& node) {
  if (faults_.clock_jumps == Duration(0)) return;
  timeline_.after(around(faults_.clock_jumps), [this, &node] {
    if (is_calm()) return;
    constexpr std::int64_t hours_max = 6;
    node.jump(Duration(3'600'000 *
                       (static_cast<std::int64_t>(prng_.below(2 * hours_max + 1)) - hours_max)));
    jump_again(node);
  });
}

void Run::schedule_faults() {
  // Every third time it is asked to stop.
  kill_again(
      faults_.kill_coordinator,
      [this] { ++coordinator_ends_ % 3 == 0 ? coordinator_.stop() : coordinator_.kill(); },
      [this] { coordinator_.start(); });
  for (auto& [name, node] : nodes_) {
    kill_again(
        faults_.kill_member, [node = node.get()] { node->kill(); },
        [node = node.get()] { node->start(); });
    cut_again(name);
    jump_again(*node);
  }
  timeline_.at(began_ + faults_.until, [this] {
    network_.calm();
    for (auto& [name, node] : nodes_) node->calm();
  });
}

bool Run::is_finished() {
  if (!is_calm() || !coordinator_.is_up()) return false;
  const auto& studies = coordinator_.core().studies();
  if (studies.empty()) return false;
  const coordinator::Study& study = studies.begin()->second;
  const coordinator::Model* model = study.newest_model();
  if (!withdraws_.empty()) return is_withdrawn(study);
  if (model == nullptr || !model->released || model->evaluations.size() < sites_.size())
    return false;
  for (const std::string& site : sites_) {
    if (!study.has_standing_permit(site)) return false;
  }
  if (!asked_for_predictions_) ask_for_predictions();
  return predicted_.size() == sites_.size();
}

// Everybody has stopped and said so, nothing open reads what was withdrawn, no key of it is left,
// and a network without it is there if there can be one.
bool Run::is_withdrawn(const coordinator::Study& study) const {
  if (study.withdrawals().empty()) return false;
  const coordinator::Withdrawal& one = study.withdrawals().front();
  const auto members = coordinator::must_confirm(study, coordinator_.core().membership());
  for (const MemberId& member : members) {
    if (!one.confirmed.contains(member)) return false;
  }
  for (const auto& [id, job] : study.jobs()) {
    if (job.is_closed()) continue;
    for (const auto& input : job.inputs) {
      if (study.is_quarantined(input.digest)) return false;
    }
  }
  for (const auto& [manifest, dataset] : study.datasets()) {
    if (!dataset.quarantined) continue;
    for (const auto& shard : dataset.shards) {
      if (coordinator_.core().facts().has_any_wrap(shard.digest)) return false;
    }
  }
  if (study.admitted().size() < study.plan().quorum) {
    // A site that has not released yet still may: then a network can be trained after all.
    return !retrains_ && study.withdrawals().front().is_assessed;
  }
  const coordinator::Model* model = study.newest_model();
  return model != nullptr && !model->quarantined;
}

void Run::ask_for_predictions() {
  asked_for_predictions_ = true;
  // Agents may still have to hear of the release, or be down: people ask again.
  timeline_.after(ask_every, [this] {
    for (const std::string& site : sites_) {
      if (predicted_.contains(site)) continue;
      nodes_.at("agent-" + site)
          ->person_asks("predict", R"({"path":"/data/new.nii.gz","output":"/data/mask.nii.gz"})",
                        [this, site](const Result<std::string>& answer) {
                          if (answer) predicted_.insert(site);
                          if (!answer) unpredicted_[site] = to_string(answer.error());
                        });
    }
    ask_for_predictions();
  });
}

Outcome Run::ended(Verdict verdict, std::string why) const {
  return {verdict, std::move(why), timeline_.now() - began_, steps_, checkers_.records()};
}

// Where things stand, for whoever reads of a run that is stuck.
std::string Run::standing() {
  std::string text;
  if (!coordinator_.is_up()) return "the coordinator is down";
  for (const auto& [id, study] : coordinator_.core().studies()) {
    text += fmt::format("\n  study {}: {}", id, study.phase());
    for (const std::string& site : sites_)
      text +=
          fmt::format("\n  {}: {}", site,
                      site_waits_for(study, site, coordinator_.core().facts(), timeline_.now()));
    for (const auto& [job_id, job] : study.jobs()) {
      if (job.state != protocol::JobState::done)
        text += fmt::format("\n  {}: {} {}", job_id, protocol::to_string(job.state), job.reason);
    }
  }
  for (const auto& [key, error] : coordinator_.core().stuck())
    text += fmt::format("\n  stuck: {}: {}", key, to_string(error));
  for (const auto& [name, node] : nodes_)
    text += fmt::format("\n  {}: {}", name, node->last_notice());
  for (const auto& [what, error] : people_->refusals())
    text += fmt::format("\n  refused: {}: {}", what, to_string(error));
  for (const std::string& site : sites_)
    if (!predicted_.contains(site))
      text += fmt::format("\n  no prediction at {}: {}", site, unpredicted_[site]);
  return text;
}

// The pooled training is about to be handed to the trainer, which has not heard of it.
bool Run::is_time_to_fork() const {
  if (!forks_ || forked_at_ || !coordinator_.is_up()) return false;
  for (const auto& [id, study] : coordinator_.core().studies()) {
    for (const auto& [job_id, job] : study.jobs()) {
      if (job.kind == "train-segmentation") return true;
    }
  }
  return false;
}

// One site and the trainer stay with this history; the other sites are shown another one.
void Run::fork() {
  forked_at_ = timeline_.now();
  fork_.start_as_fork_of(coordinator_);
  for (std::size_t i = 1; i < sites_.size(); ++i) {
    SimMember& node = *nodes_.at("agent-" + sites_[i]);
    node.kill();  // nothing of the first history that is under way reaches it
    node.turn_to(fork_);
    node.start();
  }
}

// Half an hour with a history that one site of several vouches for: nothing may come of the
// releases.
std::optional<Outcome> Run::fork_outcome() const {
  if (!forked_at_) return std::nullopt;
  const coordinator::Study& study = coordinator_.core().studies().begin()->second;
  if (checkers_.has_any(provenance::RecordKind::train_started) || study.newest_model() != nullptr) {
    return ended(Verdict::unsafe, "fork: the trainer acted on a history that one site vouches for");
  }
  if (timeline_.now() - *forked_at_ < Duration(1'800'000)) return std::nullopt;
  const std::string notice = nodes_.at("trainer")->last_notice();
  if (notice.starts_with("witness.quorum")) return ended(Verdict::finished, "");
  return ended(Verdict::stuck, "fork: the trainer did not say what it waits for: " + notice);
}

Outcome Run::loop() {
  while (timeline_.run_next()) {
    ++steps_;
    if (auto broken = checkers_.after_step(coordinator_)) return ended(Verdict::unsafe, *broken);
    for (const auto& [name, node] : nodes_) {
      if (node->evidence() > 0)
        return ended(Verdict::unsafe, fmt::format("honest-log: {} saw a fork or a rollback: {}",
                                                  name, node->last_notice()));
    }
    if (is_time_to_fork()) fork();
    if (auto done = fork_outcome()) return *done;
    if (is_finished()) return ended(Verdict::finished, "");
    const bool is_late = timeline_.now() - began_ > faults_.until + patience;
    if (is_late || steps_ > steps_max)
      return ended(Verdict::stuck,
                   fmt::format("not finished after the last fault: {}", standing()));
  }
  return ended(Verdict::stuck, "nothing is left to happen: " + standing());
}

}  // namespace

Outcome run_consortium(std::uint64_t seed, RunOptions options) { return Run(seed, options).go(); }

}  // namespace cloister::simulation
