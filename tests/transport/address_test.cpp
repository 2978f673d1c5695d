#include "transport/address.h"

#include <catch2/catch.hpp>

using namespace cloister::transport;

TEST_CASE("host and port are read from the forms that people write", "[transport]") {
  CHECK(address_from_text("127.0.0.1:7400").value() == Address{"127.0.0.1", 7400});
  CHECK(address_from_text("tcp://hub.example.org:1").value() == Address{"hub.example.org", 1});
  CHECK(address_from_text("[::1]:65535").value() == Address{"::1", 65535});
  CHECK(address_from_text("*:0").value() == Address{"*", 0});
  for (const char* text : {"127.0.0.1:7400", "[::1]:7400", "localhost:7400"}) {
    CHECK(to_string(address_from_text(text).value()) == text);
  }
}

TEST_CASE("anything that is not host and port is refused", "[transport]") {
  for (const char* text :
       {"", ":", "host", "host:", ":7400", "host:65536", "host:-1", "host:7x", "::1:7400",
        "[host]:1", "ipc:///tmp/x", "inproc://a", "ho st:1", "a;b:1", "host:7400/path", "tcp://"}) {
    INFO(text);
    const auto address = address_from_text(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().code == "address.format");
  }
}

TEST_CASE("loopback is told from the world", "[transport]") {
  CHECK(is_loopback({"127.0.0.1", 1}));
  CHECK(is_loopback({"::1", 1}));
  CHECK(is_loopback({"localhost", 1}));
  CHECK_FALSE(is_loopback({"*", 1}));
  CHECK_FALSE(is_loopback({"10.0.0.1", 1}));
}
