// The real coordinator (core, performer, ledger, sequencer) on a simulated machine.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "coordinator/perform.h"
#include "sim_blobs.h"
#include "storage/memory_store.h"
#include "timeline.h"

namespace cloister::simulation {

// Survives kills.
class SimOutside final : public coordinator::Outside {
 public:
  [[nodiscard]] Result<std::vector<std::string>> read() const override {
    if (note_) return std::vector<std::string>{*note_};
    return fail(Kind::not_found, "file.not_found", "No checkpoint yet.");
  }
  [[nodiscard]] Result<void> keep(const std::string& note) override {
    note_ = note;
    return {};
  }

 private:
  std::optional<std::string> note_;
};

struct SimCoordinatorParts {
  Timeline& timeline;
  const crypto::Identity& identity;
  crypto::Entropy& entropy;
  provenance::LedgerRules rules;
  std::vector<Bytes> genesis;
};

class SimCoordinator {
 public:
  using Answer = std::function<void(const protocol::Reply&, const Bytes& payload)>;

  explicit SimCoordinator(SimCoordinatorParts parts);

  // Checks that what was kept of the fold and the records after it give what all records give.
  void start();
  void kill();
  // As SIGTERM does it.
  void stop();
  // Starts with all that the other has on its disks: a second history from here on.
  void start_as_fork_of(const SimCoordinator& other);
  [[nodiscard]] bool is_up() const { return live_ != nullptr; }
  // Lost if the coordinator is down, or goes down before it answers.
  void request(const MemberId& member, const protocol::Request& request, const Bytes& payload,
               Answer answer);

  // For people and checkers; only while it is up.
  [[nodiscard]] const coordinator::Coordinator& core() const { return live_->core; }
  [[nodiscard]] const coordinator::Ledger& ledger() const { return *live_->ledger; }

 private:
  struct Live {
    coordinator::Coordinator core;
    coordinator::Registry registry;
    std::unique_ptr<coordinator::Ledger> ledger;
    std::unique_ptr<coordinator::Performer> performer;
    std::map<coordinator::Token, Answer> waiting;
    coordinator::Token next_token = 1;
    std::optional<Instant> armed;
    std::function<void()> write;  // begun and not yet on the disk
  };
  [[nodiscard]] coordinator::Performer::Times times() const {
    return {parts_.timeline.now(), parts_.timeline.now()};
  }
  void later(Duration delay, std::function<void()> step);
  void arm();
  void check_kept_fold();

  SimCoordinatorParts parts_;
  storage::MemoryStore store_;
  SimOutside outside_;
  SimBlobs blobs_;
  std::unique_ptr<Live> live_;
  std::uint64_t life_ = 0;
};

}  // namespace cloister::simulation
