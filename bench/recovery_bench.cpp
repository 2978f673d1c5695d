// recovery_bench [jobs] [FOLDER]
//
// How long a coordinator needs from its start until it serves, with 100,000 stored jobs and ten
// records a job. The store is filled through the real ledger (signed, admitted, committed); only
// the rules of studies are not asked. What is measured is the real program over it, as a process.
// A FOLDER is left behind; one that was filled before is not filled again.
#include <fmt/format.h>
#include <signal.h>

#include <cstdlib>
#include <functional>

#include "bench/bench_home.h"
#include "coordinator/core/planner.h"
#include "coordinator/fold_store.h"
#include "coordinator/ledger.h"
#include "crypto/hash.h"
#include "storage/rocks_store.h"

namespace {

using namespace cloister;
using namespace cloister::bench;
using coordinator::Ledger;
using provenance::Record;
using provenance::RecordKind;

constexpr std::size_t sites = 10;
constexpr std::size_t jobs_a_study = 100;

Result<void> allow(const Record&) { return {}; }

class Filler {
 public:
  explicit Filler(BenchHome& home)
      : home_(home),
        store_(must(storage::RocksStore::open(home.folder() / "ledger"))),
        outside_(home.folder() / "checkpoint"),
        ledger_(must(Ledger::open(
            {*store_, outside_, home.rules(), home.identity("coordinator"), home.entropy()}))) {}

  void begin() {
    place(home_.genesis());
    must(ledger_->commit());
  }
  // Each job is offered, approved, failed once, held and resumed three times, and done.
  void add_study(std::size_t number) {
    const auto plan = home_.plan(fmt::format("study-{:05}", number), 0, sites);
    const auto opened = place({home_.opening(plan)});
    const coordinator::Study study(plan, opened.placed.front());
    std::vector<Bytes> group;
    for (std::size_t i = 0; i < jobs_a_study; ++i) add_job(study, i, group);
    place(group);
    must(ledger_->commit());
  }
  // Records that say nothing of jobs.
  void add_reads(std::size_t count) {
    const auto owner = must(ledger_->signer(MemberId::trusted("owner")));
    home_.follow("owner", owner.last_seq, owner.last_leaf);
    std::vector<Bytes> group;
    for (std::size_t i = 0; i < count; ++i) {
      Record read;
      read.kind = RecordKind::access_logged;
      read.subjects = {{"records", crypto::sha256(as_bytes(std::to_string(i)))}};
      group.push_back(home_.sign("owner", std::move(read)));
      if (group.size() < 1'000 && i + 1 < count) continue;
      place(group);
      must(ledger_->commit());
      group.clear();
    }
  }
  [[nodiscard]] std::uint64_t size() const { return ledger_->size(); }

 private:
  Ledger::Outcome place(const std::vector<Bytes>& envelopes) {
    return must(ledger_->place(envelopes, allow, SystemClock().now()));
  }

  void add_job(const coordinator::Study& study, std::size_t i, std::vector<Bytes>& group) {
    const std::string agent = BenchHome::agent(i % sites);
    coordinator::Offer offer;
    offer.kind = "register-data";
    offer.site = BenchHome::site(i % sites);
    offer.version = static_cast<std::uint32_t>(1 + i / sites);
    offer.assignee = MemberId::trusted(agent);
    const auto draft = coordinator::offer_draft(study, offer);
    const auto offered =
        must(ledger_->place_own(draft.record, allow, SystemClock().now())).placed.front();
    const Digest spec = coordinator::job_from(offered)->spec_digest;
    const auto say = [&](RecordKind kind, const char* decision) {
      Record record;
      record.kind = kind;
      record.study = study.id();
      record.job = draft.record.job;
      record.inputs = {{"spec", "spec", spec, std::nullopt}};
      record.subjects = {{"spec", spec}};
      if (decision != nullptr) record.details.set("decision", decision);
      if (kind == RecordKind::raw_registered)
        record.subjects = {{"dataset", crypto::sha256(as_bytes(draft.record.job.text()))}};
      group.push_back(home_.sign(agent, std::move(record)));
    };
    say(RecordKind::job_approved, nullptr);
    say(RecordKind::job_failed, nullptr);
    for (int round = 0; round < 3; ++round) {
      say(RecordKind::job_denied, "hold");
      say(RecordKind::job_approved, "resume");
    }
    say(RecordKind::raw_registered, nullptr);
  }

  BenchHome& home_;
  std::unique_ptr<storage::RocksStore> store_;
  coordinator::OutsideFile outside_;
  std::unique_ptr<Ledger> ledger_;
};

void measure(const BenchHome& home, const char* what, int signal_after) {
  CoordinatorProcess coordinator(home);
  const double seconds = coordinator.seconds_until_serving();
  fmt::print("{:<58} {:6.2f} s  {:6.2f} s of processor  {:6.0f} MB, at most {:.0f} MB\n", what,
             seconds, coordinator.processor_seconds(), coordinator.resident_mb(),
             coordinator.resident_peak_mb());
  std::fflush(stdout);
  coordinator.end(signal_after);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t jobs = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const std::filesystem::path folder =
      argc > 2 ? argv[2]
               : (std::filesystem::temp_directory_path() / "cloister-recovery-bench").string();
  const bool was_filled = std::filesystem::exists(folder / "ledger");
  BenchHome home(folder, sites, 24'500);
  if (!was_filled) {
    Filler filler(home);
    filler.begin();
    for (std::size_t i = 0; i < jobs / jobs_a_study; ++i) filler.add_study(i);
    fmt::print("{} jobs, {} records\n", jobs, filler.size());
    std::fflush(stdout);
  }
  if (!was_filled) measure(home, "nothing kept: every record is replayed (then kill -9)", SIGKILL);
  measure(home, "kept, nothing after it (then SIGTERM)", SIGTERM);
  {
    Filler filler(home);
    filler.add_reads(coordinator::keep_fold_every - 1);
  }
  for (int i = 0; i < 3; ++i)
    measure(home, "kept, and the most records after it there can be (kill -9)", SIGKILL);
  measure(home, "the same again (then SIGTERM)", SIGTERM);
  measure(home, "after a clean end", SIGKILL);
  if (argc <= 2) std::filesystem::remove_all(folder);
  return 0;
}
