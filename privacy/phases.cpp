#include "privacy/phases.h"

#include "tensorfile/tensor_file.h"

namespace cloister::privacy {
namespace {

constexpr std::string_view kind = "cloister-gate-checkpoint";
constexpr std::string_view done_prefix = "done.";

tensorfile::Tensor stored(BytesView bytes) {
  return tensorfile::u8_tensor({static_cast<std::int64_t>(bytes.size())}, bytes);
}

}  // namespace

Bytes packed(const networks::FloatTensor& tensor) {
  tensorfile::TensorFile file;
  file.tensors["values"] = tensorfile::f32_tensor(tensor.shape, tensor.data);
  return tensorfile::write_tensor_file(file);
}

Result<networks::FloatTensor> unpacked(BytesView bytes) {
  const auto file = tensorfile::read_tensor_file(bytes);
  if (!file) return pass(file);
  const auto values = file->get("values", tensorfile::DType::f32);
  if (!values) return pass(values);
  return networks::FloatTensor{values->shape, floats_of(*values)};
}

Bytes bundled(const std::map<std::string, Bytes>& parts) {
  tensorfile::TensorFile file;
  for (const auto& [name, bytes] : parts) file.tensors[name] = stored(bytes);
  return tensorfile::write_tensor_file(file);
}

Result<std::map<std::string, Bytes>> unbundled(BytesView bytes) {
  const auto file = tensorfile::read_tensor_file(bytes);
  if (!file) return pass(file);
  std::map<std::string, Bytes> parts;
  for (const auto& [name, tensor] : file->tensors) {
    parts[name] = Bytes(tensor.data.begin(), tensor.data.end());
  }
  return parts;
}

Result<Phases> Phases::create(const networks::Job& job, std::int64_t steps) {
  Phases phases(job, steps);
  if (job.hooks.resume_from.empty()) return phases;
  const auto file = tensorfile::read_tensor_file(job.hooks.resume_from);
  if (!file || file->text("kind").value_or("") != kind) {
    return fail(Kind::corrupt, "privacy.bad_checkpoint",
                "The checkpoint is not one of the privacy gate's.",
                "Start the job anew, without this checkpoint.");
  }
  phases.resumed_phase_ = file->text("phase").value_or("");
  for (const auto& [name, tensor] : file->tensors) {
    Bytes bytes(tensor.data.begin(), tensor.data.end());
    if (name == "inner") phases.resumed_ = std::move(bytes);
    if (name.starts_with(done_prefix)) {
      phases.done_[name.substr(done_prefix.size())] = std::move(bytes);
    }
  }
  return phases;
}

Bytes Phases::wrapped(const std::string& name, BytesView inner) const {
  tensorfile::TensorFile file;
  file.metadata = {{"kind", std::string(kind)}, {"phase", name}};
  file.tensors["inner"] = stored(inner);
  for (const auto& [done, bytes] : done_)
    file.tensors[std::string(done_prefix) + done] = stored(bytes);
  return tensorfile::write_tensor_file(file);
}

Result<Bytes> Phases::run(const std::string& name, std::int64_t steps, const Work& work) {
  const std::int64_t before = steps_before_;
  steps_before_ += steps;
  if (const auto found = done_.find(name); found != done_.end()) return found->second;
  networks::Job job = job_;
  job.hooks.resume_from = resumed_phase_ == name ? resumed_ : Bytes{};
  if (job_.hooks.progress) {
    job.hooks.progress = [this, before](networks::Progress progress) {
      progress.step += before;
      progress.steps = all_steps_;
      job_.hooks.progress(progress);
    };
  }
  if (job_.hooks.checkpoint) {
    job.hooks.checkpoint = [this, &name](BytesView inner) {
      job_.hooks.checkpoint(wrapped(name, inner));
    };
  }
  auto made = work(job);
  if (!made) return made;
  done_[name] = *made;
  if (job_.hooks.checkpoint) job_.hooks.checkpoint(wrapped("", {}));
  return made;
}

}  // namespace cloister::privacy
