// The coordinator's endpoints and timers around its performer.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "coordinator/config.h"
#include "coordinator/perform.h"
#include "coordinator/write_thread.h"
#include "transport/endpoint.h"

namespace cloister::coordinator {

// References must outlive it.
struct ServingParts {
  transport::EventLoop& loop;
  const Clock& clock;
  const crypto::Identity& identity;
  crypto::Entropy& entropy;
};

class Serving {
 public:
  Serving(ServingParts parts, Coordinator& core, Stores stores);

  // Before anything else.
  [[nodiscard]] Result<void> open_writer();
  // Binds both endpoints; call it once everything is restored.
  [[nodiscard]] Result<void> open(const Config& config);
  // After the loop: waits for what is being written, and makes the rest durable.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] Performer& performer() { return performer_; }
  // The core's time runs with the monotonic clock, so that an operator's setting of the clock ends
  // no lease and no poll; records carry wall time.
  [[nodiscard]] Performer::Times times() const;
  // Requests refused since the start, by code: of messages, of requests, of records.
  [[nodiscard]] std::map<std::string, std::uint64_t> refused() const;
  // Why the loop was stopped, if it was not asked to.
  [[nodiscard]] Result<void> outcome() const { return outcome_; }
  // Whether it was stopped to be made anew from the store.
  [[nodiscard]] bool begins_again() const { return begins_again_; }

 private:
  void reply(Token token, const protocol::Reply& reply, BytesView payload);
  void want_wake_up();
  void begin_again();
  void arm();

  ServingParts parts_;
  Coordinator& core_;
  Registry& registry_;
  Performer performer_;
  std::unique_ptr<WriteThread> writer_;  // after the performer, whose work it does
  Instant began_;
  Duration began_monotonic_;
  std::unique_ptr<transport::Endpoint> members_;
  std::unique_ptr<transport::EnrolmentEndpoint> newcomers_;
  std::optional<transport::TimerId> timer_;
  std::optional<Instant> armed_for_;
  Result<void> outcome_;
  bool begins_again_ = false;
};

}  // namespace cloister::coordinator
