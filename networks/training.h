// The one training loop of this room. Internal.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <string>

#include "networks/device_steps.h"
#include "networks/encoders.h"
#include "networks/job.h"
#include "networks/ranks.h"
#include "networks/seeds.h"
#include "tensorfile/tensor_file.h"

namespace cloister::networks {

// What a checkpoint must agree with to be resumed.
struct Purpose {
  std::string name;         // "image-encoder"
  std::string fingerprint;  // options and data sizes as text; no secret in it
  // Results of earlier attempts that must survive a resume.
  std::map<std::string, Bytes> carried;
};

// All parameters and buffers of a module in one tensor, of which the module's own are views: the
// optimiser, the average and the checkpoint then are a few operations on long vectors.
class FlatModule {
 public:
  FlatModule(torch::nn::Module& module, torch::Device device);

  void initialise(const Seeds& seeds);  // He et al. 2015, uniform; adapters to the identity
  torch::Tensor values;                 // parameters, then buffers
  torch::Tensor gradients;              // of the parameters
  std::int64_t parameters = 0;

 private:
  void place(torch::Tensor& tensor, std::int64_t at);
  torch::nn::Module& module_;
};

struct StepInput {
  std::int64_t step = 0;
  Prng& prng;  // this step's own
};
// The two halves of a step. `draw` reads data and chance on the host, once for each step and in
// their order; for a GPU on a thread of its own, while the step before is computed. `loss` is given
// the lot on the device, with the module in training mode and LibTorch's generator seeded for the
// step. It is recorded (networks/device_steps.h).
struct Step {
  std::function<Lot(StepInput)> draw;
  std::function<torch::Tensor(const Lot&)> loss;
};

enum class Start { random, as_given };

struct TrainingEnd {
  double loss = 0;  // running mean
};

// AdamW (Loshchilov and Hutter, ICLR 2019), linear warm-up then half cosine, gradient clipping, and
// an average of the weights, which the module holds at the end (in evaluation mode).
struct Training {
  torch::nn::Module& module;
  const TrainingRecipe& recipe;
  const Purpose& purpose;
  Seeds seeds;
  Start start = Start::random;
};
[[nodiscard]] Result<TrainingEnd> run_training(const Training& training, const Job& job,
                                               const Step& step);

// Peeks into a checkpoint. Empty if there is none.
[[nodiscard]] Result<std::map<std::string, Bytes>> carried_in(BytesView checkpoint);

// The mean over all ranks, in place; nothing to do where there is one. Errors: Kind::unavailable
// "ranks.lost".
[[nodiscard]] Result<void> average_over(Ranks* ranks, torch::Tensor& tensor);

[[nodiscard]] Result<void> check_recipe(const TrainingRecipe& recipe);
[[nodiscard]] std::string to_text(const TrainingRecipe& recipe);
[[nodiscard]] torch::Device torch_device(const Device& device);

}  // namespace cloister::networks
