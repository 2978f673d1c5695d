#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <charconv>
#include <exception>

namespace cloister::metrics {
namespace {

const prometheus::Histogram::BucketBoundaries time_buckets{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03,
                                                           0.1,    0.3,    1,     3,     10};

tl::unexpected<Error> bad_address(const std::string& address, const std::string& why) {
  return fail(
      Kind::invalid, "metrics.address",
      fmt::format("Metrics cannot be served at '{}': {}.", address, why),
      "Write a free loopback port, for instance metrics = \"127.0.0.1:9464\", or leave it out.");
}

}  // namespace

struct Metrics::Inner {
  explicit Inner(const std::string& address) : exposer(address, 1) {
    exposer.RegisterCollectable(registry);
  }

  prometheus::Exposer exposer;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
};

Result<void> check_address(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string host = colon == std::string::npos ? address : address.substr(0, colon);
  if (host != "127.0.0.1" && host != "[::1]") return bad_address(address, "it is not loopback");
  unsigned port = 0;
  const char* end = address.data() + address.size();
  const auto read = std::from_chars(address.data() + colon + 1, end, port);
  if (read.ec == std::errc() && read.ptr == end && port >= 1 && port <= 65535) return {};
  return bad_address(address, "it has no port");
}

Result<std::unique_ptr<Metrics>> Metrics::serve(const std::string& address) {
  if (auto ok = check_address(address); !ok) return pass(ok);
  try {
    return std::unique_ptr<Metrics>(new Metrics(std::make_unique<Inner>(address)));
  } catch (const std::exception&) {  // the library says "null context" whatever happened
    return bad_address(address, "the port is taken, or may not be opened");
  }
}

Metrics::Metrics(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Metrics::~Metrics() = default;

void Metrics::set(const Figure& figure, double value, const Labels& labels) {
  prometheus::BuildGauge()
      .Name(figure.name)
      .Help(figure.help)
      .Register(*inner_->registry)
      .Add(labels)
      .Set(value);
}

void Metrics::add(const Figure& figure, double by, const Labels& labels) {
  prometheus::BuildCounter()
      .Name(figure.name)
      .Help(figure.help)
      .Register(*inner_->registry)
      .Add(labels)
      .Increment(by);
}

void Metrics::took(const Figure& figure, double seconds, const Labels& labels) {
  prometheus::BuildHistogram()
      .Name(figure.name)
      .Help(figure.help)
      .Register(*inner_->registry)
      .Add(labels, time_buckets)
      .Observe(seconds);
}

}  // namespace cloister::metrics
