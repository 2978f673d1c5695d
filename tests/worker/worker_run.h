// Starts the real cloister-worker beside this test and talks to it through pipes.
#pragma once

#include <sys/types.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/plan.h"
#include "protocol/worker_frame.h"

namespace cloister::testing {

using Named = std::map<std::string, Bytes>;

// What came back for one job.
struct Answer {
  nlohmann::json result;   // null: failed
  nlohmann::json failure;  // null: done
  Named artifacts;
  std::vector<Bytes> checkpoints;
  std::vector<nlohmann::json> progress;
  std::vector<nlohmann::json> warnings;
};

class WorkerRun {
 public:
  WorkerRun();
  ~WorkerRun();
  WorkerRun(const WorkerRun&) = delete;
  WorkerRun& operator=(const WorkerRun&) = delete;

  // Sends job, inputs and start, and waits for the end of the job.
  Answer run(const nlohmann::json& job, const Named& inputs = {});
  void send(const nlohmann::json& job, const Named& inputs = {});
  void send_raw(BytesView bytes);
  // Until result, failure or the end of the stream. Stops early after `progress_max` progress
  // frames of a phase that starts with `phase`.
  Answer receive(const std::string& phase = {}, std::size_t progress_max = SIZE_MAX);
  void signal(int number) const;
  // Closes stdin and waits; the exit status, or -signal.
  int finish();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  [[nodiscard]] std::optional<protocol::Frame> next_frame();
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  Answer partial_;
};

// A plan of very little work: 32 x 32 pixels, a few steps.
[[nodiscard]] protocol::StudyPlan tiny_plan();
[[nodiscard]] nlohmann::json job_of(const std::string& kind, const protocol::StudyPlan& plan,
                                    const std::string& root = {});

}  // namespace cloister::testing
