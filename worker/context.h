// What a kind of job is given: its document, its inputs, and the way back to the host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "networks/encoders.h"
#include "networks/segmentation.h"
#include "worker/channel.h"
#include "worker/job.h"

namespace cloister::worker {

class Pool;
using Inputs = std::map<std::string, Bytes>;

// Networks that stay loaded between the jobs of a warm worker, by the name of their input.
struct WarmNetworks {
  std::map<std::string, networks::Encoder> encoders;
  std::map<std::string, networks::Decoder> decoders;
  std::map<std::string, networks::SegmentationNetwork> segmentation;

  // Forgets all but the named.
  void keep_only(const std::vector<std::string>& names);
};

struct Steps {
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
};

class JobContext {
 public:
  // All must outlive the context.
  struct Parts {
    const JobDocument& job;
    const Inputs& inputs;
    WarmNetworks& warm;
    Channel& channel;
    const Clock& clock;
    Pool* pool = nullptr;  // of a pooled training only
  };
  explicit JobContext(const Parts& parts)
      : parts_(parts), started_(parts.clock.monotonic()), phase_started_(started_) {}

  [[nodiscard]] const JobDocument& job() const { return parts_.job; }
  // As JobDocument::needed_plan().
  [[nodiscard]] Result<std::reference_wrapper<const protocol::StudyPlan>> plan() const;

  // "worker.input_missing".
  [[nodiscard]] Result<BytesView> input(const std::string& name) const;
  // The shards of a pooled training, which are no inputs in memory.
  [[nodiscard]] Pool& pool() const { return *parts_.pool; }
  [[nodiscard]] bool has_input(const std::string& name) const;
  // (rest of the name, content) of all inputs whose name starts with `prefix`, sorted.
  [[nodiscard]] std::vector<std::pair<std::string, BytesView>> inputs_under(
      std::string_view prefix) const;

  // Loaded once, and kept for the next job where it asks for it.
  [[nodiscard]] Result<std::reference_wrapper<const networks::Encoder>> encoder(
      const std::string& input_name);
  [[nodiscard]] Result<std::reference_wrapper<const networks::Decoder>> decoder(
      const std::string& input_name);
  [[nodiscard]] Result<std::reference_wrapper<const networks::SegmentationNetwork>> segmentation(
      const std::string& input_name);

  void artifact(std::string_view name, BytesView content) {
    parts_.channel.send_artifact(name, content);
  }
  void document(std::string_view name, const nlohmann::json& content);
  void warn(std::string_view code, std::string_view what);
  // At most two a second reach the host, and the last of a phase.
  void progress(std::string_view phase, const Steps& at,
                const nlohmann::json& metrics = nlohmann::json::object());
  // "worker.stopped" once a signal asked for the end, or the host is gone.
  [[nodiscard]] Result<void> check_stop() const;

  [[nodiscard]] networks::Compute compute() const;
  // Compute and hooks for a training: progress under `phase`, checkpoints, stop, resume from the
  // input `checkpoint`. About ten checkpoints in all: a killed worker loses a tenth at most. Must
  // not outlive the context.
  [[nodiscard]] networks::Job training(std::string phase, std::int64_t steps);

  // Since the work began, which is after its inputs were read.
  void begin() { started_ = parts_.clock.monotonic(); }
  [[nodiscard]] double seconds() const;

 private:
  Parts parts_;
  Duration started_;
  std::string phase_;
  Duration phase_started_;
  std::uint64_t phase_first_step_ = 0;
  Duration said_{-1'000'000};
};

}  // namespace cloister::worker
