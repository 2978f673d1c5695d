#include "cli/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::cli;

TEST_CASE("whether anybody listens is told apart from why not", "[cli]") {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string text = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
  CHECK(reach(text).error().code == "reach.refused");
  REQUIRE(listen(descriptor, 1) == 0);
  CHECK(reach(text).has_value());
  close(descriptor);
  CHECK(reach("nobody.invalid:7010").error().code == "reach.name");
  CHECK(reach("not an address").error().code == "address.format");
}
