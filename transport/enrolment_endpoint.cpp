#include <algorithm>
#include <map>

#include "protocol/limits.h"
#include "transport/endpoint.h"
#include "transport/server_socket.h"

namespace cloister::transport {
namespace {

constexpr std::size_t under_way_max = 64;  // of all newcomers together

// Newcomers cannot be told apart, so they share one bucket: `burst` at once, then one every
// `refill`.
class RateLimit {
 public:
  static constexpr int burst = 20;
  static constexpr Duration refill{200};

  [[nodiscard]] bool allow(Duration now) {
    const auto earned = (now - last_) / refill;
    if (earned > 0) {
      left_ = static_cast<int>(std::min<std::int64_t>(burst, left_ + earned));
      last_ += refill * earned;
    }
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  int left_ = burst;
  Duration last_{0};
};

}  // namespace

struct EnrolmentEndpoint::Inner {
  Inner(const EndpointParts& its_parts, const Address& address, Handler on_enrol)
      : parts(its_parts),
        handler(std::move(on_enrol)),
        socket(its_parts, {.address = address,
                           .domain = "cloister-enrolment",
                           .admit = [](const crypto::CurvePublicKey&) { return true; },
                           .on_arrived = [this](Arrived& arrived) { on_arrived(arrived); }}) {}

  void on_arrived(Arrived& arrived) {
    if (auto handed = judge(arrived); !handed) socket.refuse(arrived.asked, handed.error());
  }

  Result<void> judge(Arrived& arrived) {
    if (!rate.allow(parts.loop.monotonic()) || requests.size() >= under_way_max) {
      return fail(Kind::exhausted, "enrolment.busy", "Too many are asking to be enrolled just now.",
                  "It is asked again by itself.");
    }
    auto request = protocol::decode_request(arrived.asked.method, arrived.message.sealed.body);
    if (!request) return pass(request);
    const auto* enrol = std::get_if<protocol::Enrol>(&*request);
    if (enrol == nullptr || arrived.has_payload) {
      return fail(Kind::unauthenticated, "enrolment.only", "This address answers enrolments only.",
                  "Members use the coordinator's other address.");
    }
    const auto key = crypto::public_key_from_bytes(enrol->keys.sign);
    const bool own = key && is_signed_by(*key, arrived.message) &&
                     arrived.message.header.audience == parts.identity.id &&
                     enrol->member == arrived.asked.sender &&
                     std::ranges::equal(enrol->keys.curve, arrived.connection_key.bytes);
    if (!own) {
      return fail(Kind::unauthenticated, "enrolment.keys",
                  "The request does not come from the holder of the keys that it names.",
                  "Enrol with the key file that the keys are in.");
    }
    const ReplyToken token{++last_token};
    requests.emplace(token, arrived.asked);
    ++socket.counts.handed_on;
    handler(token, *enrol);
    return {};
  }

  std::optional<Asked> take(ReplyToken token) {
    const auto found = requests.find(token);
    if (found == requests.end()) return std::nullopt;
    Asked asked = std::move(found->second);
    requests.erase(found);
    return asked;
  }

  EndpointParts parts;
  Handler handler;
  RateLimit rate;
  std::map<ReplyToken, Asked> requests;
  std::uint64_t last_token = 0;
  ServerSocket socket;
};

EnrolmentEndpoint::EnrolmentEndpoint(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
EnrolmentEndpoint::~EnrolmentEndpoint() = default;

Result<std::unique_ptr<EnrolmentEndpoint>> EnrolmentEndpoint::open(const EndpointParts& parts,
                                                                   const Address& address,
                                                                   Handler handler) {
  auto inner = std::make_unique<Inner>(parts, address, std::move(handler));
  if (auto bound = inner->socket.bind(); !bound) return pass(bound);
  return std::unique_ptr<EnrolmentEndpoint>(new EnrolmentEndpoint(std::move(inner)));
}

void EnrolmentEndpoint::reply(ReplyToken token, const protocol::EnrolmentState& state) {
  if (const auto asked = inner_->take(token)) inner_->socket.send(*asked, state);
}

void EnrolmentEndpoint::refuse(ReplyToken token, const Error& error) {
  if (const auto asked = inner_->take(token)) inner_->socket.refuse(*asked, error);
}

const EndpointCounts& EnrolmentEndpoint::counts() const { return inner_->socket.counts; }
Address EnrolmentEndpoint::bound_address() const { return inner_->socket.bound_address(); }

}  // namespace cloister::transport
