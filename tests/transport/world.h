// A coordinator and its members on loopback, in one process and one loop, for the tests of
// transport.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/hash.h"
#include "crypto/start.h"
#include "transport/connection.h"
#include "transport/endpoint.h"
#include "transport/event_loop.h"

namespace cloister::transport::testing {

class Members final : public MemberRegistry {
 public:
  std::map<MemberId, MemberEntry> all;

  [[nodiscard]] std::optional<MemberEntry> find(const MemberId& member) const override {
    const auto found = all.find(member);
    if (found == all.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::optional<MemberEntry> find_by_curve(
      const crypto::CurvePublicKey& key) const override {
    for (const auto& [member, entry] : all) {
      if (entry.curve == key) return entry;
    }
    return std::nullopt;
  }
};

inline crypto::Identity identity(const std::string& name, std::uint64_t seed) {
  REQUIRE(crypto::start());
  crypto::SeededEntropy entropy(seed);
  return crypto::generate_identity(MemberId::trusted(name), "test", entropy);
}

class World {
 public:
  World() { start(); }

  MemberEntry& add(const crypto::Identity& who, protocol::Role role = protocol::Role::site_agent) {
    return members.all[who.id] = MemberEntry{.member = who.id,
                                             .role = role,
                                             .site = "site-a",
                                             .sign = who.sign.public_key(),
                                             .curve = who.curve.public_key()};
  }

  // Binds again at the same port, as a restarted coordinator does: no session is known any more.
  void start() {
    Result<std::unique_ptr<Endpoint>> opened = try_start();
    // The library gives the port back from a thread of its own, a little after stop().
    for (int i = 0; i < 200 && !opened && opened.error().code == "address.in_use"; ++i) {
      (void)loop.run_until([] { return false; }, Duration(25));
      opened = try_start();
    }
    if (!opened) FAIL(to_string(opened.error()));
    endpoint = std::move(*opened);
    port = endpoint->bound_address().port;
  }
  Result<std::unique_ptr<Endpoint>> try_start() {
    return Endpoint::open({loop, coordinator, entropy}, members, {"127.0.0.1", port},
                          [this](Endpoint::Incoming incoming) { on_request(incoming); });
  }
  void stop() { endpoint.reset(); }

  [[nodiscard]] Server server() const {
    return {{"127.0.0.1", port},
            coordinator.id,
            coordinator.sign.public_key(),
            coordinator.curve.public_key()};
  }
  [[nodiscard]] std::unique_ptr<Connection> connect(const crypto::Identity& who) {
    return std::make_unique<Connection>(ConnectionParts{loop, who, entropy, Prng(7)}, server());
  }
  [[nodiscard]] std::unique_ptr<Connection> connect(const crypto::Identity& who,
                                                    const Server& where) {
    return std::make_unique<Connection>(ConnectionParts{loop, who, entropy, Prng(7)}, where);
  }
  // `step_ms`: asks at least that often, for conditions that no event of the loop announces.
  bool wait(const std::function<bool()>& done, int milliseconds = 10'000, int step_ms = 0) {
    bool holds = false;
    const Duration end = clock.monotonic() + Duration(milliseconds);
    do {
      const Duration left = std::max(Duration(1), end - clock.monotonic());
      const Duration step = step_ms == 0 ? left : Duration(step_ms);
      // run_until asks twice where it is true; a condition may be an act that works once.
      (void)loop.run_until([&] { return holds = holds || done(); }, step);
    } while (!holds && clock.monotonic() < end);
    return holds;
  }
  [[nodiscard]] std::uint64_t refused(const std::string& code) const {
    const auto& counts = endpoint->counts().refused;
    const auto found = counts.find(code);
    return found == counts.end() ? 0 : found->second;
  }

  SystemClock clock;
  EventLoop loop{clock};
  crypto::SystemEntropy entropy;
  crypto::Identity coordinator = identity("coordinator", 1);
  crypto::Identity agent = identity("agent-a", 2);
  Members members;
  std::uint16_t port = 0;
  // Told to every Ask unless `on_request` is replaced.
  std::function<void(Endpoint::Incoming&)> on_request = [this](Endpoint::Incoming& incoming) {
    ++requests_seen;
    last_payload_bytes = incoming.payload.size();
    const auto* ask = std::get_if<protocol::Ask>(&incoming.request);
    endpoint->reply(incoming.token, protocol::Told{ask != nullptr ? "re: " + ask->what : "?"});
  };
  int requests_seen = 0;
  std::size_t last_payload_bytes = 0;
  std::unique_ptr<Endpoint> endpoint;
};

inline std::string code_of(const Result<Answer>& answer) {
  return answer ? std::string() : answer.error().code;
}

}  // namespace cloister::transport::testing
