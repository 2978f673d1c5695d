// The real program as a process of its own, on loopback.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "consortium.h"
#include "crypto/hash.h"
#include "protocol/limits.h"
#include "protocol/plan.h"
#include "provenance/dsse.h"
#include "transport/connection.h"

using namespace cloister;
using namespace cloister::coordinator::testing;
using namespace std::chrono_literals;

namespace {

// A port that was free a moment ago.
std::uint16_t next_port() {
  static std::uint16_t port = static_cast<std::uint16_t>(20'000 + (::getpid() * 7) % 20'000);
  return ++port;
}

class Process {
 public:
  explicit Process(const std::filesystem::path& home) : log_(home / "log") {
    std::filesystem::remove(log_);  // of the process before: it says "serving" too
    pid_ = ::fork();
    if (pid_ == 0) {
      const int file = ::open(log_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
      ::dup2(file, 2);
      const std::string config = (home / "coordinator.toml").string();
      ::execl(COORDINATOR, COORDINATOR, "--config", config.c_str(), "--log", "json", nullptr);
      ::_exit(127);
    }
  }
  ~Process() { kill(SIGKILL); }
  int kill(int signal) {
    if (pid_ <= 0) return 0;
    if (signal != 0) ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool wait_until_serving() {
    for (int i = 0; i < 3000; ++i) {  // half a minute: other people's work is no reason to fail
      if (log().find("serving") != std::string::npos) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  [[nodiscard]] std::string log() const { return read_text(log_).value_or(""); }
  [[nodiscard]] std::size_t resident_kib() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
    }
    return 0;
  }

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
};

struct Place {
  Place() : consortium(fresh_folder("daemon")), members(next_port()), enrolment(next_port()) {
    consortium.write_home(members, enrolment);
  }
  ~Place() { std::filesystem::remove_all(consortium.home); }

  [[nodiscard]] transport::Server server() const {
    const auto& coordinator = consortium.people.at("coordinator").identity;
    return {{"127.0.0.1", members},
            coordinator.id,
            coordinator.sign.public_key(),
            coordinator.curve.public_key()};
  }
  Consortium consortium;
  std::uint16_t members;
  std::uint16_t enrolment;
};

struct Line {
  Line(Place& place, const std::string& member)
      : connection(
            {loop, place.consortium.people.at(member).identity, place.consortium.entropy, Prng(1)},
            place.server()) {}
  Result<transport::Answer> ask(protocol::Request request) {
    return connection.ask_and_wait(std::move(request), Duration(30'000));
  }
  SystemClock clock;
  transport::EventLoop loop{clock};
  transport::Connection connection;
};

}  // namespace

TEST_CASE("the coordinator founds its ledger, serves, and keeps all over kill -9",
          "[coordinator]") {
  Place place;
  const auto owner = place.consortium.bound("owner", protocol::Role::study_owner, "consortium");
  // The binding above comes after genesis in the root's order: genesis was written before.
  Process first(place.consortium.home);
  REQUIRE(first.wait_until_serving());
  {
    Line root(place, "root");
    const auto receipts =
        transport::reply_as<protocol::Receipts>(root.ask(protocol::Submit{{owner}}));
    if (!receipts) FAIL(to_string(receipts.error()));
    REQUIRE(receipts->receipts.size() == 1);
    CHECK(receipts->receipts[0].index == 3);
#ifndef __SANITIZE_ADDRESS__  // whose shadow memory is resident too
    CHECK(first.resident_kib() < 60 * 1024);
#endif
    WARN("resident memory when idle: " << first.resident_kib() << " KiB");
  }
  first.kill(SIGKILL);
  Process second(place.consortium.home);
  REQUIRE(second.wait_until_serving());
  Line who(place, "owner");
  const auto work = transport::reply_as<protocol::Work>(who.ask(protocol::Poll{}));
  if (!work) FAIL(to_string(work.error()));
  CHECK(work->membership.size() == 4);
  CHECK_FALSE(work->checkpoint.empty());
  CHECK(second.kill(SIGTERM) == 0);
  CHECK(second.log().find("stopped") != std::string::npos);
}

TEST_CASE("a stranger's key is not let in, and a port in use is said clearly", "[coordinator]") {
  Place place;
  Process first(place.consortium.home);
  REQUIRE(first.wait_until_serving());
  Line stranger(place, "agent-a");
  CHECK_FALSE(stranger.connection.ask_and_wait(protocol::Poll{}, Duration(1500)).has_value());

  Place other;
  other.consortium.write_config(place.members, other.enrolment);
  Process second(other.consortium.home);
  CHECK(second.kill(0) == exit_status(Kind::conflict));
  CHECK(second.log().find("address.in_use") != std::string::npos);
}

namespace {

// What the coordinator's page of figures says of refusals, by code.
std::map<std::string, int> counted(const std::string& page) {
  std::map<std::string, int> counts;
  std::istringstream lines(page);
  constexpr std::string_view before = "cloister_refused{code=\"";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(before)) continue;
    const auto end = line.find('"', before.size());
    counts[line.substr(before.size(), end - before.size())] = std::stoi(line.substr(end + 2));
  }
  return counts;
}

// Records that must not come in, each with a code of its own.
struct Refusals {
  explicit Refusals(Place& at) : place(at), root(at, "root") {}

  // The code of the refusal, or "admitted"; what reached the coordinator is noted.
  std::string code(std::vector<Bytes> envelopes) {
    const auto answer =
        transport::reply_as<protocol::Receipts>(root.ask(protocol::Submit{std::move(envelopes)}));
    if (answer) return "admitted";
    CHECK(answer.error().what.size() > 20);
    ++expected[answer.error().code];
    return answer.error().code;
  }
  std::size_t size() {
    const auto all =
        transport::reply_as<protocol::Records>(root.ask(protocol::FetchRecords{0, 99}));
    return all ? all->entries.size() : 0;
  }
  // A record that its signer may not forget: the next one counts from where this one would.
  Bytes record(const std::string& member, provenance::RecordKind kind) {
    provenance::Record made;
    made.kind = kind;
    made.stage = "test";
    made.subjects = {{"thing", crypto::sha256(as_bytes("thing"))}};
    test::SigningPerson& signer = place.consortium.people.at(member);
    const auto [seq, last] = std::pair(signer.seq, signer.last);
    const Bytes envelope = place.consortium.sign(member, std::move(made));
    signer.seq = seq;
    signer.last = last;
    return envelope;
  }

  Place& place;
  Line root;
  std::map<std::string, int> expected;
};

// The same statement with a letter more, under the signature of the one before.
Bytes altered(const Bytes& envelope) {
  auto parsed = provenance::parse_envelope(as_text(envelope)).value();
  parsed.payload.back() ^= 1;
  return to_bytes(provenance::to_json(parsed));
}

// The hint and signature of somebody else's key.
Bytes signed_by_another(const Bytes& envelope, const crypto::SecretKey& key) {
  auto parsed = provenance::parse_envelope(as_text(envelope)).value();
  return to_bytes(
      provenance::to_json(provenance::sign_envelope(parsed.payload_type, parsed.payload, key)));
}

}  // namespace

TEST_CASE("refused records are answered with code and sentence, counted, and change nothing",
          "[coordinator]") {
  Place place;
  const std::uint16_t port = next_port();
  const auto file = place.consortium.home / "coordinator.toml";
  REQUIRE(write_text(file,
                     read_text(file).value() + fmt::format("metrics = \"127.0.0.1:{}\"\n", port)));
  Process process(place.consortium.home);
  REQUIRE(process.wait_until_serving());
  Refusals all(place);
  const auto good = place.consortium.bound("owner", protocol::Role::study_owner, "consortium");
  const auto later = place.consortium.bound("agent-a", protocol::Role::site_agent, "a");
  REQUIRE(all.size() == 3);
  CHECK(all.code({to_bytes("no record")}) == "sequencer.format");
  CHECK(all.code({Bytes(protocol::limits::envelope_bytes_max + 1, '{')}) == "message.field");
  CHECK(all.code({altered(good)}) == "sequencer.unknown_key");
  const auto& stranger = place.consortium.people.at("agent-a").identity.sign;
  CHECK(all.code({signed_by_another(good, stranger)}) == "sequencer.unknown_key");
  CHECK(all.code({later}) == "sequencer.out_of_order");        // its place is after `good`
  CHECK(all.code({later, good}) == "sequencer.out_of_order");  // re-ordered
  CHECK(all.size() == 3);
  CHECK(all.code({good}) == "admitted");
  CHECK(all.code({good}) == "admitted");  // replayed: told its place, nothing new
  CHECK(all.size() == 4);
  using provenance::RecordKind;
  CHECK(all.code({all.record("owner", RecordKind::time_anchor)}) == "sequencer.wrong_role");
  const auto& coordinator = place.consortium.people.at("coordinator").identity.sign;
  CHECK(all.code({signed_by_another(all.record("owner", RecordKind::access_logged),
                                    coordinator)}) == "sequencer.wrong_actor");
  CHECK(all.size() == 4);

  const std::string page = (place.consortium.home / "metrics.txt").string();
  const std::string get = fmt::format(
      "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{} && printf \"GET /metrics HTTP/1.0\\r\\n\\r\\n\" >&3 "
      "&& cat <&3' >{}",
      port, page);
  std::map<std::string, int> seen;
  for (int i = 0; i < 80 && seen != all.expected; ++i) {
    if (std::system(get.c_str()) == 0) seen = counted(read_text(page).value_or(""));
    if (seen != all.expected) std::this_thread::sleep_for(250ms);
  }
  CHECK(seen == all.expected);
}

TEST_CASE("a coordinator whose database pages were changed says so and serves nobody",
          "[coordinator]") {
  Place place;
  for (int start = 0; start < 2; ++start) {  // the second start leaves tables, not only a log
    Process process(place.consortium.home);
    REQUIRE(process.wait_until_serving());
    process.kill(SIGKILL);
  }
  std::size_t damaged = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(place.consortium.home / "ledger")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 4));
    file << "these bytes are not what was written";
    ++damaged;
  }
  REQUIRE(damaged > 0);
  Process process(place.consortium.home);
  CHECK(process.kill(0) == exit_status(Kind::corrupt));
  INFO(process.log());
  CHECK(process.log().find("store.corrupt") != std::string::npos);
}

TEST_CASE("an unknown configuration key is refused before anything is touched", "[coordinator]") {
  Place place;
  const auto file = place.consortium.home / "coordinator.toml";
  REQUIRE(write_text(file, read_text(file).value() + "colour = \"blue\"\n"));
  Process process(place.consortium.home);
  CHECK(process.kill(0) == exit_status(Kind::invalid));
  CHECK(process.log().find("colour") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(place.consortium.home / "ledger"));
}
