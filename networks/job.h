// What every long computation of this room is given: where to run, and how to be watched, stopped
// and resumed. All callbacks come on the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister::networks {

struct Device {
  enum class Type { cpu, cuda };
  Type type = Type::cpu;
  int index = 0;
  bool mixed = false;  // train with convolutions in bfloat16
};

// "cpu", "cuda" or "cuda:1", with " mixed" behind it for mixed precision. Whether it is there is
// checked when work starts.
[[nodiscard]] Result<Device> parse_device(std::string_view text);
[[nodiscard]] std::string to_string(const Device& device);

struct Compute {
  Device device;
  int threads = 0;  // 0: as many as the machine has; part of what makes a run repeatable
  // On a GPU: steps are recorded and played (networks/device_steps.h). Off only to compare.
  bool record_steps = true;
};

struct Progress {
  std::int64_t step = 0;  // done
  std::int64_t steps = 0;
  double loss = 0;  // running mean
  std::vector<std::pair<std::string, double>> metrics;
};

struct Hooks {
  std::function<void(const Progress&)> progress;  // about every `progress_every_steps`
  std::function<void(BytesView)> checkpoint;      // a durable point; keep the newest
  std::function<bool()> should_stop;              // asked every step
  Bytes resume_from;                              // newest checkpoint of this very job, or empty
  std::int64_t progress_every_steps = 20;
  std::int64_t checkpoint_every_steps = 500;
};

// A computation that was asked to stop ends with Kind::unavailable, "training.stopped", after one
// last checkpoint. A checkpoint of another job or other options is refused with Kind::conflict,
// "training.other_checkpoint". The same inputs, seed, threads and machine give the same bytes, on a
// CPU also across any number of stops and resumes.
//
// `ranks`: where several processes train the pooled network together (networks/ranks.h). All resume
// from the same checkpoint; rank 0 alone writes one.
class Ranks;
struct Job {
  Compute compute;
  Hooks hooks;
  std::shared_ptr<Ranks> ranks;  // absent: alone
};

// Checks the device and sets the thread count of the process. Errors: Kind::unsupported,
// "device.not_there", with what the machine has.
[[nodiscard]] Result<void> prepare_compute(const Compute& compute);

// Computes something small there and looks whether it is right. Errors as of prepare_compute, and
// "device.wrong"; what LibTorch says where it cannot.
[[nodiscard]] Result<void> try_device(const Compute& compute);

struct ComputeFacts {
  std::string torch_version;
  std::string blas;  // "OpenBLAS 0.3.21", or what was found
  bool fast_blas = false;
  std::string warning;  // empty when all is well; else one sentence and what to install
  int cuda_devices = 0;
};
[[nodiscard]] ComputeFacts compute_facts();

}  // namespace cloister::networks
