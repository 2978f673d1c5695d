#include "worker/context.h"

#include <fmt/format.h>

#include <algorithm>

namespace cloister::worker {
namespace {

using nlohmann::json;

template <class Map>
void erase_others(Map& map, const std::vector<std::string>& names) {
  std::erase_if(map, [&](const auto& entry) {
    return std::find(names.begin(), names.end(), entry.first) == names.end();
  });
}

// Loads the network of an input at its first use.
template <class Network>
Result<std::reference_wrapper<const Network>> warm_network(std::map<std::string, Network>& loaded,
                                                           const JobContext& context,
                                                           const std::string& name) {
  const auto found = loaded.find(name);
  if (found != loaded.end()) return std::cref(found->second);
  const auto bytes = context.input(name);
  if (!bytes) return pass(bytes);
  auto network = Network::load(*bytes, context.compute());
  if (!network) return pass(std::move(network));
  return std::cref(loaded.emplace(name, std::move(*network)).first->second);
}

}  // namespace

void WarmNetworks::keep_only(const std::vector<std::string>& names) {
  erase_others(encoders, names);
  erase_others(decoders, names);
  erase_others(segmentation, names);
}

Result<std::reference_wrapper<const protocol::StudyPlan>> JobContext::plan() const {
  return parts_.job.needed_plan();
}

Result<BytesView> JobContext::input(const std::string& name) const {
  const auto found = parts_.inputs.find(name);
  if (found != parts_.inputs.end()) return BytesView(found->second);
  return fail(Kind::invalid, "worker.input_missing",
              fmt::format("The job needs the input '{}', which was not sent.", name),
              "Agent, trainer and worker must be of one version.");
}

bool JobContext::has_input(const std::string& name) const { return parts_.inputs.contains(name); }

std::vector<std::pair<std::string, BytesView>> JobContext::inputs_under(
    std::string_view prefix) const {
  std::vector<std::pair<std::string, BytesView>> found;
  for (const auto& [name, content] : parts_.inputs) {
    if (name.starts_with(prefix)) found.emplace_back(name.substr(prefix.size()), content);
  }
  return found;
}

Result<std::reference_wrapper<const networks::Encoder>> JobContext::encoder(
    const std::string& input_name) {
  return warm_network(parts_.warm.encoders, *this, input_name);
}
Result<std::reference_wrapper<const networks::Decoder>> JobContext::decoder(
    const std::string& input_name) {
  return warm_network(parts_.warm.decoders, *this, input_name);
}
Result<std::reference_wrapper<const networks::SegmentationNetwork>> JobContext::segmentation(
    const std::string& input_name) {
  return warm_network(parts_.warm.segmentation, *this, input_name);
}

void JobContext::document(std::string_view name, const json& content) {
  const std::string text = content.dump(-1, ' ', false, json::error_handler_t::replace);
  artifact(name, as_bytes(text));
}

void JobContext::warn(std::string_view code, std::string_view what) {
  parts_.channel.send(protocol::FrameType::warning, {{"code", code}, {"what", what}});
}

void JobContext::progress(std::string_view phase, const Steps& at, const json& metrics) {
  const Duration now = parts_.clock.monotonic();
  if (phase != phase_) {
    phase_ = phase;
    phase_started_ = now;
    phase_first_step_ = at.step;
    said_ = Duration(-1'000'000);
  }
  const bool last = at.steps > 0 && at.step >= at.steps;
  if (!last && now - said_ < Duration(500)) return;
  said_ = now;
  const double elapsed = static_cast<double>((now - phase_started_).count()) / 1000.0;
  const auto done = static_cast<double>(at.step - std::min(at.step, phase_first_step_));
  const double rate = elapsed > 0 ? done / elapsed : 0.0;
  const bool knows_end = at.steps >= at.step && at.steps > 0;
  const double left = rate > 0 && knows_end ? static_cast<double>(at.steps - at.step) / rate : -1.0;
  parts_.channel.send(protocol::FrameType::progress, {{"phase", phase},
                                                      {"step", at.step},
                                                      {"steps", at.steps},
                                                      {"per_second", rate},
                                                      {"seconds_left", left},
                                                      {"metrics", metrics}});
}

Result<void> JobContext::check_stop() const {
  if (stop_requested() || parts_.channel.broken()) return tl::unexpected<Error>(stopped_error());
  return {};
}

networks::Compute JobContext::compute() const {
  return {parts_.job.device, parts_.job.limits.threads};
}

networks::Job JobContext::training(std::string phase, std::int64_t steps) {
  networks::Job job;
  // progress() thins it out by time. To look at the loss is to wait for a GPU.
  const bool on_gpu = parts_.job.device.type == networks::Device::Type::cuda;
  job.hooks.progress_every_steps = on_gpu ? 20 : 2;
  job.hooks.checkpoint_every_steps = std::clamp<std::int64_t>(steps / 10, 20, 1000);
  job.compute = compute();
  job.hooks.progress = [this, phase = std::move(phase)](const networks::Progress& at) {
    json metrics = {{"loss", at.loss}};
    for (const auto& [name, value] : at.metrics) metrics[name] = value;
    progress(phase, {static_cast<std::uint64_t>(at.step), static_cast<std::uint64_t>(at.steps)},
             metrics);
  };
  job.hooks.checkpoint = [this](BytesView bytes) { parts_.channel.send_checkpoint(bytes); };
  job.hooks.should_stop = [this] { return stop_requested() || parts_.channel.broken(); };
  const auto checkpoint = parts_.inputs.find("checkpoint");
  if (checkpoint != parts_.inputs.end()) job.hooks.resume_from = checkpoint->second;
  return job;
}

double JobContext::seconds() const {
  return static_cast<double>((parts_.clock.monotonic() - started_).count()) / 1000.0;
}

}  // namespace cloister::worker
