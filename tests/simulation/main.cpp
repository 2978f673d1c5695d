// simulation_test [--seed N] [--runs M] [--sites S] [--fork] [--tell]
//
// Runs M consortia from seeds N, N + 1, ... A failing seed is printed with the command that replays
// it. Exit status: 0 all well, 2 a safety rule broke, 3 something never finished; an abort is a
// broken invariant inside a core.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "consortium.h"
#include "crypto/start.h"

namespace {

std::uint64_t running = 0;

void on_abort(int) {
  std::fprintf(
      stderr, "seed %llu broke an invariant; replay: simulation_test --seed %llu --runs 1 --tell\n",
      static_cast<unsigned long long>(running), static_cast<unsigned long long>(running));
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
}

std::uint64_t number_after(int argc, char** argv, const char* name, std::uint64_t fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return fallback;
}

bool has(int argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cloister::simulation;
  if (!cloister::crypto::start()) return 1;
  std::signal(SIGABRT, on_abort);
  const std::uint64_t seed = number_after(argc, argv, "--seed", 1);
  const std::uint64_t runs = number_after(argc, argv, "--runs", 200);
  const bool tell = has(argc, argv, "--tell");
  const std::uint64_t sites = number_after(argc, argv, "--sites", 0);
  const bool fork = has(argc, argv, "--fork");
  std::size_t steps = 0;
  std::size_t records = 0;
  double hours = 0;
  for (running = seed; running < seed + runs; ++running) {
    const Outcome outcome = run_consortium(running, {tell, sites, fork});
    steps += outcome.steps;
    records += outcome.records;
    hours += static_cast<double>(outcome.took.count()) / 3'600'000;
    if (tell)
      std::fprintf(stderr, "seed %llu: %zu steps, %zu records, %.1f virtual hours\n",
                   static_cast<unsigned long long>(running), outcome.steps, outcome.records,
                   static_cast<double>(outcome.took.count()) / 3'600'000);
    if (outcome.verdict == Verdict::finished) continue;
    std::fprintf(
        stderr,
        "seed %llu: %s\nreplay: simulation_test --seed %llu --runs 1 --sites %llu%s --tell\n",
        static_cast<unsigned long long>(running), outcome.why.c_str(),
        static_cast<unsigned long long>(running), static_cast<unsigned long long>(sites),
        fork ? " --fork" : "");
    return outcome.verdict == Verdict::unsafe ? 2 : 3;
  }
  std::printf("%llu consortia: %zu steps, %zu records, %.0f virtual hours, all finished and safe\n",
              static_cast<unsigned long long>(runs), steps, records, hours);
  return 0;
}
