// coordinator_scale [largest]
//
// What one event costs the coordinator's core, in processor time, with 10, 100, 1,000 and 10,000
// sites (ten a study, every agent with a held poll). No sockets, no disk, no signatures: the state
// machine alone.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <vector>

#include "coordinator/core/coordinator.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "protocol/limits.h"

namespace {

using namespace cloister;
using namespace cloister::coordinator;
using provenance::Record;
using provenance::RecordKind;

constexpr std::size_t sites_a_study = 10;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Bytes bytes_of(const std::string& text) {
  const Digest digest = crypto::sha256(as_bytes(text));
  return {digest.bytes.begin(), digest.bytes.end()};
}

class Consortium {
 public:
  explicit Consortium(std::size_t sites) : sites_(sites) {
    bind("root", provenance::Role::consortium_admin, "consortium");
    bind("coordinator", provenance::Role::coordinator, "consortium");
    for (std::size_t i = 0; i < sites_; ++i) bind(agent(i), provenance::Role::site_agent, site(i));
    for (std::size_t first = 0; first < sites_; first += sites_a_study) open_study(first);
    for (std::size_t i = 0; i < sites_; ++i) poll(i);
  }

  // A poll that is answered because the work changed, and the one that is held after it.
  void poll(std::size_t i) {
    for (int round = 0; round < 2; ++round) {
      protocol::Poll request;
      request.seen_version = versions_[i];
      request.wait = protocol::limits::poll_wait_max;
      request.progress = progress_;
      take(core_.on(RequestArrived{++token_, MemberId::trusted(agent(i)), request}, now_));
    }
  }
  // A poll that is held, with progress of a running job.
  void progress(std::size_t i, std::uint64_t step) {
    protocol::JobProgress one;
    one.job = protocol::job_id(study(i), site(i), "register-data", 1);
    one.phase = "reading";
    one.step = step;
    progress_ = {one};
    protocol::Poll request;
    request.seen_version = versions_[i];
    request.wait = protocol::limits::poll_wait_max;
    request.progress = progress_;
    take(core_.on(RequestArrived{++token_, MemberId::trusted(agent(i)), request}, now_));
    progress_.clear();
  }
  // The job is approved: folded, planned, and the agent's held poll answered.
  void approve(std::size_t i) {
    const JobId id = protocol::job_id(study(i), site(i), "register-data", 1);
    const Job* job = core_.studies().at(study(i)).job(id);
    Record record;
    record.kind = RecordKind::job_approved;
    record.study = study(i);
    record.job = id;
    record.inputs = {{"spec", "spec", job->spec_digest, std::nullopt}};
    place(std::move(record), agent(i));
    take(core_.on(LedgerSynced{index_}, now_));
  }

 private:
  static std::string site(std::size_t i) { return fmt::format("site-{:05}", i); }
  static std::string agent(std::size_t i) { return site(i) + "-agent"; }
  static StudyId study(std::size_t i) {
    return StudyId::trusted(fmt::format("study-{:04}", i / sites_a_study));
  }

  void bind(const std::string& member, provenance::Role role, const std::string& org) {
    crypto::SeededEntropy entropy(index_ + 1);
    provenance::KeyBinding binding;
    binding.member = MemberId::trusted(member);
    binding.role = role;
    binding.org = org;
    binding.seal = bytes_of(member + " seal");
    binding.curve = bytes_of(member + " curve");
    Record record;
    record.kind = RecordKind::key_bound;
    record.details = provenance::to_details(
        provenance::prove_key(binding, crypto::SecretKey::generate(entropy), "bench"));
    place(std::move(record), "root");
  }

  void open_study(std::size_t first) {
    const std::string number = fmt::format("{:04}", first / sites_a_study);
    bind("owner-" + number, provenance::Role::study_owner, "consortium");
    bind("trainer-" + number, provenance::Role::trainer, "consortium");
    protocol::StudyPlan plan;
    plan.study = study(first);
    plan.owner = "owner-" + number;
    plan.trainer = "trainer-" + number;
    plan.trainer_seal_key = std::string(64, 'a');
    plan.title = plan.purpose = plan.legal_basis = "bench";
    plan.structures = {"LV"};
    for (std::size_t i = first; i < std::min(sites_, first + sites_a_study); ++i)
      plan.sites.push_back(site(i));
    plan.budget = protocol::budget_preset("quick").value();
    plan.gate = protocol::default_thresholds();
    const std::string json = protocol::to_json(plan);
    Record record;
    record.kind = RecordKind::study_opened;
    record.study = plan.study;
    record.details.set("plan", json);
    record.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
    place(std::move(record), plan.owner);
    take(core_.on(LedgerSynced{index_}, now_));
  }

  void place(Record record, const std::string& signer) {
    record.actor.id = MemberId::trusted(signer);
    record.issued_at = now_;
    Placed placed;
    placed.index = index_++;
    placed.leaf = crypto::sha256(as_bytes(std::to_string(placed.index)));
    placed.envelope = Bytes(1200, 7);  // as large as a real one
    placed.record = std::move(record);
    take(core_.on(RecordsPlaced{{placed}}, now_));
  }

  void take(const Actions& actions) {
    bool placed = false;
    for (const Action& action : actions) {
      if (const auto* append = std::get_if<Append>(&action)) {
        place(append->draft.record, "coordinator");
        placed = true;
      } else if (const auto* answer = std::get_if<AnswerPoll>(&action)) {
        const std::string name = answer->member.text();
        if (name.starts_with("site-"))
          versions_[std::stoul(name.substr(5, 5))] = answer->work.version;
      }
    }
    if (placed) take(core_.on(LedgerSynced{index_}, now_));
  }

  std::size_t sites_;
  Coordinator core_;
  Instant now_{1'790'000'000'000};
  std::uint64_t index_ = 0;
  Token token_ = 0;
  std::map<std::size_t, std::uint64_t> versions_;
  std::vector<protocol::JobProgress> progress_;
};

double microseconds(std::size_t count, const std::function<void(std::size_t)>& each) {
  const double began = processor_seconds();
  for (std::size_t i = 0; i < count; ++i) each(i);
  return (processor_seconds() - began) / static_cast<double>(count) * 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::start()) return 1;
  const std::size_t largest = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  fmt::print("{:>7}  {:>12}  {:>16}  {:>22}\n", "sites", "start, s", "progress, us",
             "approval to answer, us");
  for (std::size_t sites = 10; sites <= largest; sites *= 10) {
    const double began = processor_seconds();
    Consortium all(sites);
    const double start = processor_seconds() - began;
    // Spread over the consortium, the same number of events at every size.
    const std::size_t events = 2'000;
    const double progress =
        microseconds(events, [&](std::size_t i) { all.progress((i * 7919) % sites, i); });
    const std::size_t approvals = std::min<std::size_t>(sites, 1'000);
    const double approval = microseconds(
        approvals, [&](std::size_t i) { all.approve((i * (sites / approvals)) % sites); });
    fmt::print("{:>7}  {:>12.2f}  {:>16.1f}  {:>22.1f}\n", sites, start, progress, approval);
    std::fflush(stdout);
  }
  return 0;
}
