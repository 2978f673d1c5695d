// The trainer's two kinds: one network from the codes of all sites, and predictions with it.
#include <fmt/format.h>

#include <algorithm>

#include "networks/gpu_memory.h"
#include "networks/segmentation.h"
#include "networks/views.h"
#include "worker/kinds.h"
#include "worker/pool.h"
#include "worker/rank_group.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using nlohmann::json;

// A guided study only: each site's mask decoder, in the order of the sites.
Result<std::vector<Bytes>> mask_decoders(const JobContext& context,
                                         const std::vector<std::string>& sites) {
  std::vector<Bytes> decoders;
  if (!context.plan()->get().mask_decoder_leaves) return decoders;
  for (const std::string& site : sites) {
    const auto decoder = context.input("decoders/" + site);
    if (!decoder) return pass(decoder);
    decoders.emplace_back(decoder->begin(), decoder->end());
  }
  return decoders;
}

// The codes of a request. Of a training shard, whose image codes the site asks to have predicted to
// learn whether membership shows, only the slices themselves: their first view.
Result<networks::FloatTensor> asked_codes(BytesView content) {
  auto request = networks::read_codes(content);
  if (request) return request;
  const auto shard = networks::read_code_shard(content);
  if (!shard || shard->view.empty()) return request;
  networks::FloatTensor codes{shard->image_codes.shape, {}};
  codes.shape[0] = 0;
  const std::size_t size = shard->image_codes.data.size() / shard->view.size();
  for (std::size_t i = 0; i < shard->view.size(); ++i) {
    if (shard->view[i] != 0) continue;
    const auto from = shard->image_codes.data.begin() + static_cast<std::ptrdiff_t>(i * size);
    codes.data.insert(codes.data.end(), from, from + static_cast<std::ptrdiff_t>(size));
    ++codes.shape[0];
  }
  return codes;
}

// In this process, or in as many as the job asks for. Returns in the first of them only.
Result<networks::TrainedSegmentation> train_over_ranks(JobContext& context,
                                                       const networks::SegmentationOptions& options,
                                                       const std::vector<Bytes>& decoders) {
  const auto ranks = context.job().whole("ranks", 1);
  if (!ranks) return pass(ranks);
  const auto group = RankGroup::split(static_cast<int>(*ranks));
  if (!group) return pass(group);
  const auto work = [&]() -> Result<networks::TrainedSegmentation> {
    const auto job =
        group->join(context.training("training the segmentation network", options.recipe.steps));
    if (!job) return pass(job);
    const double share = context.job().limits.gpu_memory_share;
    if (auto held = networks::limit_gpu_memory(job->compute.device, share); !held) {
      return pass(held);
    }
    return networks::train_segmentation(context.pool().codes(), options, *job, decoders);
  };
  if (!group->is_first()) {
    group->end_after([&]() -> Result<void> {
      const auto trained = work();
      return trained ? Result<void>() : pass(trained);
    });
  }
  return work();
}

// The site's place in the network, as that says itself.
Result<int> place_of(const std::string& site, const JobContext& context,
                     const networks::SegmentationNetwork& network) {
  Result<std::vector<std::string>> listed = network.site_names();
  if (listed->empty()) listed = site_order(context.job());
  if (!listed) return pass(listed);
  return network.pooling() == networks::Pooling::plain ? Result<int>(0) : site_index(*listed, site);
}

}  // namespace

Result<json> train_segmentation(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  Pool& pool = context.pool();
  if (auto complete = pool.check(); !complete) return pass(std::move(complete));
  const std::vector<std::string>& sites = pool.sites();
  const auto decoders = mask_decoders(context, sites);
  if (!decoders) return pass(decoders);
  networks::SegmentationOptions options = budget->segmentation;
  options.site_names = sites;
  const auto trained = train_over_ranks(context, options, *decoders);
  if (!trained) return pass(trained);
  context.artifact("network", trained->network);
  json result{{"final_loss", trained->final_loss},
              {"steps", budget->segmentation.recipe.steps},
              {"levels", budget->segmentation.levels},
              {"bytes", trained->network.size()},
              {"site_loss", json::object()},
              {"samples", json::object()},
              {"shards", json::object()}};
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& site = sites[i];
    if (i < trained->site_loss.size()) result["site_loss"][site] = trained->site_loss[i];
    result["samples"][site] = pool.codes().samples(static_cast<int>(i));
    result["shards"][site] = pool.shards(i);
  }
  return result;
}

Result<json> predict(JobContext& context) {
  const auto site = context.job().text("site");
  if (!site) return pass(site);
  const auto network = context.segmentation("network");
  if (!network) return pass(network);
  const auto place = place_of(*site, context, *network);
  if (!place) return pass(place);
  const auto requests = context.inputs_under("codes/");
  if (requests.empty()) {
    return fail(Kind::invalid, "predict.no_codes", "No codes to predict from were sent.",
                "Send each request as an input codes/NAME.");
  }
  json replies = json::array();
  for (const auto& [request, content] : requests) {
    if (auto go_on = context.check_stop(); !go_on) return pass(std::move(go_on));
    const auto codes = asked_codes(content);
    if (!codes) return pass(codes);
    const auto predicted = network->get().predict(*codes, *place);
    if (!predicted) return pass(predicted);
    const auto reply = networks::write_codes(*predicted);
    if (!reply) return pass(reply);
    context.artifact("replies/" + request, *reply);
    replies.push_back({{"name", request}, {"slices", codes->shape[0]}});
    context.progress("predicting", {replies.size(), requests.size()});
  }
  return json{{"replies", replies}};
}

}  // namespace cloister::worker
