#include <algorithm>

#include "base/log.h"
#include "protocol/limits.h"
#include "protocol/methods.h"
#include "transport/connection_inner.h"

namespace cloister::transport {
namespace {

constexpr std::size_t sendings_max = 8;   // of one request that an answer may still come to
constexpr Duration full_queue_pause{20};  // until a full queue is tried again
constexpr Duration busy_pause{1'000};     // until somebody who said "busy" is asked again
constexpr Duration patience_max{60'000};

// How long a request stays unanswered on a living line before it is sent again. A Poll may be held
// for its wait; chunks queue up behind each other on a slow line.
Duration patience_of(const protocol::Request& request) {
  Duration patience = protocol::limits::request_repeat;
  if (const auto* poll = std::get_if<protocol::Poll>(&request)) patience += poll->wait;
  if (std::holds_alternative<protocol::BlobChunk>(request)) patience *= 4;
  return patience;
}

// The others only look.
bool changes_something(const protocol::Request& request) {
  using namespace protocol;
  return std::visit(
      []<class Asked>(const Asked&) {
        return std::is_same_v<Asked, Enrol> || std::is_same_v<Asked, Invite> ||
               std::is_same_v<Asked, Submit> || std::is_same_v<Asked, BlobOpen> ||
               std::is_same_v<Asked, BlobChunk> || std::is_same_v<Asked, PutWraps>;
      },
      request);
}

// Its length and bytes are judged by who asked: against the blob's size and digest.
bool may_carry(const protocol::Reply& reply, BytesView payload) {
  return payload.empty() || std::holds_alternative<protocol::BlobData>(reply);
}

}  // namespace

RequestId Connection::Inner::add(protocol::Request request, Callback callback, Bytes payload,
                                 Waiting waiting) {
  const RequestId id{++last_id};
  Pending& pending = requests[id];
  pending.method = protocol::method_of(request);
  pending.body = protocol::encode(request);
  if (protocol::carries_payload(pending.method)) {
    pending.payload = std::make_shared<const Bytes>(std::move(payload));
  }
  pending.callback = std::move(callback);
  pending.changes = changes_something(request);
  pending.patience = patience_of(request);
  if (waiting == Waiting::while_reachable) {
    look_later(id, pending);
    dial_now();
  }
  if (state == ConnectionState::open) send(id, pending);
  return id;
}

void Connection::Inner::remove(RequestId id) {
  const auto found = requests.find(id);
  if (found == requests.end()) return;
  parts.loop.cancel(found->second.look);
  parts.loop.cancel(found->second.repeat);
  for (const Digest& sending : found->second.sendings) sendings.erase(sending);
  requests.erase(found);
}

void Connection::Inner::look_later(RequestId id, Pending& pending) {
  pending.look = parts.loop.after(protocol::limits::request_repeat, [this, id] {
    const auto found = requests.find(id);
    if (found == requests.end()) return;
    Pending& waiting = found->second;
    waiting.missed = state == ConnectionState::open ? 0 : waiting.missed + 1;
    if (waiting.missed < missed_max(waiting)) return look_later(id, waiting);
    finish(id, tl::unexpected<Error>(no_answer(waiting)));
  });
}

// At how many looks in a row the line may be found not open. An attempt under way gets its time.
// What was sent may have arrived, and whoever waits would rather hear of it: so long that an
// attempt follows even the longest pause.
int Connection::Inner::missed_max(const Pending& pending) const {
  if (pending.was_sent()) return 4;
  return state == ConnectionState::waiting ? 1 : 2;
}

Error Connection::Inner::no_answer(const Pending& pending) const {
  const std::string address = to_string(server.address);
  if (problem.kind == Kind::unauthenticated) return problem;  // will not change by waiting
  if (pending.was_sent() && pending.changes) {
    Error error{Kind::unavailable, "connection.no_answer",
                fmt::format("The coordinator at {} was asked and has not answered: whether it did "
                            "what it was asked is not known.",
                            address),
                "Look whether it did before you ask again."};
    if (!problem.code.empty()) error.what += " " + problem.what;
    return error;
  }
  if (!problem.code.empty()) return problem;
  if (pending.was_sent()) {
    return {Kind::unavailable, "connection.no_answer",
            fmt::format("The coordinator at {} was asked and has not answered.", address),
            "Ask again; if it stays so, look at the coordinator's log."};
  }
  return {Kind::unavailable, "connection.unreachable",
          fmt::format("Nobody at {} has answered so far.", address),
          "Check that the coordinator runs there and that a firewall lets this machine out to it."};
}

SignedMessage Connection::Inner::seal(std::uint32_t method, Bytes body) {
  return sign_message(parts.identity.sign,
                      {.sender = parts.identity.id,
                       .audience = server.member,
                       .session = session,
                       .counter = ++counter,
                       .issued_at = parts.loop.now(),
                       .method = method},
                      std::move(body));
}

void Connection::Inner::send(RequestId id, Pending& pending) {
  const SignedMessage message = seal(pending.method, pending.body);
  parts.loop.cancel(pending.repeat);
  if (!socket->send(message.envelope, pending.payload)) {
    pending.repeat = parts.loop.after(full_queue_pause, [this, id] {
      const auto found = requests.find(id);
      if (found != requests.end() && state == ConnectionState::open) send(id, found->second);
    });
    return;
  }
  pending.sent_at = parts.loop.monotonic();
  if (pending.sendings.size() == sendings_max) {
    sendings.erase(pending.sendings.front());
    pending.sendings.erase(pending.sendings.begin());
  }
  pending.sendings.push_back(message.header_digest);
  sendings[message.header_digest] = id;
  repeat_later(id, pending);
}

void Connection::Inner::repeat_later(RequestId id, Pending& pending) {
  // As long as other answers come in, this one may just be waiting for its turn.
  const Duration quiet_since = std::max(pending.sent_at, last_heard);
  const Duration now = parts.loop.monotonic();
  const Duration wait = std::max(Duration(1), quiet_since + pending.patience - now);
  pending.repeat = parts.loop.after(wait, [this, id] {
    const auto found = requests.find(id);
    if (found == requests.end() || state != ConnectionState::open) return;
    Pending& again = found->second;
    // The first repetition may be owed to others' answers; a request is never starved by them.
    const Duration now_then = parts.loop.monotonic();
    const bool quiet = now_then - last_heard >= again.patience;
    if (!quiet && now_then - again.sent_at < 4 * again.patience) {
      repeat_later(id, again);
      return;
    }
    again.patience = std::min(2 * again.patience, std::max(again.patience, patience_max));
    send(id, again);
  });
}

void Connection::Inner::send_all() {
  for (auto& [id, pending] : requests) send(id, pending);
}

void Connection::Inner::forget_sendings() {
  sendings.clear();
  for (auto& [id, pending] : requests) {
    pending.sendings.clear();
    parts.loop.cancel(pending.repeat);
  }
}

// Anything that is not a reply of the coordinator to a request of ours is dropped: nobody else can
// have sent it but through a broken or hostile coordinator, and there is nobody to tell.
void Connection::Inner::on_message(BytesView envelope, BytesView payload) {
  auto sealed = protocol::decode_envelope(envelope);
  if (!sealed) return;
  auto header = protocol::decode_header(sealed->header_bytes);
  if (!header) {
    const bool version = header.error().code == "protocol.version";
    if (version && state == ConnectionState::opening) refuse_session(header.error());
    return;
  }
  const UnverifiedMessage message{std::move(*header), std::move(*sealed)};
  const bool addressed =
      message.header.sender == server.member && (message.header.audience == parts.identity.id);
  if (!addressed || !is_signed_by(server.sign, message)) return;
  auto reply = protocol::decode_reply(message.header.method, message.sealed.body);
  if (!reply || !may_carry(*reply, payload)) return;
  last_heard = parts.loop.monotonic();
  if (state == ConnectionState::opening && message.header.in_reply_to == session_request) {
    on_session_reply(*reply);
    return;
  }
  const auto asked = sendings.find(message.header.in_reply_to);
  const auto* refused = std::get_if<protocol::Refused>(&*reply);
  if (asked != sendings.end() && refused != nullptr) {
    const std::uint32_t method = requests.at(asked->second).method;
    log_debug("request.refused", {{"request", short_hex(message.header.in_reply_to)},
                                  {"method", std::string(protocol::method_name(method))},
                                  {"code", refused->error.code}});
  }
  if (asked != sendings.end()) on_reply(asked->second, std::move(*reply), payload);
}

void Connection::Inner::on_reply(RequestId id, protocol::Reply reply, BytesView payload) {
  if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
    const auto found = requests.find(id);
    if (found != requests.end() && on_refused(id, found->second, refused->error)) return;
    finish(id, tl::unexpected<Error>(refused->error));
    return;
  }
  finish(id, Answer{std::move(reply), Bytes(payload.begin(), payload.end())});
}

// True if the refusal is dealt with here.
bool Connection::Inner::on_refused(RequestId id, Pending& pending, const Error& error) {
  if (error.code.starts_with("session.") && line == Line::members) {
    open_session();  // and everything under way is sent again in it
    return true;
  }
  if (!error.code.ends_with(".busy")) return false;
  parts.loop.cancel(pending.repeat);
  const auto jitter = static_cast<std::int64_t>(parts.jitter.below(500));
  pending.repeat = parts.loop.after(busy_pause + Duration(jitter), [this, id] {
    const auto found = requests.find(id);
    if (found != requests.end() && state == ConnectionState::open) send(id, found->second);
  });
  return true;
}

void Connection::Inner::finish(RequestId id, Result<Answer> answer) {
  const auto found = requests.find(id);
  if (found == requests.end()) return;
  const Callback callback = std::move(found->second.callback);
  remove(id);
  callback(std::move(answer));
}

void Connection::Inner::fail_all(const Error& error) {
  std::vector<RequestId> ids;
  for (const auto& [id, pending] : requests) ids.push_back(id);
  // By id: a callback may cancel others, or ask again.
  for (RequestId id : ids) finish(id, tl::unexpected<Error>(error));
}

}  // namespace cloister::transport
