// A person's or newcomer's line to the coordinator, for as long as one command runs.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "base/time.h"
#include "cli/homes.h"
#include "cli/keys.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "member/membership.h"
#include "provenance/json.h"
#include "transport/connection.h"

namespace cloister::cli {

// How long a command waits for a coordinator that does not answer.
inline constexpr Duration answer_wait{15'000};

class Line {
 public:
  struct To {
    std::string address;  // "host:port"
    CoordinatorKeys coordinator;
    transport::Line line = transport::Line::members;
  };
  // Dials; whether anybody is there shows with the first question.
  [[nodiscard]] static Result<std::unique_ptr<Line>> open(crypto::Identity identity, const To& to);

  template <class Reply>
  [[nodiscard]] Result<Reply> ask(protocol::Request request, Duration limit = answer_wait) {
    return transport::reply_as<Reply>(connection_->ask_and_wait(std::move(request), limit));
  }
  // Ask{what, argument} answered as JSON.
  [[nodiscard]] Result<provenance::Json> tell(const std::string& what,
                                              const std::string& argument = {});
  [[nodiscard]] const crypto::Identity& identity() const { return identity_; }
  [[nodiscard]] transport::EventLoop& loop() { return loop_; }

 private:
  explicit Line(crypto::Identity identity) : identity_(std::move(identity)), loop_(clock_) {}

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  crypto::Identity identity_;
  transport::EventLoop loop_;
  std::unique_ptr<transport::Connection> connection_;
};

// A person's home folder, opened: membership read, key unlocked.
struct Person {
  MembershipFile membership;
  PersonConnection connection;
  crypto::Identity identity;
};
// `home` is what `cloister consortium join` or `init` wrote.
[[nodiscard]] Result<Person> open_person(const std::filesystem::path& home,
                                         const PassphraseSource& passphrase);

// A person at work: home folder opened, line dialled.
struct Seat {
  std::filesystem::path home;
  MembershipFile membership;
  PersonConnection connection;
  std::unique_ptr<Line> line;
};
[[nodiscard]] Result<Seat> take_seat(const std::filesystem::path& home,
                                     const PassphraseSource& passphrase);
// Who is a member now, as the coordinator's envelopes prove it against our root.
[[nodiscard]] Result<member::Membership> roster(Seat& seat);

}  // namespace cloister::cli
