#include "sim_worker.h"

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "provenance/json.h"

namespace cloister::simulation {
namespace {

using member::KeepAs;
using provenance::Json;

struct Making {
  const member::RunWorker& order;
  Prng& prng;
  WorkerOutcome out;

  void artifact(const std::string& name) {
    const member::KeepRule* rule = nullptr;
    for (const auto& one : order.keep) {
      if (rule == nullptr && name.starts_with(one.prefix)) rule = &one;
    }
    member::Kept kept;
    kept.name = name;
    kept.as = rule == nullptr ? KeepAs::vault : rule->as;
    std::string text = order.job.text() + "/" + name;
    if (kept.as == KeepAs::sealed) text += fmt::format("/{}", prng.next());
    Bytes content = to_bytes(text);
    kept.digest = crypto::sha256(content);
    kept.bytes = content.size();
    if (kept.as == KeepAs::sealed) {
      kept.wrap = Bytes(crypto::wrap_bytes, 0);
      for (auto& byte : kept.wrap) byte = static_cast<std::uint8_t>(prng.next());
    }
    out.artifacts.push_back({std::move(kept), std::move(content)});
  }
};

Json shard(std::uint64_t number, const char* purpose) {
  return Json().set("number", number).set("purpose", purpose).set("slices", 8).set("views", 1);
}

Json registered() {
  const auto split = [](std::uint64_t patients) { return Json().set("patients", patients); };
  return Json().set(
      "splits",
      Json().set("training", split(4)).set("tuning", split(2)).set("evaluation", split(2)));
}

Json encoded(Making& making) {
  Json shards = Json::array();
  const std::array purposes{"training", "training", "tuning", "evaluation"};
  for (std::size_t i = 0; i < purposes.size(); ++i) {
    making.artifact(fmt::format("shards/{:06}.safetensors", i + 1));
    shards.push(shard(i + 1, purposes[i]));
  }
  making.artifact("code-map");
  return Json().set("shards", std::move(shards)).set("dtype", "F16");
}

Json assessed(Making& making) {
  making.artifact("gate-report");
  const auto indicator = [](const char* name, double value, const char* verdict) {
    return Json()
        .set("name", name)
        .set("value", value)
        .set("threshold", 0.5)
        .set("verdict", verdict);
  };
  Json list = Json::array();
  list.push(indicator("reidentification", 0.02, "pass"));
  list.push(indicator("channel-correlation", 0.8, "fail"));
  return Json().set("indicators", std::move(list)).set("verdict", "fail");
}

Json replied(Making& making) {
  for (const auto& input : making.order.inputs) {
    const std::string prefix = "codes/";
    if (input.name.starts_with(prefix))
      making.artifact("replies/" + input.name.substr(prefix.size()));
  }
  return Json::object();
}

std::string kind_of(const member::RunWorker& order) {
  return provenance::text_or_empty(provenance::parse_json(order.order_json).value(), "kind");
}

}  // namespace

Duration duration_of(const member::RunWorker& order, Prng& prng) {
  const std::string kind = kind_of(order);
  const bool is_long = kind.starts_with("train-");
  return Duration(1000 * (1 + static_cast<std::int64_t>(prng.below(is_long ? 120 : 15))));
}

WorkerOutcome work_of(const member::RunWorker& order, Prng& prng) {
  Making making{order, prng, {}};
  const std::string kind = kind_of(order);
  Json result = Json::object();
  if (kind == "register-data") {
    making.artifact("site-map");
    result = registered();
  } else if (kind == "train-image-encoder" || kind == "train-mask-encoder") {
    const std::string side = kind == "train-image-encoder" ? "image" : "mask";
    making.artifact(side + "-encoder");
    making.artifact(side + "-decoder");
  } else if (kind == "encode") {
    result = encoded(making);
  } else if (kind == "assess-privacy") {
    result = assessed(making);
  } else if (kind == "train-segmentation") {
    making.artifact("network");
  } else if (kind == "predict") {
    result = replied(making);
  } else if (kind == "encode-volume") {
    making.artifact("request");
    result.set("range", Json().set("mean_abs", 0.8).set("beyond_4", 0.0)).set("slices", 8);
  } else if (kind == "decode-volume") {
    making.artifact("prediction.nii.gz");
  } else if (kind == "tune-mask-decoder") {
    making.artifact("mask-decoder");
  } else if (kind == "evaluate") {
    result.set("structures", Json::array()).set("job", order.job.text());
    // Training patients can be recognised: the release needs an exception of each site.
    result.set(
        "membership",
        Json::array()
            .push(Json().set("name", "membership-auc").set("value", 0.7).set("verdict", "fail"))
            .push(Json().set("name", "membership-tpr").set("value", 0.03).set("verdict", "warn")));
  }
  making.out.result_json = provenance::to_jcs(result);
  return std::move(making.out);
}

}  // namespace cloister::simulation
