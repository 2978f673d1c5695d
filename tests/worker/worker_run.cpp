#include "tests/worker/worker_run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "worker-host/own_network.h"

namespace cloister::testing {

using nlohmann::json;
using protocol::Frame;
using protocol::FrameType;

namespace {

bool read_exactly(int descriptor, std::uint8_t* into, std::size_t size) {
  while (size > 0) {
    const ssize_t got = read(descriptor, into, size);
    if (got <= 0) return false;
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

WorkerRun::WorkerRun() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> in{}, out{};
  if (pipe(in.data()) != 0 || pipe(out.data()) != 0) throw std::runtime_error("no pipes");
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "cloister-worker";
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    for (const int descriptor : {in[0], in[1], out[0], out[1]}) close(descriptor);
    if (worker_host::enter_own_network()) setenv(protocol::own_network_variable, "1", 1);
    execl(program.c_str(), program.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

WorkerRun::~WorkerRun() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  finish();
}

void WorkerRun::send_raw(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(input_, bytes.data(), bytes.size());
    if (put <= 0) return;  // the worker is gone: receive() will show it
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void WorkerRun::send(const json& job, const Named& inputs) {
  send_raw(protocol::encode_frame(FrameType::job, as_bytes(job.dump())));
  for (const auto& [name, content] : inputs) {
    Bytes payload = protocol::named_payload_head(name);
    append(payload, content);
    send_raw(protocol::encode_frame(FrameType::input, payload));
  }
  send_raw(protocol::encode_frame(FrameType::start, {}));
}

std::optional<Frame> WorkerRun::next_frame() {
  std::array<std::uint8_t, protocol::worker_frame_head_bytes> head{};
  if (!read_exactly(output_, head.data(), head.size())) return std::nullopt;
  const auto decoded = protocol::decode_frame_head(head).value();
  Frame frame{decoded.type, Bytes(decoded.payload_bytes)};
  if (!read_exactly(output_, frame.payload.data(), frame.payload.size())) return std::nullopt;
  return frame;
}

Answer WorkerRun::receive(const std::string& phase, std::size_t progress_max) {
  std::size_t seen = 0;
  while (seen < progress_max) {
    const auto frame = next_frame();
    if (!frame) break;
    if (frame->type == FrameType::artifact) {
      const auto named = protocol::decode_named(frame->payload).value();
      partial_.artifacts[named.name] = Bytes(named.content.begin(), named.content.end());
    } else if (frame->type == FrameType::checkpoint) {
      partial_.checkpoints.push_back(frame->payload);
    } else if (frame->type == FrameType::progress) {
      partial_.progress.push_back(json::parse(as_text(frame->payload)));
      const std::string said = partial_.progress.back().at("phase");
      seen += !phase.empty() && said.starts_with(phase) ? 1 : 0;
    } else if (frame->type == FrameType::warning) {
      partial_.warnings.push_back(json::parse(as_text(frame->payload)));
    } else {
      const bool done = frame->type == FrameType::result;
      (done ? partial_.result : partial_.failure) = json::parse(as_text(frame->payload));
      return std::exchange(partial_, Answer{});
    }
  }
  return seen >= progress_max ? partial_ : std::exchange(partial_, Answer{});
}

Answer WorkerRun::run(const json& job, const Named& inputs) {
  send(job, inputs);
  return receive();
}

void WorkerRun::signal(int number) const { kill(pid_, number); }

int WorkerRun::finish() {
  close(input_);
  int status = 0;
  waitpid(pid_, &status, 0);
  close(output_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

protocol::StudyPlan tiny_plan() {
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted("tiny");
  plan.title = "Tiny";
  plan.purpose = "testing";
  plan.legal_basis = "phantoms";
  plan.owner = "owner";
  plan.trainer = "trainer";
  plan.trainer_seal_key = std::string(64, 'a');
  plan.sites = {"site-a"};
  plan.structures = {"LV", "MYO", "RV"};
  plan.budget.name = "custom";
  plan.budget.spacing_mm = 5;
  plan.budget.size_px = 32;
  plan.budget.image_encoder_steps = 12;
  plan.budget.mask_encoder_steps = 12;
  plan.budget.segmentation_steps = 12;
  plan.budget.tune_steps = 4;
  plan.budget.attack_steps = 4;
  plan.budget.encoder_batch = 4;
  plan.budget.segmentation_batch = 4;
  plan.budget.views = 2;
  plan.budget.test_time_views = 3;
  plan.budget.levels = 1;
  plan.mask_ceiling_min = 0;
  plan.gate = protocol::default_thresholds();
  return plan;
}

json job_of(const std::string& kind, const protocol::StudyPlan& plan, const std::string& root) {
  json job{{"job_id", "tiny-site-a-" + kind + "-1"},
           {"kind", kind},
           {"plan", json::parse(protocol::to_json(plan))},
           {"limits", {{"threads", 1}}}};
  if (!root.empty()) job["data"] = {{"root", root}};
  return job;
}

}  // namespace cloister::testing
