#include "transport/endpoint.h"

#include <algorithm>

#include "base/version.h"
#include "crypto/hash.h"
#include "protocol/limits.h"
#include "protocol/methods.h"
#include "transport/server_socket.h"
#include "transport/session_table.h"

namespace cloister::transport {
namespace {

using protocol::method_name;

constexpr std::size_t under_way_max = 64;  // requests of one member

Error unknown_member() {
  return {Kind::unauthenticated, "member.unknown",
          "The sender is no member of this consortium, or the connection has another key.",
          "Enrol, or use the key file that was enrolled."};
}

Error revoked(const MemberId& member) {
  return {Kind::forbidden, "member.revoked",
          fmt::format("The membership of {} was revoked.", member),
          "Ask a consortium administrator; a new key can be enrolled."};
}

Error not_allowed(protocol::Role role, std::uint32_t method) {
  return {Kind::forbidden, "member.not_allowed",
          fmt::format("The role {} may not call {}.", to_string(role), method_name(method)),
          "docs/protocol.md lists who may call what; ask somebody with such a role."};
}

// A payload travels with BlobChunk and nothing else, and must have the length that is signed.
Result<void> check_payload(const Arrived& arrived, const protocol::Request& request) {
  const auto* chunk = std::get_if<protocol::BlobChunk>(&request);
  if ((chunk != nullptr) != arrived.has_payload) {
    return fail(Kind::corrupt, "message.payload",
                "A payload is missing, or came with a message that carries none.",
                "Both sides must run compatible versions.");
  }
  if (chunk == nullptr) return {};
  if (arrived.payload.size() != chunk->length) {
    return fail(
        Kind::corrupt, "blob.chunk_length",
        fmt::format("The chunk at {} has {} bytes, not the {} that were signed.", chunk->offset,
                    arrived.payload.size(), chunk->length),
        "It is sent again; if this repeats, check that both sides have compatible versions.");
  }
  return {};
}

}  // namespace

struct Endpoint::Inner {
  Inner(const EndpointParts& parts, const MemberRegistry& members, const Address& address,
        Handler on_request)
      : registry(members),
        handler(std::move(on_request)),
        identity(parts.identity),
        entropy(parts.entropy),
        socket(parts, {.address = address,
                       .domain = "cloister-members",
                       .admit = [this](const crypto::CurvePublicKey& key) { return admits(key); },
                       .on_arrived = [this](Arrived& arrived) { on_arrived(arrived); }}) {}

  [[nodiscard]] bool admits(const crypto::CurvePublicKey& key) const {
    const auto entry = registry.find_by_curve(key);
    return entry && !entry->revoked;
  }

  void on_arrived(Arrived& arrived) {
    if (auto handed = judge(arrived); !handed) socket.refuse(arrived.asked, handed.error());
  }

  // Steps 3 to 8 of the header's list.
  Result<void> judge(Arrived& arrived) {
    const Asked& asked = arrived.asked;
    // By the connection's key: while a member changes keys, both of them are bound.
    const auto entry = registry.find_by_curve(arrived.connection_key);
    if (!entry || entry->member != asked.sender) {
      return tl::unexpected<Error>(unknown_member());
    }
    if (entry->revoked) {
      forget(asked.sender);
      return tl::unexpected<Error>(revoked(asked.sender));
    }
    if (!is_signed_by(entry->sign, arrived.message)) {
      return fail(Kind::unauthenticated, "message.signature",
                  fmt::format("The message is not signed by the key of {}.", asked.sender),
                  "Use the key file that was enrolled.");
    }
    if (arrived.message.header.audience != identity.id) {
      return fail(Kind::invalid, "message.audience",
                  fmt::format("The message is meant for {}, and this is {}.",
                              arrived.message.header.audience, identity.id),
                  "Check the coordinator's name in the membership file.");
    }
    if (asked.method == open_session_method) return open_session(arrived);
    auto accepted = sessions.accept(asked.sender, asked.session, asked.counter);
    if (!accepted) return pass(accepted);
    if (accepted->took_over) drop_requests(asked.sender);
    return hand_on(arrived, *entry);
  }

  Result<void> open_session(const Arrived& arrived) {
    auto request = protocol::decode_request(arrived.asked.method, arrived.message.sealed.body);
    if (!request) return pass(request);
    const Bytes nonce = entropy.bytes(protocol::limits::nonce_bytes);
    sessions.offer(arrived.asked.sender, nonce);
    socket.send(arrived.asked,
                protocol::SessionOpened{
                    .client_nonce = std::get<protocol::OpenSession>(*request).client_nonce,
                    .session = nonce,
                    .protocol_version = protocol_version});
    return {};
  }

  Result<void> hand_on(Arrived& arrived, const MemberEntry& entry) {
    const Asked& asked = arrived.asked;
    if (!protocol::may_call(entry.role, asked.method)) {
      return tl::unexpected<Error>(not_allowed(entry.role, asked.method));
    }
    auto request = protocol::decode_request(asked.method, arrived.message.sealed.body);
    if (!request) return pass(request);
    if (auto checked = check_payload(arrived, *request); !checked) return checked;
    if (under_way[asked.sender] >= under_way_max) {
      return fail(Kind::exhausted, "endpoint.busy",
                  fmt::format("{} has {} requests without an answer.", asked.sender, under_way_max),
                  "It is asked again by itself.");
    }
    const ReplyToken token{++last_token};
    ++under_way[asked.sender];
    requests.emplace(token, asked);
    ++socket.counts.handed_on;
    handler({.token = token,
             .member = entry.member,
             .role = entry.role,
             .site = entry.site,
             .request = std::move(*request),
             .payload = arrived.payload});
    return {};
  }

  // The request of a token, if its asker may still have the answer.
  std::optional<Asked> take(ReplyToken token) {
    const auto found = requests.find(token);
    if (found == requests.end()) return std::nullopt;
    Asked asked = std::move(found->second);
    requests.erase(found);
    --under_way[asked.sender];
    const auto entry = registry.find(asked.sender);
    if (!entry || entry->revoked) {
      ++socket.counts.lost;
      return std::nullopt;
    }
    return asked;
  }

  // Nobody waits for the answers of a closed session.
  void drop_requests(const MemberId& member) {
    std::erase_if(requests, [&](const auto& request) {
      return request.second.sender == member && !sessions.is_live(member, request.second.session);
    });
    under_way[member] = static_cast<std::size_t>(
        std::count_if(requests.begin(), requests.end(),
                      [&](const auto& request) { return request.second.sender == member; }));
  }

  void forget(const MemberId& member) {
    sessions.close(member);
    drop_requests(member);
    under_way.erase(member);
  }

  const std::uint32_t open_session_method =
      protocol::method_of(protocol::Request(protocol::OpenSession{}));
  const MemberRegistry& registry;
  Handler handler;
  const crypto::Identity& identity;
  crypto::Entropy& entropy;
  SessionTable sessions;
  std::map<ReplyToken, Asked> requests;
  std::map<MemberId, std::size_t> under_way;  // members only: bounded by the membership
  std::uint64_t last_token = 0;
  ServerSocket socket;
};

Endpoint::Endpoint(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Endpoint::~Endpoint() = default;

Result<std::unique_ptr<Endpoint>> Endpoint::open(const EndpointParts& parts,
                                                 const MemberRegistry& registry,
                                                 const Address& address, Handler handler) {
  auto inner = std::make_unique<Inner>(parts, registry, address, std::move(handler));
  if (auto bound = inner->socket.bind(); !bound) return pass(bound);
  return std::unique_ptr<Endpoint>(new Endpoint(std::move(inner)));
}

void Endpoint::reply(ReplyToken token, const protocol::Reply& reply, BytesView payload) {
  if (const auto asked = inner_->take(token)) inner_->socket.send(*asked, reply, payload);
}

void Endpoint::refuse(ReplyToken token, const Error& error) {
  if (const auto asked = inner_->take(token)) inner_->socket.refuse(*asked, error);
}

const EndpointCounts& Endpoint::counts() const { return inner_->socket.counts; }
Address Endpoint::bound_address() const { return inner_->socket.bound_address(); }

}  // namespace cloister::transport
