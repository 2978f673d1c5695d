#include "worker/worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "imaging/threads.h"
#include "networks/gpu_memory.h"
#include "worker/context.h"
#include "worker/kinds.h"
#include "worker/pool.h"
#include "worker/sandbox.h"

namespace cloister::worker {
namespace {

using nlohmann::json;
using protocol::Frame;
using protocol::FrameType;

constexpr std::array<WorkerKind, 14> kinds{{{"inspect-data", inspect_data},
                                            {"register-data", register_data},
                                            {"train-image-encoder", train_image_encoder},
                                            {"train-mask-encoder", train_mask_encoder},
                                            {"encode", encode},
                                            {"assess-privacy", assess_privacy},
                                            {"train-segmentation", train_segmentation},
                                            {"predict", predict},
                                            {"tune-mask-decoder", tune_mask_decoder},
                                            {"evaluate", evaluate},
                                            {"encode-volume", encode_volume},
                                            {"decode-volume", decode_volume},
                                            {"phantom", phantom},
                                            {"pilot", pilot}}};

Result<KindFunction> function_of(std::string_view kind) {
  for (const WorkerKind& known : kinds) {
    if (known.name == kind) return known.run;
  }
  return fail(Kind::unsupported, "worker.unknown_kind",
              fmt::format("This worker knows no job of kind '{}'.", kind.substr(0, 40)),
              "Agent, trainer and worker must be of one version.");
}

tl::unexpected<Error> out_of_turn(std::string_view what) {
  return fail(Kind::invalid, "worker.bad_frame", fmt::format("A {} frame came out of turn.", what),
              "cloister-worker is started by the agent or the trainer, not by hand.");
}

class Server {
 public:
  Server(Channel& channel, const Clock& clock) : channel_(channel), clock_(clock) {}

  // One job. False: the host closed its end. An error: nothing more can be understood.
  Result<bool> serve_one() {
    auto first = channel_.receive();
    if (!first) return pass(std::move(first));
    if (!*first) return false;
    if ((*first)->type != FrameType::job) return out_of_turn("non-job");
    const auto job = parse_job((*first)->payload);
    if (job) job_ = *job;
    // A job that cannot be done is answered after its inputs, so that the next one is understood.
    const auto ready = job ? prepare() : Result<void>(pass(job));
    JobContext context({job_, inputs_, warm_, channel_, clock_, pool_ ? &*pool_ : nullptr});
    if (auto read = read_inputs(context); !read) return pass(std::move(read));
    const auto result = ready ? run(context) : Result<json>(pass(ready));
    pool_.reset();
    if (!result) {
      channel_.send_failure(result.error());
      return result.error().code != "worker.stopped";
    }
    channel_.send(FrameType::result, *result);
    return true;
  }

 private:
  Result<void> prepare() {
    std::erase_if(inputs_, [&](const auto& entry) {
      return std::find(job_.reuse.begin(), job_.reuse.end(), entry.first) == job_.reuse.end();
    });
    warm_.keep_only(job_.reuse);
    if (auto opened = open_pool(); !opened) return opened;
    const auto loopback = job_.truth("loopback", false);
    if (!loopback) return pass(loopback);
    const bool on_gpu = job_.device.type == networks::Device::Type::cuda;
    if (*loopback && on_gpu) {
      return fail(Kind::unsupported, "ranks.gpu",
                  "Several ranks on GPUs cannot be kept from this machine's sockets: the driver "
                  "needs one that listens, and ranks connect.",
                  "Set ranks = 1 in trainer.toml, or device = \"cpu\".");
    }
    const SandboxNeeds needs{*loopback, job_.kind == "phantom", on_gpu, job_.limits};
    if (!held_) {
      held_ = enter_sandbox(needs);
      needs_ = needs;
      imaging::set_filter_threads(static_cast<unsigned>(job_.limits.threads));
    } else if (!(needs == needs_)) {
      return fail(Kind::conflict, "worker.sandbox_fixed",
                  "This worker's sandbox was made for another kind of job.",
                  "Start a worker of its own for this job.");
    }
    if (*loopback && !held_->own_loopback) {
      return fail(Kind::unsupported, "ranks.network",
                  "The kernel gives this user no network of its own for ranks to meet in, and on "
                  "the machine's they would listen to everybody.",
                  "Set `ranks = 1` in trainer.toml, or permit user namespaces.");
    }
    return {};
  }

  // Its shards never lie in memory together, not even if there is no pool to take them.
  [[nodiscard]] bool pools() const { return job_.kind == "train-segmentation"; }

  // While files may still be opened for writing.
  Result<void> open_pool() {
    if (!pools()) return {};
    auto pool = Pool::open(job_);
    if (!pool) return pass(pool);
    pool_.emplace(std::move(*pool));
    return {};
  }

  Result<void> read_inputs(JobContext& context) {
    constexpr std::string_view shards = "shards/";
    const auto expected = job_.whole("shards", 0).value_or(0);
    Steps taken{0, static_cast<std::uint64_t>(std::max<std::int64_t>(expected, 0))};
    while (true) {
      auto frame = channel_.receive();
      if (!frame) return pass(std::move(frame));
      if (!*frame) return out_of_turn("missing start");
      if ((*frame)->type == FrameType::start) return {};
      if ((*frame)->type != FrameType::input) return out_of_turn("non-input");
      const auto named = protocol::decode_named((*frame)->payload);
      if (!named) return pass(named);
      if (pools() && named->name.starts_with(shards)) {
        if (!pool_) continue;
        pool_->take(std::string_view(named->name).substr(shards.size()), named->content);
        ++taken.step;
        context.progress("opening shards", taken);
        continue;
      }
      inputs_[named->name] = Bytes(named->content.begin(), named->content.end());
    }
  }

  Result<json> run(JobContext& context) {
    const auto function = function_of(job_.kind);
    if (!function) return pass(function);
    context.begin();
    if (auto ready = prepare_device(); !ready) return pass(std::move(ready));
    auto result = (*function)(context);
    if (!result) {
      const bool stopped = result.error().code == "training.stopped";
      return stopped ? tl::unexpected<Error>(stopped_error()) : pass(std::move(result));
    }
    (*result)["kind"] = job_.kind;
    (*result)["seconds"] = context.seconds();
    (*result)["sandbox"] = to_json(*held_);
    return result;
  }

  Result<void> prepare_device() {
    // Several ranks each prepare their own: no device that was touched before survives a fork.
    if (job_.whole("ranks", 1).value_or(1) > 1) return {};
    if (auto there = networks::prepare_compute({job_.device, job_.limits.threads}); !there) {
      return there;
    }
    return networks::limit_gpu_memory(job_.device, job_.limits.gpu_memory_share);
  }

  Channel& channel_;
  const Clock& clock_;
  JobDocument job_;
  Inputs inputs_;
  std::optional<Pool> pool_;
  WarmNetworks warm_;
  std::optional<Sandbox> held_;
  SandboxNeeds needs_;
};

}  // namespace

std::span<const WorkerKind> worker_kinds() { return kinds; }

int serve(Channel& channel, const Clock& clock) {
  try {
    Server server(channel, clock);
    while (true) {
      const auto more = server.serve_one();
      if (more && !*more) return 0;
      if (more) continue;
      channel.send_failure(more.error());
      return more.error().code == "worker.stopped" ? 0 : 2;
    }
  } catch (const std::bad_alloc&) {
    channel.send_out_of_memory();
    _exit(3);  // nothing else, destructors included, can be trusted to work without memory
  }
}

}  // namespace cloister::worker
