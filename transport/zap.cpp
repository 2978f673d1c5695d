#include "transport/zap.h"

#include <iterator>
#include <vector>
#include <zmq_addon.hpp>

#include "transport/event_loop_inner.h"

namespace cloister::transport {
namespace {

constexpr const char* zap_address = "inproc://zeromq.zap.01";
constexpr int batch_max = 64;

}  // namespace

ZapHandler::ZapHandler(EventLoop::Inner& loop)
    : loop_(loop), socket_(loop.context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(zap_address);
  watch_ = loop_.watch_socket(socket_, [this] { answer_all(); });
}

ZapHandler::~ZapHandler() { loop_.sources.erase(watch_); }

void ZapHandler::serve(const std::string& domain, Admit admit, std::uint64_t* refused) {
  rules_[domain] = Rule{std::move(admit), refused};
}

void ZapHandler::answer_all() {
  for (int i = 0; i < batch_max; ++i) {
    std::vector<zmq::message_t> frames;
    if (!zmq::recv_multipart(socket_, std::back_inserter(frames), zmq::recv_flags::dontwait))
      return;
    answer(frames);
  }
}

// Request: version, request id, domain, address, routing id, mechanism, credentials (the key).
void ZapHandler::answer(const std::vector<zmq::message_t>& frames) {
  std::string user;
  // Nobody to decide (an endpoint that is just closing): "temporary", and the client tries again.
  std::string_view status = "300";
  if (frames.size() == 7 && frames[0].to_string_view() == "1.0" &&
      frames[5].to_string_view() == "CURVE") {
    const auto rule = rules_.find(frames[2].to_string());
    const auto key = crypto::curve_public_key_from_bytes(
        BytesView(frames[6].data<std::uint8_t>(), frames[6].size()));
    if (rule != rules_.end() && key) {
      const bool admitted = rule->second.admit(*key);
      status = admitted ? "200" : "400";
      if (admitted) user = to_hex(key->view());
      if (!admitted) ++*rule->second.refused;
    }
  }
  const std::string_view id =
      frames.size() > 1 ? frames[1].to_string_view() : std::string_view("1");
  std::array<zmq::const_buffer, 6> reply{
      zmq::buffer(std::string_view("1.0")),
      zmq::buffer(id),
      zmq::buffer(status),
      zmq::buffer(std::string_view(user.empty() ? "not admitted" : "OK")),
      zmq::buffer(user),
      zmq::buffer(std::string_view())};
  (void)zmq::send_multipart(socket_, reply, zmq::send_flags::dontwait);
}

}  // namespace cloister::transport
