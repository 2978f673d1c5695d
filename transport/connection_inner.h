// Private to the room: the inside of a Connection. Three concerns in three files: the line itself
// (connection_line.cpp), the requests and their answers (connection_requests.cpp), the public face
// (connection.cpp).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "transport/backoff.h"
#include "transport/client_socket.h"
#include "transport/connection.h"
#include "transport/signed_message.h"

namespace cloister::transport {

struct Connection::Inner {
  struct Pending {
    std::uint32_t method = 0;
    Bytes body;
    ClientSocket::Payload payload;  // null where none travels
    Callback callback;
    bool changes = false;          // something at the coordinator, so that asking twice matters
    Duration patience{0};          // without any sign of the coordinator, before it is repeated
    Duration sent_at{0};           // on the monotonic clock
    std::vector<Digest> sendings;  // header digests of this session, newest last
    TimerId look{};  // whether the line is open still, where somebody waits for the answer
    int missed = 0;  // looks in a row at which it was not
    TimerId repeat{};

    [[nodiscard]] bool was_sent() const { return sent_at != Duration(0); }
  };
  // Which request a reply answers; of the present session only.
  using Sendings = std::map<Digest, RequestId>;

  Inner(ConnectionParts its_parts, Server its_server, Line its_line);
  ~Inner();

  // The line.
  void dial();
  void on_up();
  void on_down(Error error);
  void redial();
  void dial_now();
  void open_session();
  void on_session_reply(const protocol::Reply& reply);
  void refuse_session(const Error& error);
  void adopt_session(Bytes nonce);
  void enter(ConnectionState next);

  // The requests.
  RequestId add(protocol::Request request, Callback callback, Bytes payload, Waiting waiting);
  void remove(RequestId id);
  void look_later(RequestId id, Pending& pending);
  [[nodiscard]] int missed_max(const Pending& pending) const;
  [[nodiscard]] Error no_answer(const Pending& pending) const;
  void send(RequestId id, Pending& pending);
  void send_all();
  void forget_sendings();
  void repeat_later(RequestId id, Pending& pending);
  void on_message(BytesView envelope, BytesView payload);
  void on_reply(RequestId id, protocol::Reply reply, BytesView payload);
  bool on_refused(RequestId id, Pending& pending, const Error& error);
  void finish(RequestId id, Result<Answer> answer);
  void fail_all(const Error& error);
  [[nodiscard]] SignedMessage seal(std::uint32_t method, Bytes body);

  ConnectionParts parts;
  Server server;
  Line line;
  Backoff backoff;
  std::unique_ptr<ClientSocket> socket;
  ConnectionState state = ConnectionState::waiting;
  std::function<void(ConnectionState)> on_state;
  Error problem;
  Bytes client_nonce;
  Bytes session;
  std::uint64_t counter = 0;
  Digest session_request;  // header digest of the OpenSession under way
  TimerId dial_timer{};
  TimerId session_timer{};
  Duration last_heard{0};
  std::uint64_t last_id = 0;
  std::map<RequestId, Pending> requests;
  Sendings sendings;
};

}  // namespace cloister::transport
