#include "site-agent/core/orders.h"

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "member/contexts.h"

namespace cloister::site_agent {
namespace {

using member::KeepAs;
using member::RunWorker;
using provenance::Json;

// A part of an earlier job's product that a kind of job reads.
struct Need {
  std::string_view kind;  // of the job
  std::string_view made_by;
  std::string_view part;  // as the worker named it, and as it is handed in
};
constexpr std::array needs{
    Need{"train-image-encoder", "register-data", "site-map"},
    Need{"train-mask-encoder", "register-data", "site-map"},
    Need{"encode", "register-data", "site-map"},
    Need{"encode", "train-image-encoder", "image-encoder"},
    Need{"encode", "train-mask-encoder", "mask-encoder"},
    Need{"assess-privacy", "register-data", "site-map"},
    Need{"assess-privacy", "encode", "code-map"},
    Need{"assess-privacy", "train-image-encoder", "image-encoder"},
    Need{"assess-privacy", "train-image-encoder", "image-decoder"},
    Need{"assess-privacy", "train-mask-encoder", "mask-encoder"},
    Need{"assess-privacy", "train-mask-encoder", "mask-decoder"},
    Need{"tune-mask-decoder", "register-data", "site-map"},
    Need{"tune-mask-decoder", "encode", "code-map"},
    Need{"tune-mask-decoder", "train-mask-encoder", "mask-decoder"},
    Need{"evaluate", "register-data", "site-map"},
    Need{"evaluate", "encode", "code-map"},
    Need{"evaluate", "train-mask-encoder", "mask-encoder"},
};

constexpr std::array seeded{"register-data", "train-image-encoder", "train-mask-encoder", "encode",
                            "assess-privacy"};

tl::unexpected<Error> missing(std::string_view kind, std::string_view part) {
  return fail(
      Kind::conflict, "job.input",
      fmt::format("The job '{}' needs '{}', which is not in this site's vault.", kind, part),
      "Was the vault restored or moved? Retry the job that makes it.");
}

// The product that the job names where it names one (so that an approval binds the very encoder),
// else the newest of its kind.
const Product* product_for(const protocol::JobView& job, std::string_view made_by,
                           const OrderContext& context) {
  for (const auto& input : job.inputs) {
    const Product* product = context.products.find(input.digest);
    if (product != nullptr && product->kind == made_by) return product;
  }
  return context.products.newest(job.study, made_by);
}

Result<void> add_part(RunWorker& order, const Product* product, std::string_view part) {
  const member::Kept* kept = product == nullptr ? nullptr : product->part(part);
  if (kept == nullptr) return missing(order.job.text(), part);
  order.inputs.push_back({std::string(part), member::FromVault{kept->digest}});
  return {};
}

// The decoder that was tuned for the newest model, else the one that was trained with the encoder.
const Product* mask_decoder(const StudyId& study, const Products& products) {
  const Product* tuned = products.newest(study, "tune-mask-decoder");
  return tuned != nullptr ? tuned : products.newest(study, "train-mask-encoder");
}

// Replies come in the order of the manifest's shards. To evaluate, all are read: on the training
// patients' it is tried whether membership shows.
Result<void> add_replies(RunWorker& order, std::string_view purpose, const OrderContext& context) {
  const Product* encoded = context.products.newest(order.study, "encode");
  if (encoded == nullptr) return missing(order.job.text(), "code-map");
  std::size_t next = 0;
  for (const ShardEntry& shard : manifest_of(*encoded).shards) {
    if (shard.purpose == decoder_purpose) continue;
    if (next >= context.replies.size()) return missing(order.job.text(), "replies");
    const ReplyBlob& reply = context.replies[next++];
    if (shard.purpose != purpose && purpose != "any") continue;
    order.inputs.push_back({fmt::format("replies/{:06}", shard.number),
                            member::FromBlob{reply.digest, reply.wrap,
                                             member::reply_context(order.study, context.site)}});
  }
  return {};
}

Json base_order(const RunWorker& order, std::string_view kind, const OrderContext& context) {
  Json json;
  json.set("job_id", order.job.text()).set("kind", kind).set("device", context.device);
  json.set("plan", provenance::parse_json(context.study.plan_json).value_or(Json::object()));
  Json limits;
  limits.set("memory_bytes", context.policy.memory_bytes_max)
      .set("cpu_seconds", context.policy.cpu_seconds_max)
      .set("threads", std::uint64_t{context.policy.threads});
  if (context.policy.gpu_memory_share < 1)
    limits.set("gpu_memory_share", context.policy.gpu_memory_share);
  json.set("limits", std::move(limits));
  return json;
}

// What becomes of artifacts: shards are sealed to the certified trainer and nobody else, what
// people look at goes into the site's report, everything else into the vault.
std::vector<member::KeepRule> keep_rules(const OrderContext& context) {
  const auto& trainer = context.study.trainer;
  const auto shard = [&](std::string prefix) {
    return member::KeepRule{std::move(prefix), KeepAs::sealed, trainer.id, trainer.seal,
                            member::shard_context(context.study.plan.study, context.site)};
  };
  const auto as = [](std::string prefix, KeepAs keep) {
    return member::KeepRule{std::move(prefix), keep, {}, std::nullopt, {}};
  };
  return {shard("shards/"),
          shard("request"),
          as("data-report", KeepAs::report),
          as("gate-report", KeepAs::report),
          as("site-report", KeepAs::report),
          as("overlay", KeepAs::report),
          as("examples/", KeepAs::report),
          as("preview", KeepAs::report),
          as("predictions/", KeepAs::report),
          as("prediction.nii.gz", KeepAs::open),
          as("", KeepAs::vault)};
}

RunWorker new_order(const JobId& job, const OrderContext& context) {
  RunWorker order;
  order.job = job;
  order.study = context.study.plan.study;
  order.keep = keep_rules(context);
  return order;
}

// The encoder whose own segmentation counts, where the plan says that it does.
Result<void> add_own_segmentation(RunWorker& order, const Product* encoder,
                                  const OrderContext& context) {
  if (!context.study.plan.parts.own_segmentation) return {};
  return add_part(order, encoder, "image-encoder");
}

Result<void> add_inputs(RunWorker& order, const protocol::JobView& job,
                        const OrderContext& context) {
  for (const Need& need : needs) {
    if (need.kind != job.kind) continue;
    auto ok = add_part(order, product_for(job, need.made_by, context), need.part);
    if (!ok) return ok;
  }
  if (job.kind == "encode" && context.study.plan.mask_decoder_leaves) {
    auto ok = add_part(order, product_for(job, "train-mask-encoder", context), "mask-decoder");
    if (!ok) return ok;
  }
  if (std::find(seeded.begin(), seeded.end(), job.kind) != seeded.end()) {
    order.inputs.push_back({"seed", member::FromSecret{job.id.text(), 32}});
  }
  if (job.kind == "tune-mask-decoder") return add_replies(order, "tuning", context);
  if (job.kind != "evaluate") return {};
  const auto* encoder = product_for(job, "train-image-encoder", context);
  if (auto ok = add_own_segmentation(order, encoder, context); !ok) return ok;
  auto ok = add_part(order, mask_decoder(job.study, context.products), "mask-decoder");
  return ok ? add_replies(order, "any", context) : ok;
}

}  // namespace

Result<RunWorker> order_for(const protocol::JobView& job, const OrderContext& context) {
  RunWorker order = new_order(job.id, context);
  order.attempt = job.attempt;
  if (auto ok = add_inputs(order, job, context); !ok) return pass(ok);
  Json json = base_order(order, job.kind, context);
  Json parameters = Json::object();
  if (job.kind == "evaluate") parameters.set("label", context.study.plan.preset);
  if (job.kind == "register-data" && !context.policy.data_centre.empty()) {
    parameters.set("centre", context.policy.data_centre);
  }
  if (job.kind == "register-data" && !context.policy.withdrawn.empty()) {
    Json names = Json::array();
    for (const std::string& name : context.policy.withdrawn) names.push(name);
    parameters.set("withdrawn", std::move(names));
  }
  json.set("parameters", std::move(parameters));
  json.set("data", Json().set("root", context.policy.data_root));
  order.order_json = provenance::to_jcs(json);
  return order;
}

Result<RunWorker> encode_volume_order(const VolumeQuestion& question, const OrderContext& context) {
  RunWorker order = new_order(question.job, context);
  order.warm = true;
  order.resume = false;
  const auto* encoder = context.products.newest(order.study, "train-image-encoder");
  if (auto ok = add_part(order, encoder, "image-encoder"); !ok) return pass(ok);
  Json json = base_order(order, "encode-volume", context);
  json.set("parameters",
           Json().set("image", question.image).set("frame", std::uint64_t{question.frame}));
  order.order_json = provenance::to_jcs(json);
  return order;
}

Result<RunWorker> decode_volume_order(const VolumeQuestion& question, const ReplyBlob& reply,
                                      const std::string& output, const OrderContext& context) {
  RunWorker order = new_order(question.job, context);
  order.warm = true;
  order.resume = false;
  order.save_as = output;
  const auto* decoder = mask_decoder(order.study, context.products);
  if (auto ok = add_part(order, decoder, "mask-decoder"); !ok) return pass(ok);
  const auto* encoder = context.products.newest(order.study, "train-image-encoder");
  if (auto ok = add_own_segmentation(order, encoder, context); !ok) return pass(ok);
  order.inputs.push_back(
      {"reply", member::FromBlob{reply.digest, reply.wrap,
                                 member::reply_context(order.study, context.site)}});
  Json json = base_order(order, "decode-volume", context);
  json.set("parameters",
           Json().set("image", question.image).set("frame", std::uint64_t{question.frame}));
  order.order_json = provenance::to_jcs(json);
  return order;
}

}  // namespace cloister::site_agent
