#include "sim_coordinator.h"

#include <utility>

#include "base/ensure.h"

namespace cloister::simulation {
namespace {

// What a synced write takes: a kill may fall between placing records and their being durable, and
// between that and its being known; meanwhile others are placed on top of them.
constexpr Duration sync_time{5};
constexpr Duration until_known{2};

// Seldom enough that most starts have records to replay after it.
constexpr std::uint64_t fold_every = 23;

}  // namespace

SimCoordinator::SimCoordinator(SimCoordinatorParts parts) : parts_(std::move(parts)) {}

void SimCoordinator::later(Duration delay, std::function<void()> step) {
  parts_.timeline.after(delay, [this, life = life_, step = std::move(step)] {
    if (life == life_ && live_) step();
  });
}

void SimCoordinator::start() {
  ++life_;
  const auto stored = store_.get(coordinator::enrolments_key());
  auto enrolment = stored && *stored ? coordinator::Enrolment::from_json(as_text(**stored)).value()
                                     : coordinator::Enrolment{};
  live_.reset(new Live{
      coordinator::Coordinator(blobs_.facts(), std::move(enrolment)), {}, {}, {}, {}, 1, {}, {}});
  auto ledger =
      coordinator::Ledger::open({store_, outside_, parts_.rules, parts_.identity, parts_.entropy});
  ensure(ledger.has_value(), "a killed coordinator opens its ledger again");
  live_->ledger = std::move(*ledger);
  check_kept_fold();
  const auto reply = [this](coordinator::Token token, const protocol::Reply& answer,
                            BytesView bytes) {
    const auto found = live_->waiting.find(token);
    ensure(found != live_->waiting.end(), "every request is answered once");
    const Answer deliver = std::move(found->second);
    live_->waiting.erase(found);
    deliver(answer, Bytes(bytes.begin(), bytes.end()));
  };
  const auto wake_up = [this] {
    later(Duration(0), [this] {
      live_->performer->woken(times());
      arm();
    });
  };
  const auto write_beside = [this](std::function<void()> write) {
    live_->write = std::move(write);
    later(sync_time, [this] {
      std::exchange(live_->write, {})();
      later(until_known, [this] {
        live_->performer->written(times());
        arm();
      });
    });
  };
  const auto broken = [](const Error&) { ensure(false, "the simulated store does not fail"); };
  live_->performer = std::make_unique<coordinator::Performer>(
      live_->core, coordinator::Stores{*live_->ledger, blobs_, live_->registry, store_, fold_every},
      coordinator::Answering{reply, wake_up, write_beside, broken});
  const auto restored = live_->performer->restore(parts_.genesis, times());
  ensure(restored.has_value(), "the ledger can be replayed");
}

void SimCoordinator::start_as_fork_of(const SimCoordinator& other) {
  store_ = other.store_;
  store_.power_cut();
  outside_ = other.outside_;
  blobs_ = other.blobs_;
  blobs_.forget_open();
  start();
}

void SimCoordinator::kill() {
  ++life_;
  live_.reset();
  store_.power_cut();
  blobs_.forget_open();
}

void SimCoordinator::stop() {
  if (live_) {
    if (live_->write) std::exchange(live_->write, {})();
    ensure(live_->performer->finish(times()).has_value(), "the simulated store does not fail");
  }
  kill();
}

void SimCoordinator::check_kept_fold() {
  coordinator::Coordinator whole;
  coordinator::Coordinator resumed;
  const auto feed = [&](coordinator::Coordinator& core, std::uint64_t from) {
    const auto replayed =
        live_->ledger->replay(from, [&](coordinator::Placed placed) -> Result<void> {
          (void)core.on(coordinator::RecordsPlaced{{std::move(placed)}}, parts_.timeline.now());
          return {};
        });
    ensure(replayed.has_value(), "the ledger can be replayed");
  };
  coordinator::FoldStore folds(store_);
  auto kept = folds.load(*live_->ledger);
  ensure(kept.has_value(), "the simulated store does not fail");
  if (!*kept) return;
  (void)resumed.resume(std::move((*kept)->fold), (*kept)->size);
  feed(resumed, (*kept)->size);
  feed(whole, 0);
  ensure(resumed.has_same_fold(whole), "a kept fold and the records after it are the whole fold");
}

void SimCoordinator::request(const MemberId& member, const protocol::Request& request,
                             const Bytes& payload, Answer answer) {
  if (!live_) return;
  const coordinator::Token token = live_->next_token++;
  live_->waiting.emplace(token, std::move(answer));
  live_->performer->handle(coordinator::RequestArrived{token, member, request}, times(), payload);
  arm();
}

void SimCoordinator::arm() {
  const auto deadline = live_->core.next_deadline();
  if (!deadline || (live_->armed && *live_->armed <= *deadline)) return;
  live_->armed = deadline;
  later(std::max(Duration(1), *deadline - parts_.timeline.now()), [this] {
    live_->armed.reset();
    live_->performer->handle(coordinator::Ticked{}, times());
    arm();
  });
}

}  // namespace cloister::simulation
