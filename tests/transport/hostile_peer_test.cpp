// Peers that do not keep to the rules, on real sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <zmq_addon.hpp>

#include "base/version.h"
#include "protocol/limits.h"
#include "tests/transport/world.h"
#include "transport/signed_message.h"

using namespace cloister;
using namespace cloister::transport;
using namespace cloister::transport::testing;
using namespace cloister::protocol;

namespace {

// A client that sends whatever it is told to.
class RawPeer {
 public:
  enum class Mechanism { curve, null, plain };

  RawPeer(World& world, const crypto::Identity& who, Mechanism mechanism = Mechanism::curve)
      : world_(world), who_(who), socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    if (mechanism == Mechanism::curve) {
      socket_.set(zmq::sockopt::curve_serverkey,
                  as_text(world.coordinator.curve.public_key().view()));
      socket_.set(zmq::sockopt::curve_publickey, as_text(who.curve.public_key().view()));
      socket_.set(zmq::sockopt::curve_secretkey, as_text(who.curve.secret()));
    } else if (mechanism == Mechanism::plain) {
      socket_.set(zmq::sockopt::plain_username, "admin");
      socket_.set(zmq::sockopt::plain_password, "admin");
    }
    socket_.connect(fmt::format("tcp://127.0.0.1:{}", world.port));
  }

  void send(const std::vector<Bytes>& frames) {
    std::vector<zmq::const_buffer> buffers;
    for (const Bytes& frame : frames) buffers.emplace_back(frame.data(), frame.size());
    (void)zmq::send_multipart(socket_, buffers);
  }

  // The next reply within the time, decoded; nothing if none came.
  std::optional<Reply> receive(int milliseconds = 5'000) {
    std::vector<zmq::message_t> frames;
    world_.wait(
        [&] {
          return zmq::recv_multipart(socket_, std::back_inserter(frames), zmq::recv_flags::dontwait)
              .has_value();
        },
        milliseconds, 5);
    if (frames.empty()) return std::nullopt;
    const auto sealed =
        decode_envelope(BytesView(frames[0].data<std::uint8_t>(), frames[0].size())).value();
    const Header header = decode_header(sealed.header_bytes).value();
    return decode_reply(header.method, sealed.body).value();
  }

  std::string refusal(int milliseconds = 5'000) {
    const auto reply = receive(milliseconds);
    if (!reply) return "nothing";
    const auto* refused = std::get_if<Refused>(&*reply);
    return refused == nullptr ? "answered" : refused->error.code;
  }

  [[nodiscard]] Header header(const Request& request) {
    return {.sender = who_.id,
            .audience = world_.coordinator.id,
            .session = session_,
            .counter = ++counter_,
            .issued_at = Instant(1),
            .method = method_of(request)};
  }
  [[nodiscard]] Bytes sealed(const Request& request) {
    return sign_message(who_.sign, header(request), encode(request)).envelope;
  }
  void open() {
    session_.clear();
    send({sealed(OpenSession{Bytes(16, 1), 1, "test"})});
    const auto reply = receive();
    REQUIRE(reply);
    session_ = std::get<SessionOpened>(*reply).session;
    counter_ = 0;
  }

  Bytes session_;
  std::uint64_t counter_ = 0;

 private:
  World& world_;
  const crypto::Identity& who_;
  zmq::context_t context_;
  zmq::socket_t socket_;
};

const Ask question{"jobs", ""};

}  // namespace

TEST_CASE("peers without CURVE get nowhere", "[transport][hostile]") {
  World world;
  world.add(world.agent);
  for (auto mechanism : {RawPeer::Mechanism::null, RawPeer::Mechanism::plain}) {
    RawPeer peer(world, world.agent, mechanism);
    peer.send({to_bytes("hello")});
    CHECK(peer.refusal(700) == "nothing");
  }
  CHECK(world.endpoint->counts().received == 0);
}

TEST_CASE("a recorded message is worth nothing in its session, in another, or after a restart",
          "[transport][hostile]") {
  World world;
  world.add(world.agent);
  RawPeer peer(world, world.agent);
  peer.open();
  const Bytes recorded = peer.sealed(question);
  peer.send({recorded});
  CHECK(peer.refusal() == "answered");
  peer.send({recorded});
  CHECK(peer.refusal() == "session.replayed");

  peer.open();
  peer.send({recorded});  // the new session is offered, the old one still the live one
  CHECK(peer.refusal() == "session.replayed");
  peer.send({peer.sealed(question)});
  CHECK(peer.refusal() == "answered");
  peer.send({recorded});
  CHECK(peer.refusal() == "session.unknown");

  world.stop();
  world.start();
  RawPeer again(world, world.agent);
  again.send({recorded});
  CHECK(again.refusal(10'000) == "session.unknown");
  CHECK(world.requests_seen == 2);
}

TEST_CASE("a replayed OpenSession closes no session", "[transport][hostile]") {
  World world;
  world.add(world.agent);
  RawPeer peer(world, world.agent);
  const Bytes recorded = peer.sealed(OpenSession{Bytes(16, 1), 1, "test"});
  peer.open();
  peer.send({peer.sealed(question)});
  CHECK(peer.refusal() == "answered");
  RawPeer thief(world, world.agent);
  thief.send({recorded});
  CHECK(thief.refusal() == "answered");
  peer.send({peer.sealed(question)});
  CHECK(peer.refusal() == "answered");
}

TEST_CASE("a member cannot speak for another, nor with another's signature",
          "[transport][hostile]") {
  World world;
  world.add(world.agent);
  const crypto::Identity other = identity("agent-b", 3);
  world.add(other);
  RawPeer peer(world, world.agent);
  Header header = peer.header(question);
  header.sender = other.id;  // over agent-a's connection
  peer.send({sign_message(other.sign, header, encode(question)).envelope});
  CHECK(peer.refusal() == "member.unknown");
  header.sender = world.agent.id;
  peer.send({sign_message(other.sign, header, encode(question)).envelope});
  CHECK(peer.refusal() == "message.signature");
  header.audience = other.id;
  peer.send({sign_message(world.agent.sign, header, encode(question)).envelope});
  CHECK(peer.refusal() == "message.audience");
  CHECK(world.requests_seen == 0);
}

TEST_CASE("a changed body or signature and a payload out of place are noticed",
          "[transport][hostile]") {
  World world;
  world.add(world.agent);
  RawPeer peer(world, world.agent);
  peer.open();
  auto sealed = decode_envelope(peer.sealed(question)).value();
  sealed.body = encode(Request(Ask{"else", ""}));
  peer.send({encode_envelope(sealed)});
  CHECK(peer.refusal() == "message.signature");

  const Bytes payload(1'000, 7);
  const BlobChunk chunk{Digest{}, 0, 1'000};
  peer.send({peer.sealed(chunk), payload});
  CHECK(peer.refusal() == "answered");
  CHECK(world.last_payload_bytes == 1'000);
  peer.send({peer.sealed(chunk), Bytes(999, 7)});
  CHECK(peer.refusal() == "blob.chunk_length");
  peer.send({peer.sealed(chunk)});
  CHECK(peer.refusal() == "message.payload");
  peer.send({peer.sealed(question), payload});
  CHECK(peer.refusal() == "message.payload");
}

TEST_CASE("another protocol version is answered with what to upgrade", "[transport][hostile]") {
  World world;
  world.add(world.agent);
  RawPeer peer(world, world.agent);
  Header header = peer.header(question);
  header.version = protocol_version + 1;
  header.body_digest = crypto::sha256({});
  const Bytes bytes = encode_header(header);
  const crypto::Signature signature = world.agent.sign.sign(signed_bytes(bytes));
  peer.send({encode_envelope({bytes, Bytes(signature.begin(), signature.end()), {}})});
  const auto reply = peer.receive();
  REQUIRE(reply);
  const Error& error = std::get<Refused>(*reply).error;
  CHECK(error.code == "protocol.version");
  CHECK(error.next.find("pgrade") != std::string::npos);
}

TEST_CASE("garbage is dropped, counted and answered to nobody", "[transport][hostile]") {
  World world;
  world.add(world.agent);
  RawPeer peer(world, world.agent);
  peer.send({to_bytes("garbage")});
  peer.send({Bytes()});
  peer.send({Bytes(), Bytes(), Bytes(), Bytes()});
  Prng prng(4);
  for (int i = 0; i < 200; ++i) {
    Bytes bytes = peer.sealed(question);
    bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + prng.below(255));
    peer.send({bytes});
  }
  REQUIRE(world.wait([&] { return world.endpoint->counts().received == 203; }));
  CHECK(world.endpoint->counts().dropped >= 3);
  CHECK(world.requests_seen == 0);
  auto honest = world.connect(world.agent);
  CHECK(honest->ask_and_wait(question, Duration(10'000)));
}

TEST_CASE("a frame beyond the limit ends its connection and nothing else", "[transport][hostile]") {
  World world;
  world.add(world.agent);
  const crypto::Identity other = identity("agent-b", 3);
  world.add(other);
  auto honest = world.connect(other);
  REQUIRE(honest->ask_and_wait(question, Duration(10'000)));
  const auto before = world.endpoint->counts().received;
  RawPeer peer(world, world.agent);
  peer.send({Bytes(limits::frame_bytes_max + 1, 0)});
  world.wait([] { return false; }, 500);
  CHECK(world.endpoint->counts().received == before);
  CHECK(honest->ask_and_wait(question, Duration(10'000)));
}

TEST_CASE("hundreds of half-open connections do not keep an honest member out",
          "[transport][hostile]") {
  World world;
  world.add(world.agent);
  std::vector<int> flood;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(world.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto open_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      (void)connect(descriptor, static_cast<sockaddr*>(static_cast<void*>(&address)),
                    sizeof address);
      flood.push_back(descriptor);
    }
  };
  open_some(200);
  auto line = world.connect(world.agent);
  REQUIRE(line->ask_and_wait(question, Duration(10'000)));
  open_some(150);
  for (int i = 0; i < 20; ++i) REQUIRE(line->ask_and_wait(question, Duration(10'000)));
  // And one who comes while they are all there.
  const crypto::Identity other = identity("agent-b", 3);
  world.add(other);
  auto late = world.connect(other);
  CHECK(late->ask_and_wait(question, Duration(10'000)));
  CHECK(world.requests_seen == 22);
  for (int descriptor : flood) close(descriptor);
}

TEST_CASE("a flood of enrolments is held to its rate and does not disturb members",
          "[transport][hostile]") {
  World world;
  world.add(world.agent);
  int seen = 0;
  auto door = EnrolmentEndpoint::open({world.loop, world.coordinator, world.entropy},
                                      {"127.0.0.1", 0}, [&](ReplyToken, const Enrol&) { ++seen; });
  REQUIRE(door);
  const crypto::Identity newcomer = identity("newcomer", 8);
  const auto bytes = [](BytesView view) { return Bytes(view.begin(), view.end()); };
  const Enrol enrol{
      Bytes(32, 1),
      newcomer.id,
      Role::site_agent,
      "site-a",
      {bytes(newcomer.sign.public_key().view()), bytes(newcomer.seal.public_key().view()),
       bytes(newcomer.curve.public_key().view())},
      Bytes(64, 2),
      Bytes(64, 3)};
  Server there = world.server();
  there.address = (*door)->bound_address();
  Connection line({world.loop, newcomer, world.entropy, Prng(1)}, there, Line::enrolment);
  for (int i = 0; i < 200; ++i) line.ask(enrol, [](Result<Answer>) {});
  auto member = world.connect(world.agent);
  REQUIRE(member->ask_and_wait(question, Duration(10'000)));
  REQUIRE(world.wait([&] { return (*door)->counts().received >= 200; }));
  CHECK(seen >= 20);
  CHECK(seen <= 64);
  CHECK((*door)->counts().refused.at("enrolment.busy") >= 130);
}
