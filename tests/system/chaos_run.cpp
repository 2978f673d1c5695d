// chaos_run [--seed N] [--kills K] [--minutes M] [--proxy] [--folder DIR]
//
// One study twice over real processes and sockets: undisturbed on one loopback, and with every
// member in a network namespace of its own and processes killed (SIGKILL) at random moments that
// the seed draws, with --proxy over a bad network between the namespaces. Both begin with the same
// keys, data and secrets, so both must end with the same effects: the same networks to the
// byte, the same figures, the same number of records of each kind that counts. With --minutes the
// disturbed run is repeated with seed N + 1, N + 2, ... until the time is up.
// Exit status: 0 all equal, 1 could not run, 2 something differs, 3 it never finished.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/prng.h"
#include "base/time.h"
#include "cli/child.h"
#include "cli/json_read.h"
#include "tests/system/give_up.h"
#include "tests/system/processes.h"
#include "tests/system/surroundings.h"

namespace cloister::system_test {
namespace {

namespace fs = std::filesystem;
using provenance::Json;
using provenance::text_or_empty;

struct Options {
  std::uint64_t seed = 1;
  int kills = 12;
  int minutes = 0;
  bool proxy = false;
  fs::path folder = fs::temp_directory_path() / fmt::format("cloister-chaos-{}", getpid());
};

// Mean time between kills: shorter than what most processes need for one step of the study.
constexpr Duration kill_every{4'000};
// Of workers of one agent or trainer, over all its lives: a third one on the same job would be its
// last attempt by rule, and a person would have to say `retry`.
constexpr int worker_kills_max = 2;
constexpr Duration look_every{1'000};
constexpr Duration run_max{20 * 60'000};

class Demo {
 public:
  explicit Demo(const Options& options, fs::path program = fs::path(CLOISTER_BIN) / "cloister")
      : out_(options.folder / "out"),
        log_(options.folder / "demo.log"),
        program_(std::move(program)) {}

  void start() {
    std::error_code ignored;
    fs::remove(log_, ignored);
    auto child = cli::Child::start(
        {"demo", program_, {"demo", "--budget", "rehearsal", "--out", out_.string()}, log_});
    if (!child) give_up(1, child.error().what);
    child_.emplace(std::move(*child));
  }
  [[nodiscard]] std::string said() const { return read_text(log_).value_or(""); }
  // The exit status once it has ended.
  std::optional<int> ended() { return child_ ? child_->ended() : std::nullopt; }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  [[nodiscard]] const fs::path& out() const { return out_; }

  // Until it said this; the whole run's limit otherwise.
  void wait_for(const std::string& words) {
    for (Duration waited{0}; waited < run_max; waited += Duration(20)) {
      if (said().find(words) != std::string::npos) return;
      if (ended())
        give_up(1, fmt::format("the demo ended before it said '{}':\n{}", words, said()));
      usleep(20'000);
    }
    give_up(3, fmt::format("the demo never said '{}'", words));
  }
  void interrupt() {
    kill(pid(), SIGINT);
    while (!ended()) usleep(20'000);
    wait_gone();
  }
  void wait_gone() const {
    for (int i = 0; i < 500 && !processes_of(out_.string()).empty(); ++i) usleep(20'000);
  }

 private:
  fs::path out_;
  fs::path log_;
  fs::path program_;
  std::optional<cli::Child> child_;
};

void copy_tree(const fs::path& from, const fs::path& to) {
  std::error_code problem;
  fs::remove_all(to, problem);
  const auto ran = cli::run_program("/bin/cp", {"-a", from.string(), to.string()});
  if (!ran || ran->status != 0) give_up(1, fmt::format("cannot copy {}", from.string()));
}

// Secrets (encoder seeds, the random parts of an encoding) are made at first use: handed to the
// second run, they make it a run of the same study.
void hand_on_secrets(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::recursive_directory_iterator(from / "homes")) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || !name.starts_with("secret-")) continue;
    const fs::path target = to / fs::relative(entry.path(), from);
    std::error_code ignored;
    fs::copy_file(entry.path(), target, fs::copy_options::skip_existing, ignored);
  }
}

// --- What must be equal
// ---------------------------------------------------------------------------

void keep(const Json& report, std::initializer_list<const char*> path, Json& into) {
  const Json* at = &report;
  std::string name;
  for (const char* step : path) {
    at = at == nullptr ? nullptr : at->find(step);
    name += (name.empty() ? "" : ".") + std::string(step);
  }
  into.set(name, at == nullptr ? Json() : *at);
}

// The same without what differs from run to run: the ids of records, which hold times, and what
// an encoded dataset is called, which follows from its ciphertexts.
Json without_names(const Json& json) {
  if (const auto* items = json.items()) {
    Json copy = Json::array();
    for (const Json& one : *items) copy.push(without_names(one));
    return copy;
  }
  if (json.fields() == nullptr) return json;
  Json copy = Json::object();
  for (const auto& [name, value] : *json.fields()) {
    const bool is_name = name == "record" || name == "dataset" || name == "about";
    if (!is_name) copy.set(name, without_names(value));
  }
  return copy;
}

// Networks, figures, decisions of the gate and effects; not ids, times and ciphertexts.
Json effects_of(const fs::path& out) {
  const auto text = read_text(out / "report.json", 64U << 20);
  if (!text) give_up(2, "there is no report.json");
  const auto report = provenance::parse_json(*text, {.bytes_max = 64U << 20});
  if (!report) give_up(2, "report.json cannot be read");
  Json effects = Json::object();
  keep(*report, {"pooled", "digest"}, effects);
  keep(*report, {"results"}, effects);
  keep(*report, {"study_mean"}, effects);
  keep(*report, {"prediction", "digest"}, effects);
  keep(*report, {"verify", "verdict"}, effects);
  const Json ledger = cli::object_at(*report, "ledger");
  const Json kinds = cli::object_at(ledger, "by_kind");
  for (const auto& [kind, count] : *kinds.fields()) {
    // Attempts that failed, and auditors who read in several sessions, are history and no effects.
    if (kind != "job.failed" && kind != "access.logged") effects.set("records." + kind, count);
  }
  const Json sites = cli::object_at(*report, "sites");
  for (const auto& [site, one] : *sites.fields()) {
    keep(one, {"mask_ceiling"}, effects);
    effects.set(site + ".mask_ceiling", *effects.find("mask_ceiling"));
    effects.set(site + ".gate", without_names(cli::object_at(one, "gate")));
    effects.set(site + ".patients", cli::object_at(one, "patients"));
  }
  return effects;
}

int compare(const Json& calm, const Json& stormy) {
  int different = 0;
  for (const auto& [name, value] : *calm.fields()) {
    const Json* other = stormy.find(name);
    if (other != nullptr && *other == value) continue;
    ++different;
    fmt::print(stderr, "differs: {}\n  undisturbed {}\n  disturbed   {}\n", name,
               to_jcs(value).substr(0, 2000),
               other == nullptr ? "nothing" : to_jcs(*other).substr(0, 2000));
  }
  return different;
}

// --- The disturbed run
// ------------------------------------------------------------------------------

struct Tally {
  std::map<What, int> kills;
  int starts = 1;
  double seconds = 0;
};

class Storm {
 public:
  Storm(Demo& demo, std::uint64_t seed, int kills, Surroundings* around = nullptr)
      : demo_(demo), prng_(seed), left_(kills), around_(around) {}

  Tally run() {
    const SystemClock clock;
    const Duration began = clock.monotonic();
    Duration next = began + wait();
    Duration next_look = began;
    demo_.start();
    while (true) {
      usleep(20'000);
      if (clock.monotonic() - began > run_max) give_up(3, "never finished:\n" + demo_.said());
      if (const auto status = demo_.ended()) {
        if (*status == 0) break;
        again(*status);
      }
      if (around_ != nullptr && clock.monotonic() >= next_look) {
        around_->look();
        next_look = clock.monotonic() + look_every;
      }
      if (left_ <= 0 || clock.monotonic() < next) continue;
      strike();
      next = clock.monotonic() + wait();
    }
    tally_.seconds = static_cast<double>((clock.monotonic() - began).count()) / 1000;
    return tally_;
  }

 private:
  Duration wait() {
    const double mean = static_cast<double>(kill_every.count());
    return Duration(static_cast<std::int64_t>(-std::log(1.0 - prng_.uniform(0, 0.999)) * mean));
  }

  // The CLI was killed, or gave up on a coordinator that was: the same command goes on.
  void again(int status) {
    if (status != 128 + SIGKILL) fmt::print(stderr, "chaos: the demo ended with {}\n", status);
    if (status != 128 + SIGKILL && ++gave_up_ > 5) give_up(3, demo_.said());
    demo_.wait_gone();
    ++tally_.starts;
    demo_.start();
  }

  // The command line of the process that started it: the same after that one was killed.
  static std::string owner_of(const Process& worker, const std::vector<Process>& all) {
    const auto owner = std::find_if(all.begin(), all.end(),
                                    [&](const Process& one) { return one.pid == worker.parent; });
    return owner == all.end() ? std::string() : owner->words;
  }

  void strike() {
    std::vector<Process> targets = processes_of(demo_.out().string());
    std::map<What, std::vector<Process>> kinds;
    for (const Process& one : targets) {
      const bool is_spared =
          one.what == What::worker && worker_kills_[owner_of(one, targets)] >= worker_kills_max;
      if (one.what != What::other && !is_spared) kinds[one.what].push_back(one);
    }
    if (kinds.empty()) return;
    auto kind = kinds.begin();
    std::advance(kind, static_cast<std::ptrdiff_t>(prng_.below(kinds.size())));
    const Process& victim = kind->second[prng_.below(kind->second.size())];
    if (victim.what == What::worker) ++worker_kills_[owner_of(victim, targets)];
    if (kill(victim.pid, SIGKILL) != 0) return;
    ++tally_.kills[victim.what];
    --left_;
  }

  Demo& demo_;
  Prng prng_;
  int left_;
  Surroundings* around_;
  int gave_up_ = 0;
  std::map<std::string, int> worker_kills_;
  Tally tally_;
};

LineFaults faults_for(const Options& options, std::uint64_t seed) {
  if (!options.proxy) return {};
  const LineFaults faults = draw_line_faults(seed, Duration(120'000));
  fmt::print(
      "  network: {} ms each way, {} kB/s, resets about every {} s, partitions about every "
      "{} s of up to {} s\n",
      faults.delay.count(), faults.bytes_per_second / 1000, faults.reset_every.count() / 1000,
      faults.partition_every.count() / 1000, faults.partition_max.count() / 1000);
  return faults;
}

std::string in_words(const Tally& tally) {
  std::string text;
  for (const auto& [what, count] : tally.kills)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(what));
  return text.empty() ? "nothing" : text;
}

int run_all(const Options& options) {
  std::error_code ignored;
  fs::create_directories(options.folder, ignored);
  Demo demo(options);
  const fs::path base = options.folder / "base";
  demo.start();
  demo.wait_for("opened '");
  demo.interrupt();
  copy_tree(demo.out(), base);

  const SystemClock clock;
  const Duration began = clock.monotonic();
  Demo calm(options);
  const Tally quiet = Storm(calm, options.seed, 0).run();
  const Json expected = effects_of(calm.out());
  hand_on_secrets(calm.out(), base);
  fmt::print("undisturbed: {:.0f} s, model {}\n", quiet.seconds,
             text_or_empty(expected, "pooled.digest").substr(0, 16));

  std::uint64_t seed = options.seed;
  do {
    copy_tree(base, demo.out());
    Surroundings around({demo.out(), options.folder / "programs", seed, faults_for(options, seed)});
    Demo storm(options, around.program());
    const Tally tally = Storm(storm, seed, options.kills, &around).run();
    fmt::print("seed {}: {:.0f} s, killed {}; the command was given {} times; {}\n", seed,
               tally.seconds, in_words(tally), tally.starts, around.in_words());
    std::fflush(stdout);
    if (compare(expected, effects_of(storm.out())) > 0) {
      fmt::print(stderr, "replay: chaos_run --seed {} --kills {}{}\n", seed, options.kills,
                 options.proxy ? " --proxy" : "");
      return 2;
    }
    ++seed;
  } while (clock.monotonic() - began < Duration(std::int64_t{60'000} * options.minutes));
  fmt::print("every disturbed run ended like the undisturbed one\n");
  fs::remove_all(options.folder, ignored);
  return 0;
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--proxy") {
      options.proxy = true;
      continue;
    }
    if (i + 1 >= argc) give_up(1, fmt::format("'{}' needs a value", word));
    const std::string value = argv[++i];
    if (word == "--seed")
      options.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (word == "--kills")
      options.kills = std::atoi(value.c_str());
    else if (word == "--minutes")
      options.minutes = std::atoi(value.c_str());
    else if (word == "--folder")
      options.folder = value;
    else
      give_up(1, fmt::format("unknown option '{}'", word));
  }
  return options;
}

}  // namespace
}  // namespace cloister::system_test

int main(int argc, char** argv) {
  using namespace cloister::system_test;
  return run_all(read_options(argc, argv));
}
