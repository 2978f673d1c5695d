// An agent or the trainer on a simulated machine: the real core, performed in memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "member/record_outbox.h"
#include "members.h"
#include "sim_coordinator.h"
#include "sim_network.h"
#include "sim_worker.h"
#include "transport/blob_download.h"
#include "transport/blob_upload.h"

namespace cloister::simulation {

// The two sorts of core behind one face.
class MemberCore {
 public:
  virtual ~MemberCore() = default;
  virtual member::Actions on(const member::Event& event, Instant now) = 0;
  [[nodiscard]] virtual std::optional<Instant> next_deadline() const = 0;
  virtual void check_invariants() const = 0;
  [[nodiscard]] virtual bool is_halted() const = 0;
};

struct SimMemberParts {
  Timeline& timeline;
  SimNetwork& network;
  SimCoordinator& coordinator;
  Prng& prng;
  const Faults& faults;
  std::string name;
  std::function<std::unique_ptr<MemberCore>(const member::Stored&)> make_core;
};

class SimMember {
 public:
  using Told = std::function<void(const Result<std::string>&)>;

  explicit SimMember(SimMemberParts parts)
      : parts_(std::move(parts)), coordinator_(&parts_.coordinator) {}

  void start();
  void kill();
  // From now on another machine answers at the coordinator's address.
  void turn_to(SimCoordinator& other) { coordinator_ = &other; }
  [[nodiscard]] bool is_up() const { return core_ != nullptr; }
  // A person at the control socket; unanswered if the agent is killed meanwhile.
  void person_asks(const std::string& verb, const std::string& body, Told told);
  void calm() {
    is_calm_ = true;
    skew_ = Duration(0);  // somebody sets the clock right
  }
  // Its clock is set: hours forwards or backwards.
  void jump(Duration by) { skew_ = skew_ + by; }
  [[nodiscard]] std::size_t evidence() const { return evidence_; }
  [[nodiscard]] const std::string& last_notice() const { return last_notice_; }

 private:
  struct Asked {
    protocol::Request request;
    Bytes payload;
    std::function<void(const protocol::Reply&, const Bytes&)> then;
  };
  struct Worker {
    std::uint64_t number;
    std::uint64_t step = 0;
  };

  [[nodiscard]] Instant now() const { return parts_.timeline.now() + skew_; }
  void feed(const member::Event& event);
  void later(Duration delay, std::function<void()> step);
  void arm();
  void ask(protocol::Request request, Bytes payload,
           std::function<void(const protocol::Reply&, const Bytes&)> then);
  void send(std::uint64_t number);

  void perform(const member::Persist& action);
  void perform(const member::Ask& action);
  void perform(const member::RunWorker& action);
  void perform(const member::StopWorker& action);
  void perform(const member::Upload& action);
  void perform(const member::Download& action);
  void perform(const member::StopTransfers&) {}
  void perform(const member::CommitFiles& action);
  void perform(const member::Discard&) {}
  void perform(const member::SaveEvidence&) { ++evidence_; }
  void perform(const member::Notice& action) { last_notice_ = action.code + ": " + action.text; }
  void perform(const member::Tell& action);
  template <class Action>
  void perform(const Action&) {}

  void say_once(const JobId& job, std::uint32_t attempt);
  void progress(const JobId& job, std::uint32_t attempt, std::uint64_t number);
  void finish(const member::RunWorker& order, std::uint64_t number);
  void upload(const Digest& digest, transport::BlobUpload::Actions actions);
  void download(const Digest& digest, transport::BlobDownload::Actions actions);

  SimMemberParts parts_;
  SimCoordinator* coordinator_;
  // On its disk.
  member::Stored stored_;
  std::map<Digest, Bytes> kept_;
  std::size_t evidence_ = 0;
  // In its memory.
  std::unique_ptr<MemberCore> core_;
  std::uint64_t life_ = 0;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, Asked> asked_;
  std::map<JobId, Worker> workers_;
  std::map<Digest, std::unique_ptr<transport::BlobUpload>> uploads_;
  std::map<Digest, std::unique_ptr<transport::BlobDownload>> downloads_;
  std::map<std::uint64_t, Told> told_;
  std::optional<Instant> armed_;
  std::string last_notice_;
  bool is_calm_ = false;
  Duration skew_{0};
};

}  // namespace cloister::simulation
