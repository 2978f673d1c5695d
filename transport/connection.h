// A client's line to the coordinator: dials out, keeps dialling, asks, and gets answers.
//
// Requests are idempotent (protocol/messages.h), so this class may do what it likes to get one
// answered: it repeats a request that stays unanswered for limits::request_repeat (plus the wait of
// a Poll), opens a new session when the coordinator says "session.*", and dials again for ever,
// after 0.1 s doubling to 15 s, with jitter. Only replies signed by the coordinator's bound key, to
// a request of ours, count.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/prng.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/messages.h"
#include "protocol/reply_as.h"
#include "transport/address.h"
#include "transport/event_loop.h"

namespace cloister::transport {

struct Server {
  Address address;
  MemberId member;               // the coordinator's
  crypto::PublicKey sign;        // what its replies must be signed with
  crypto::CurvePublicKey curve;  // what its socket must prove to hold
};

enum class Line {
  members,    // session, then anything the role allows
  enrolment,  // the enrolment address: Enrol only, no session
};

enum class ConnectionState {
  waiting,     // between two attempts
  connecting,  // TCP and CURVE handshake
  opening,     // session asked for
  open,
};

struct Answer {
  protocol::Reply reply;  // never Refused: that is the Error of the Result
  Bytes payload;          // of BlobData, digest checked
};

enum class RequestId : std::uint64_t {};

// What becomes of a request while nobody can be reached.
enum class Waiting {
  for_ever,         // it is sent as soon as the line opens
  while_reachable,  // somebody is waiting for the answer: see Connection::ask
};

// References must outlive the connection.
struct ConnectionParts {
  EventLoop& loop;
  const crypto::Identity& identity;
  crypto::Entropy& entropy;  // nonces
  Prng jitter;
};

class Connection {
 public:
  // Called on the loop, exactly once a request unless it is cancelled or the connection destroyed;
  // it may ask and cancel, but not destroy the connection.
  using Callback = std::function<void(Result<Answer>)>;

  // Starts to dial at once; a coordinator that is down is no error.
  Connection(ConnectionParts parts, Server server, Line line = Line::members);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Several may be under way; answers come in any order. A refusal of the session as a whole (not a
  // member, revoked, another version) fails everything under way; "*.busy" is asked again by
  // itself. The payload belongs to BlobChunk only. `while_reachable` dials at once instead of at
  // the next attempt, and looks every limits::request_repeat whether the line is open. Where it is
  // not, the request fails with what stands in the way: at the first such look between two
  // attempts, at the second in a row while one is under way. It is never sent after that. One that
  // was sent may have arrived: it is repeated like any other, and after four such looks fails: with
  // "connection.no_answer" if it was to change something, because what came of it is not known;
  // else with what stands in the way.
  RequestId ask(protocol::Request request, Callback callback, Bytes payload = {},
                Waiting waiting = Waiting::for_ever);
  void cancel(RequestId request);
  // For the CLI: runs the loop until the answer is there, and asks `while_reachable`. The error
  // says what stood in the way (nothing listens there, the wrong key, not a member, ...);
  // "connection.no_answer": it was sent, and no answer came within the limit.
  [[nodiscard]] Result<Answer> ask_and_wait(protocol::Request request, Duration limit,
                                            Bytes payload = {});

  [[nodiscard]] ConnectionState state() const;
  // Why the last attempt failed; empty code while none did.
  [[nodiscard]] const Error& last_problem() const;
  // At every change of state. Not for deciding: for logs and for people.
  void on_state(std::function<void(ConnectionState)> callback);

  struct Inner;

 private:
  std::unique_ptr<Inner> inner_;
};

template <class T>
[[nodiscard]] Result<T> reply_as(Result<Answer> answer) {
  if (!answer) return pass(answer);
  return protocol::reply_as<T>(std::move(answer->reply));
}

}  // namespace cloister::transport
