#include "transport/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

using namespace cloister;
using namespace cloister::transport;

namespace {

struct Place {
  Place()
      : folder(std::filesystem::temp_directory_path() / ("control-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder);
  }
  ~Place() { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::filesystem::path socket() const { return folder / "control.sock"; }
  std::filesystem::path folder;
};

}  // namespace

TEST_CASE("several clients ask an agent over a socket that only its owner may open",
          "[transport]") {
  Place place;
  SystemClock clock;
  EventLoop loop(clock);
  std::unique_ptr<ControlServer> server;
  std::vector<ControlToken> held;
  auto opened =
      ControlServer::open(loop, place.socket(), [&](ControlToken token, std::string text) {
        if (text == "slow") {
          held.push_back(token);
          return;
        }
        server->reply(token, "re: " + text);
        for (ControlToken waiting : held) server->reply(waiting, "slow is done");
        held.clear();
      });
  REQUIRE(opened);
  server = std::move(*opened);
  struct stat status {};
  REQUIRE(stat(place.socket().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  const std::string big(3U << 20, 'x');
  std::string slow;
  std::string first;
  std::string second;
  std::atomic<int> finished = 0;
  std::thread slow_one([&] {
    auto client = ControlClient::open(place.socket());
    slow = client.value().ask("slow", Duration(20'000)).value();
    ++finished;
  });
  REQUIRE(loop.run_until([&] { return held.size() == 1; }, Duration(10'000)));
  std::thread other([&] {
    auto client = ControlClient::open(place.socket());
    first = client.value().ask("{}", Duration(20'000)).value();
    second = client.value().ask(big, Duration(20'000)).value();
    ++finished;
  });
  CHECK(loop.run_until([&] { return finished == 2; }, Duration(20'000)));
  slow_one.join();
  other.join();
  CHECK(slow == "slow is done");
  CHECK(first == "re: {}");
  CHECK(second.size() == big.size() + 4);
  CHECK(loop.run_until([&] { return server->clients() == 0; }, Duration(5'000)));
}

TEST_CASE("a client that announces too much is cut off and the others go on", "[transport]") {
  Place place;
  SystemClock clock;
  EventLoop loop(clock);
  auto server = ControlServer::open(loop, place.socket(), [](ControlToken, std::string) {});
  REQUIRE(server);
  const int raw = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  place.socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(connect(raw, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  REQUIRE(write(raw, "\xff\xff\xff\x7f more", 9) == 9);
  loop.run_until([&] { return false; }, Duration(100));
  CHECK((*server)->clients() == 0);
  char byte = 0;
  CHECK(read(raw, &byte, 1) <= 0);
  close(raw);
}

TEST_CASE("a socket of a dead agent is replaced, of a living one refused", "[transport]") {
  Place place;
  SystemClock clock;
  EventLoop loop(clock);
  const auto ignore = [](ControlToken, std::string) {};
  {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    place.socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(dead, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
    close(dead);
  }
  CHECK(ControlClient::open(place.socket()).error().code == "control.unreachable");
  auto living = ControlServer::open(loop, place.socket(), ignore);
  REQUIRE(living);
  auto second = ControlServer::open(loop, place.socket(), ignore);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == "control.in_use");
  living->reset();
  CHECK_FALSE(std::filesystem::exists(place.socket()));
}

TEST_CASE("an agent that does not answer in time is an error that says so", "[transport]") {
  Place place;
  SystemClock clock;
  EventLoop loop(clock);
  auto server = ControlServer::open(loop, place.socket(), [](ControlToken, std::string) {});
  REQUIRE(server);
  auto client = ControlClient::open(place.socket());
  REQUIRE(client);
  CHECK(client->ask("{}", Duration(50)).error().code == "control.timeout");
}
