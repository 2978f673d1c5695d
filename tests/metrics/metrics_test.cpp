#include "metrics/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::metrics;

namespace {

std::uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(descriptor);
  return ntohs(address.sin_port);
}

std::string page(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  REQUIRE(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const std::string ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  REQUIRE(send(descriptor, ask.data(), ask.size(), 0) == static_cast<ssize_t>(ask.size()));
  std::string got;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = recv(descriptor, piece.data(), piece.size(), 0)) > 0;)
    got.append(piece.data(), static_cast<std::size_t>(n));
  close(descriptor);
  return got;
}

}  // namespace

TEST_CASE("figures are read from the page that Prometheus asks for", "[metrics]") {
  const std::uint16_t port = free_port();
  auto metrics = Metrics::serve(fmt::format("127.0.0.1:{}", port));
  REQUIRE(metrics);
  (*metrics)->set({"cloister_jobs", "Jobs by state."}, 3, {{"state", "offered"}});
  (*metrics)->set({"cloister_jobs", "Jobs by state."}, 2, {{"state", "offered"}});
  (*metrics)->add({"cloister_requests_total", "Requests."});
  (*metrics)->add({"cloister_requests_total", "Requests."}, 4);
  (*metrics)->took({"cloister_commit_seconds", "Commits."}, 0.002);
  const std::string text = page(port);
  CHECK(text.find("# HELP cloister_jobs Jobs by state.") != std::string::npos);
  CHECK(text.find("cloister_jobs{state=\"offered\"} 2") != std::string::npos);
  CHECK(text.find("cloister_requests_total 5") != std::string::npos);
  CHECK(text.find("cloister_commit_seconds_bucket{le=\"0.001\"} 0") != std::string::npos);
  CHECK(text.find("cloister_commit_seconds_bucket{le=\"0.003\"} 1") != std::string::npos);
}

TEST_CASE("metrics are served on loopback only, and a taken port is told of", "[metrics]") {
  for (const char* address : {"0.0.0.0:9464", "example.org:9464", "127.0.0.1", "127.0.0.1:0",
                              "127.0.0.1:70000", "127.0.0.1:12x", ""})
    CHECK(Metrics::serve(address).error().code == "metrics.address");
  CHECK(check_address("127.0.0.1:9464").has_value());
  const std::string address = fmt::format("127.0.0.1:{}", free_port());
  auto first = Metrics::serve(address);
  REQUIRE(first);
  CHECK(Metrics::serve(address).error().code == "metrics.address");
}
