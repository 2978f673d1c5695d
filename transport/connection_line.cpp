#include "base/version.h"
#include "protocol/limits.h"
#include "transport/connection_inner.h"

namespace cloister::transport {

Connection::Inner::Inner(ConnectionParts its_parts, Server its_server, Line its_line)
    : parts(std::move(its_parts)),
      server(std::move(its_server)),
      line(its_line),
      backoff(parts.jitter) {
  dial_timer = parts.loop.after(Duration(0), [this] { dial(); });
}

Connection::Inner::~Inner() {
  parts.loop.cancel(dial_timer);
  parts.loop.cancel(session_timer);
  for (auto& [id, pending] : requests) {
    parts.loop.cancel(pending.look);
    parts.loop.cancel(pending.repeat);
  }
}

void Connection::Inner::enter(ConnectionState next) {
  if (state == next) return;
  state = next;
  if (on_state) on_state(next);
}

void Connection::Inner::dial() {
  socket.reset();
  enter(ConnectionState::connecting);
  socket = std::make_unique<ClientSocket>(
      parts.loop, parts.identity.curve, ClientSocket::Target{server.address, server.curve},
      ClientSocket::Callbacks{
          .on_up = [this] { on_up(); },
          .on_down = [this](Error error) { on_down(std::move(error)); },
          .on_message = [this](BytesView envelope,
                               BytesView payload) { on_message(envelope, payload); }});
}

void Connection::Inner::on_up() {
  last_heard = parts.loop.monotonic();
  if (line == Line::members) {
    open_session();
  } else {
    adopt_session({});
  }
}

void Connection::Inner::on_down(Error error) {
  problem = std::move(error);
  redial();
}

// Always from a timer: the present socket may be the caller.
void Connection::Inner::redial() {
  forget_sendings();
  parts.loop.cancel(session_timer);
  parts.loop.cancel(dial_timer);
  enter(ConnectionState::waiting);
  dial_timer = parts.loop.after(backoff.next(), [this] { dial(); });
}

// Instead of at the next attempt, which may be fifteen seconds away.
void Connection::Inner::dial_now() {
  if (state != ConnectionState::waiting) return;
  parts.loop.cancel(dial_timer);
  dial_timer = parts.loop.after(Duration(0), [this] { dial(); });
}

void Connection::Inner::open_session() {
  enter(ConnectionState::opening);
  forget_sendings();
  session.clear();
  client_nonce = parts.entropy.bytes(protocol::limits::nonce_bytes);
  const protocol::Request request =
      protocol::OpenSession{client_nonce, protocol_version, std::string(program_version())};
  counter = 0;
  const SignedMessage message = seal(protocol::method_of(request), protocol::encode(request));
  session_request = message.header_digest;
  parts.loop.cancel(session_timer);
  // A coordinator that is up but does not answer this: the line may be broken in a way that nobody
  // noticed.
  session_timer = parts.loop.after(protocol::limits::request_repeat, [this] {
    problem = {Kind::unavailable, "connection.silent",
               fmt::format("The coordinator at {} does not answer.", to_string(server.address)),
               "It is tried again by itself; look at the coordinator's log."};
    redial();
  });
  (void)socket->send(message.envelope, nullptr);
}

void Connection::Inner::on_session_reply(const protocol::Reply& reply) {
  parts.loop.cancel(session_timer);
  session_request = {};
  if (const auto* opened = std::get_if<protocol::SessionOpened>(&reply);
      opened != nullptr && opened->client_nonce == client_nonce) {
    adopt_session(opened->session);
    return;
  }
  const auto* refused = std::get_if<protocol::Refused>(&reply);
  refuse_session(refused != nullptr
                     ? refused->error
                     : Error{Kind::corrupt, "message.unexpected_reply",
                             "The coordinator answered the opening of a session with something "
                             "else.",
                             "Check that the coordinator has the same version as this program."});
}

// Asking again would not help those who wait now; the line itself is tried again for those to come.
void Connection::Inner::refuse_session(const Error& error) {
  const Error reason = error;
  on_down(reason);
  fail_all(reason);
}

void Connection::Inner::adopt_session(Bytes nonce) {
  session = std::move(nonce);
  if (line == Line::members) counter = 0;  // enrolments have no session: theirs goes on rising
  backoff.reset();
  problem = {};
  enter(ConnectionState::open);
  send_all();
}

}  // namespace cloister::transport
