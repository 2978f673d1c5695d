#include "transport/endpoint.h"

#include <catch2/catch.hpp>

#include "tests/transport/world.h"

using namespace cloister;
using namespace cloister::transport;
using namespace cloister::transport::testing;
using protocol::Ask;
using protocol::Told;

TEST_CASE("a member asks and gets a signed answer", "[transport]") {
  World world;
  world.add(world.agent);
  auto line = world.connect(world.agent);
  auto told = reply_as<Told>(line->ask_and_wait(Ask{"jobs", ""}, Duration(10'000)));
  REQUIRE(told);
  CHECK(told->json == "re: jobs");
  CHECK(line->state() == ConnectionState::open);
  CHECK(world.endpoint->counts().handed_on == 1);
  CHECK(world.endpoint->counts().dropped == 0);
}

TEST_CASE("many requests are under way at once and each gets its own answer", "[transport]") {
  World world;
  world.add(world.agent);
  std::vector<std::pair<ReplyToken, std::string>> held;
  world.on_request = [&](Endpoint::Incoming& incoming) {
    held.emplace_back(incoming.token, std::get<Ask>(incoming.request).what);
  };
  auto line = world.connect(world.agent);
  std::map<std::string, std::string> answers;
  for (int i = 0; i < 40; ++i) {
    const std::string name = fmt::format("q{}", i);
    line->ask(Ask{name, ""}, [&answers, name](Result<Answer> answer) {
      answers[name] = reply_as<Told>(std::move(answer)).value().json;
    });
  }
  REQUIRE(world.wait([&] { return held.size() == 40; }));
  // Answered in the opposite order, long after they were asked.
  for (auto it = held.rbegin(); it != held.rend(); ++it) {
    world.endpoint->reply(it->first, Told{it->second});
  }
  REQUIRE(world.wait([&] { return answers.size() == 40; }));
  for (const auto& [asked, told] : answers) CHECK(asked == told);
}

TEST_CASE("an unknown key does not get past the handshake and is told so", "[transport]") {
  World world;
  auto line = world.connect(world.agent);
  const auto answer = line->ask_and_wait(Ask{"jobs", ""}, Duration(5'000));
  CHECK(code_of(answer) == "connection.no_member");
  CHECK(world.endpoint->counts().handshakes_refused >= 1);
  CHECK(world.endpoint->counts().received == 0);
}

TEST_CASE("a coordinator with another key than expected gets nothing", "[transport]") {
  World world;
  world.add(world.agent);
  Server other = world.server();
  other.curve = identity("impostor", 9).curve.public_key();
  auto line = world.connect(world.agent, other);
  const auto answer = line->ask_and_wait(Ask{"jobs", ""}, Duration(4'000));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Kind::unavailable);
  CHECK(world.endpoint->counts().received == 0);
}

TEST_CASE("answers that another key signed do not count", "[transport]") {
  World world;
  world.add(world.agent);
  Server other = world.server();
  other.sign = identity("impostor", 9).sign.public_key();
  auto line = world.connect(world.agent, other);
  CHECK_FALSE(line->ask_and_wait(Ask{"jobs", ""}, Duration(1'500)));
  CHECK(line->state() == ConnectionState::opening);
}

TEST_CASE("a member is revoked on the very next message of an open connection", "[transport]") {
  World world;
  world.add(world.agent);
  auto line = world.connect(world.agent);
  REQUIRE(line->ask_and_wait(Ask{"one", ""}, Duration(10'000)));
  world.members.all[world.agent.id].revoked = true;
  CHECK(code_of(line->ask_and_wait(Ask{"two", ""}, Duration(5'000))) == "member.revoked");
  CHECK(world.requests_seen == 1);
}

TEST_CASE("an answer that was held back does not reach a member revoked since", "[transport]") {
  World world;
  world.add(world.agent);
  std::optional<ReplyToken> held;
  world.on_request = [&](Endpoint::Incoming& incoming) { held = incoming.token; };
  auto line = world.connect(world.agent);
  bool answered = false;
  line->ask(Ask{"secret", ""}, [&](Result<Answer>) { answered = true; });
  REQUIRE(world.wait([&] { return held.has_value(); }));
  world.members.all[world.agent.id].revoked = true;
  world.endpoint->reply(*held, Told{"secret"});
  world.wait([&] { return answered; }, 300);
  CHECK_FALSE(answered);
}

TEST_CASE("a role is refused what it may not call", "[transport]") {
  World world;
  world.add(world.agent, protocol::Role::auditor);
  auto line = world.connect(world.agent);
  const auto answer = line->ask_and_wait(protocol::GetWraps{{Digest{}}}, Duration(10'000));
  CHECK(code_of(answer) == "member.not_allowed");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().what.find("auditor") != std::string::npos);
  CHECK(world.requests_seen == 0);
}

TEST_CASE("a restarted coordinator is found again and everything under way is asked again",
          "[transport]") {
  World world;
  world.add(world.agent);
  std::optional<ReplyToken> held;
  world.on_request = [&](Endpoint::Incoming& incoming) { held = incoming.token; };
  auto line = world.connect(world.agent);
  std::optional<Result<Answer>> answer;
  line->ask(Ask{"patience", ""}, [&](Result<Answer> got) { answer = std::move(got); });
  REQUIRE(world.wait([&] { return held.has_value(); }));
  world.stop();
  held.reset();
  world.wait([] { return false; }, 300);
  world.start();
  REQUIRE(world.wait([&] { return held.has_value(); }, 20'000));
  world.endpoint->reply(*held, Told{"at last"});
  REQUIRE(world.wait([&] { return answer.has_value(); }));
  CHECK(reply_as<Told>(std::move(*answer)).value().json == "at last");
}

TEST_CASE("two programs with one key take the session from each other and both get answers",
          "[transport]") {
  World world;
  world.add(world.agent);
  auto first = world.connect(world.agent);
  REQUIRE(first->ask_and_wait(Ask{"a", ""}, Duration(10'000)));
  auto second = world.connect(world.agent);
  REQUIRE(second->ask_and_wait(Ask{"b", ""}, Duration(10'000)));
  REQUIRE(first->ask_and_wait(Ask{"c", ""}, Duration(10'000)));
  CHECK(world.refused("session.unknown") == 1);
}

TEST_CASE("one member cannot pile up requests without end", "[transport]") {
  World world;
  world.add(world.agent);
  int seen = 0;
  world.on_request = [&](Endpoint::Incoming&) { ++seen; };  // never answered
  auto line = world.connect(world.agent);
  for (int i = 0; i < 80; ++i) line->ask(Ask{"x", ""}, [](Result<Answer>) {});
  REQUIRE(world.wait([&] { return world.refused("endpoint.busy") >= 16; }));
  CHECK(seen == 64);
}

TEST_CASE("an answer that fits no message becomes a refusal that says so", "[transport]") {
  World world;
  world.add(world.agent);
  world.on_request = [&](Endpoint::Incoming& incoming) {
    world.endpoint->reply(incoming.token, Told{std::string(2U << 20, ' ')});
  };
  auto line = world.connect(world.agent);
  CHECK(code_of(line->ask_and_wait(Ask{"all", ""}, Duration(10'000))) == "message.too_large");
}

TEST_CASE("a port in use is said to be in use", "[transport]") {
  World world;
  auto second = Endpoint::open({world.loop, world.coordinator, world.entropy}, world.members,
                               {"127.0.0.1", world.port}, [](Endpoint::Incoming) {});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == "address.in_use");
  CHECK(second.error().kind == Kind::conflict);
  CHECK_FALSE(second.error().next.empty());
}

TEST_CASE("nobody at the address is an error that says where and what to check", "[transport]") {
  World world;
  world.add(world.agent);
  Server nowhere = world.server();
  world.stop();
  auto line = world.connect(world.agent, nowhere);
  const auto answer = line->ask_and_wait(Ask{"jobs", ""}, Duration(1'500));
  CHECK(code_of(answer) == "connection.unreachable");
  CHECK(answer.error().what.find("127.0.0.1") != std::string::npos);
}

TEST_CASE(
    "who waits for an answer hears within seconds that nobody is there, and nothing is sent later",
    "[transport]") {
  World world;
  world.add(world.agent);
  const Server place = world.server();
  world.stop();
  auto line = world.connect(world.agent, place);
  std::optional<Result<Answer>> patient;
  line->ask(Ask{"patient", ""}, [&](Result<Answer> got) { patient = std::move(got); });
  // Without a limit that could end it: it is given up by itself.
  CHECK(code_of(line->ask_and_wait(Ask{"hurried", ""}, Duration(3'600'000))) ==
        "connection.unreachable");
  CHECK_FALSE(patient.has_value());
  world.start();
  REQUIRE(world.wait([&] { return patient.has_value(); }, 30'000));
  CHECK(patient->has_value());
  CHECK(world.requests_seen == 1);
}

TEST_CASE("what was sent and not answered may have been done, and whoever waits is told so",
          "[transport]") {
  World world;
  world.add(world.agent);
  bool asked = false;
  world.on_request = [&](Endpoint::Incoming&) { asked = true; };  // it acts, and says nothing
  auto line = world.connect(world.agent);
  const auto looked = line->ask_and_wait(Ask{"one", ""}, Duration(1'500));
  CHECK(code_of(looked) == "connection.no_answer");
  CHECK(looked.error().what.find("is not known") == std::string::npos);  // nothing could change
  asked = false;
  std::optional<Result<Answer>> submitted;
  line->ask(
      protocol::Submit{{to_bytes("envelope")}},
      [&](Result<Answer> got) { submitted = std::move(got); }, {}, Waiting::while_reachable);
  REQUIRE(world.wait([&] { return asked; }, 10'000));
  asked = false;
  std::optional<Result<Answer>> looked_again;
  line->ask(
      Ask{"two", ""}, [&](Result<Answer> got) { looked_again = std::move(got); }, {},
      Waiting::while_reachable);
  REQUIRE(world.wait([&] { return asked; }, 10'000));
  world.stop();
  REQUIRE(world.wait([&] { return submitted && looked_again; }, 60'000));
  CHECK(code_of(*submitted) == "connection.no_answer");
  CHECK(submitted->error().what.find("is not known") != std::string::npos);
  CHECK(code_of(*looked_again) != "connection.no_answer");
}

TEST_CASE("a person's question dials at once, whatever pause the line had come to", "[transport]") {
  World world;
  world.add(world.agent);
  const Server place = world.server();
  world.stop();
  auto line = world.connect(world.agent, place);
  (void)world.wait([] { return false; }, 7'000);  // pauses of many seconds by now
  world.start();
  const Duration begin = world.clock.monotonic();
  CHECK(line->ask_and_wait(Ask{"now", ""}, Duration(10'000)));
  CHECK(world.clock.monotonic() - begin < Duration(2'000));
}

TEST_CASE("a newcomer of any key enrols, and only enrols, at the enrolment address",
          "[transport]") {
  World world;
  std::vector<protocol::Enrol> seen;
  std::unique_ptr<EnrolmentEndpoint> door;
  auto opened = EnrolmentEndpoint::open(
      {world.loop, world.coordinator, world.entropy}, {"127.0.0.1", 0},
      [&](ReplyToken token, const protocol::Enrol& enrol) {
        seen.push_back(enrol);
        door->reply(token, {protocol::EnrolmentState::Step::waiting_for_approval, "Wait.", {}});
      });
  REQUIRE(opened);
  door = std::move(*opened);
  Server there = world.server();
  there.address = door->bound_address();
  Connection line({world.loop, world.agent, world.entropy, Prng(1)}, there, Line::enrolment);
  const auto keys = [](const crypto::Identity& who) {
    const auto bytes = [](BytesView view) { return Bytes(view.begin(), view.end()); };
    return protocol::MemberKeys{bytes(who.sign.public_key().view()),
                                bytes(who.seal.public_key().view()),
                                bytes(who.curve.public_key().view())};
  };
  protocol::Enrol enrol{Bytes(32, 1), world.agent.id,    protocol::Role::site_agent,
                        "site-a",     keys(world.agent), Bytes(64, 2),
                        Bytes(64, 3)};
  const auto state = reply_as<protocol::EnrolmentState>(line.ask_and_wait(enrol, Duration(10'000)));
  REQUIRE(state);
  CHECK(state->note == "Wait.");
  CHECK(seen.size() == 1);
  // Asking for somebody else's keys, and asking anything else.
  enrol.keys = keys(identity("other", 5));
  CHECK(code_of(line.ask_and_wait(enrol, Duration(10'000))) == "enrolment.keys");
  CHECK(code_of(line.ask_and_wait(Ask{"jobs", ""}, Duration(10'000))) == "enrolment.only");
  CHECK(seen.size() == 1);
}
