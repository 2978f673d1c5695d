// Figures of one daemon for Prometheus, on a loopback port: GET /metrics. Off unless the
// configuration names an address.
//
// Counts and sizes only, never a name of a case; labels are ids of jobs' kinds and states. The
// library serves from threads of its own; the daemon's single thread only sets numbers, which the
// library guards.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace cloister::metrics {

using Labels = std::map<std::string, std::string>;

// What a figure is called, and what it means: written out by /metrics.
struct Figure {
  const char* name;  // "cloister_ledger_records"
  const char* help;
};

class Metrics {
 public:
  // "127.0.0.1:9464". "metrics.address": not loopback, or the port is taken. Call it after signals
  // were blocked: its threads inherit that.
  [[nodiscard]] static Result<std::unique_ptr<Metrics>> serve(const std::string& address);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A value that goes up and down.
  void set(const Figure& figure, double value, const Labels& labels = {});
  // A sum that only grows. What it was before a restart is gone, as Prometheus expects.
  void add(const Figure& figure, double by = 1, const Labels& labels = {});
  // A time, in seconds, sorted into buckets from 0.1 ms to 10 s.
  void took(const Figure& figure, double seconds, const Labels& labels = {});

 private:
  struct Inner;
  explicit Metrics(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Loopback and a port, or why not. For --check-config.
[[nodiscard]] Result<void> check_address(const std::string& address);

}  // namespace cloister::metrics
