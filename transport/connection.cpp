#include "transport/connection.h"

#include "transport/connection_inner.h"

namespace cloister::transport {

Connection::Connection(ConnectionParts parts, Server server, Line line)
    : inner_(std::make_unique<Inner>(std::move(parts), std::move(server), line)) {}
Connection::~Connection() = default;

RequestId Connection::ask(protocol::Request request, Callback callback, Bytes payload,
                          Waiting waiting) {
  return inner_->add(std::move(request), std::move(callback), std::move(payload), waiting);
}

void Connection::cancel(RequestId request) { inner_->remove(request); }

Result<Answer> Connection::ask_and_wait(protocol::Request request, Duration limit, Bytes payload) {
  std::optional<Result<Answer>> answer;
  const RequestId id = ask(
      std::move(request), [&](Result<Answer> got) { answer = std::move(got); }, std::move(payload),
      Waiting::while_reachable);
  // Somebody who is no member will not become one while we wait here.
  const auto done = [&] {
    return answer.has_value() || inner_->problem.kind == Kind::unauthenticated;
  };
  (void)inner_->parts.loop.run_until(done, limit);
  if (answer) return std::move(*answer);
  const Error reason = inner_->no_answer(inner_->requests.at(id));
  cancel(id);
  return tl::unexpected<Error>(reason);
}

ConnectionState Connection::state() const { return inner_->state; }
const Error& Connection::last_problem() const { return inner_->problem; }
void Connection::on_state(std::function<void(ConnectionState)> callback) {
  inner_->on_state = std::move(callback);
}

}  // namespace cloister::transport
