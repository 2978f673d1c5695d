#include "coordinator/serving.h"

#include <algorithm>

#include "base/log.h"

namespace cloister::coordinator {
namespace {

// Tokens of the two endpoints in one number.
constexpr Token enrolment_bit = 1ULL << 63;

// What was answered should be on its way before the sockets close.
constexpr Duration time_to_answer{300};

}  // namespace

Serving::Serving(ServingParts parts, Coordinator& core, Stores stores)
    : parts_(parts),
      core_(core),
      registry_(stores.registry),
      performer_(core, stores,
                 {[this](Token token, const protocol::Reply& answer, BytesView payload) {
                    reply(token, answer, payload);
                  },
                  [this] { want_wake_up(); },
                  [this](std::function<void()> write) { writer_->run(std::move(write)); },
                  [this](const Error& error) {
                    outcome_ = tl::unexpected<Error>(error);
                    parts_.loop.stop();
                  },
                  [this] { begin_again(); }}),
      began_(parts.clock.now()),
      began_monotonic_(parts.clock.monotonic()) {}

Performer::Times Serving::times() const {
  return {began_ + (parts_.clock.monotonic() - began_monotonic_), parts_.clock.now()};
}

Result<void> Serving::open_writer() {
  auto writer = WriteThread::open(parts_.loop, [this] {
    performer_.written(times());
    arm();
  });
  if (!writer) return pass(writer);
  writer_ = std::move(*writer);
  return {};
}

Result<void> Serving::finish() {
  writer_->wait();
  return performer_.finish(times());
}

Result<void> Serving::open(const Config& config) {
  const transport::EndpointParts parts{parts_.loop, parts_.identity, parts_.entropy};
  auto members = transport::Endpoint::open(
      parts, registry_, config.members, [this](transport::Endpoint::Incoming incoming) {
        performer_.handle(RequestArrived{static_cast<Token>(incoming.token), incoming.member,
                                         std::move(incoming.request)},
                          times(), incoming.payload);
        arm();
      });
  if (!members) return pass(members);
  auto newcomers = transport::EnrolmentEndpoint::open(
      parts, config.enrolment, [this](transport::ReplyToken token, const protocol::Enrol& enrol) {
        performer_.handle(EnrolArrived{static_cast<Token>(token) | enrolment_bit, enrol}, times());
      });
  if (!newcomers) return pass(newcomers);
  members_ = std::move(*members);
  newcomers_ = std::move(*newcomers);
  return {};
}

void Serving::reply(Token token, const protocol::Reply& reply, BytesView payload) {
  if ((token & enrolment_bit) == 0) {
    if (members_) members_->reply(transport::ReplyToken{token}, reply, payload);
    return;
  }
  if (!newcomers_) return;
  const transport::ReplyToken newcomer{token & ~enrolment_bit};
  if (const auto* state = std::get_if<protocol::EnrolmentState>(&reply)) {
    newcomers_->reply(newcomer, *state);
  } else if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
    newcomers_->refuse(newcomer, refused->error);
  }
}

std::map<std::string, std::uint64_t> Serving::refused() const {
  auto all = members_ ? members_->counts().refused : std::map<std::string, std::uint64_t>();
  if (!newcomers_) return all;
  for (const auto& [code, count] : newcomers_->counts().refused) all[code] += count;
  return all;
}

void Serving::want_wake_up() {
  // Everything that arrived in this wake-up is opened together and shares the next write.
  parts_.loop.after(Duration(0), [this] {
    performer_.woken(times());
    arm();
  });
}

void Serving::begin_again() {
  if (begins_again_) return;
  begins_again_ = true;
  parts_.loop.after(time_to_answer, [this] { parts_.loop.stop(); });
}

void Serving::arm() {
  const auto deadline = core_.next_deadline();
  if (deadline == armed_for_) return;
  if (timer_) parts_.loop.cancel(*timer_);
  timer_.reset();
  armed_for_ = deadline;
  if (!deadline) return;
  const Duration wait = std::max(Duration(0), *deadline - times().core_now);
  timer_ = parts_.loop.after(wait, [this] {
    timer_.reset();
    armed_for_.reset();
    performer_.handle(Ticked{}, times());
    arm();
  });
}

}  // namespace cloister::coordinator
