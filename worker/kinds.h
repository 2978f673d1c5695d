// One function a kind of job. Each sends its artifacts through the context and answers with the
// fields of its result (README.md).
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/context.h"

namespace cloister::worker {

using KindFunction = Result<nlohmann::json> (*)(JobContext&);

struct WorkerKind {
  std::string_view name;
  KindFunction run;
};

[[nodiscard]] Result<nlohmann::json> inspect_data(JobContext& context);
[[nodiscard]] Result<nlohmann::json> register_data(JobContext& context);
[[nodiscard]] Result<nlohmann::json> train_image_encoder(JobContext& context);
[[nodiscard]] Result<nlohmann::json> train_mask_encoder(JobContext& context);
[[nodiscard]] Result<nlohmann::json> encode(JobContext& context);
[[nodiscard]] Result<nlohmann::json> assess_privacy(JobContext& context);
[[nodiscard]] Result<nlohmann::json> train_segmentation(JobContext& context);
[[nodiscard]] Result<nlohmann::json> predict(JobContext& context);
[[nodiscard]] Result<nlohmann::json> tune_mask_decoder(JobContext& context);
[[nodiscard]] Result<nlohmann::json> evaluate(JobContext& context);
[[nodiscard]] Result<nlohmann::json> encode_volume(JobContext& context);
[[nodiscard]] Result<nlohmann::json> decode_volume(JobContext& context);
[[nodiscard]] Result<nlohmann::json> pilot(JobContext& context);
[[nodiscard]] Result<nlohmann::json> phantom(JobContext& context);

[[nodiscard]] std::span<const WorkerKind> worker_kinds();

}  // namespace cloister::worker
