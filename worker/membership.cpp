#include "worker/membership.h"

#include "networks/views.h"
#include "privacy/membership.h"
#include "worker/codes.h"
#include "worker/gate_parts.h"

namespace cloister::worker {
namespace {

using networks::FloatTensor;
using nlohmann::json;
using privacy::SliceLoss;

std::vector<double> slice_errors(const FloatTensor& predicted, const FloatTensor& truth) {
  std::vector<double> errors;
  const std::size_t slices = static_cast<std::size_t>(truth.shape[0]);
  const std::size_t size = truth.data.size() / std::max<std::size_t>(1, slices);
  for (std::size_t n = 0; n < slices; ++n) {
    double sum = 0;
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
      const double off =
          static_cast<double>(predicted.data[i]) - static_cast<double>(truth.data[i]);
      sum += off * off;
    }
    errors.push_back(sum / static_cast<double>(size));
  }
  return errors;
}

// Replies of training patients hold one code a slice; those of others hold every test-time view.
class Losses {
 public:
  Losses(JobContext& context, const SiteMap& map) : context_(context), map_(map) {}

  Result<void> add(const CodedShard& shard, BytesView reply) {
    const bool member = shard.purpose == "training";
    const std::size_t views = member ? 1 : shard.views;
    const auto codes = networks::read_codes(reply);
    if (!codes) return pass(codes);
    for (const CodedCase& coded : shard.cases) {
      const auto* numbered = case_named(coded.case_id);
      if (numbered == nullptr) continue;  // withdrawn since
      const auto all = static_cast<std::size_t>(codes->shape[0]);
      if ((coded.first + coded.slices) * views > all) {
        return fail(Kind::corrupt, "codes.count", "A reply holds fewer codes than were asked for.",
                    "Ask for the prediction again.");
      }
      const auto mine = samples_of(*codes, coded.first * views, coded.slices * views);
      const auto predicted = first_views(mine, static_cast<int>(views));
      if (auto done = compare(*numbered, predicted, member ? members_ : others_); !done)
        return done;
    }
    return {};
  }

  [[nodiscard]] const std::vector<SliceLoss>& members() const { return members_; }
  [[nodiscard]] const std::vector<SliceLoss>& others() const { return others_; }

 private:
  [[nodiscard]] const NumberedCase* case_named(const std::string& id) const {
    for (const NumberedCase& one : map_.cases) {
      if (one.of.case_id == id) return &one;
    }
    return nullptr;
  }

  Result<void> compare(const NumberedCase& numbered, const FloatTensor& predicted,
                       std::vector<SliceLoss>& into) {
    const auto slices = load_slices(context_, map_, {numbered});
    if (!slices && slices.error().code == "dataset.empty") return {};  // warned of already
    if (!slices) return pass(slices);
    const auto encoder = context_.encoder("mask-encoder");
    if (!encoder) return pass(encoder);
    const auto truth = encoder->get().encode(slices->slices);
    if (!truth) return pass(truth);
    if (truth->shape != predicted.shape) {
      return fail(Kind::conflict, "codes.count", "A case has changed since it was encoded.",
                  "Register and encode the data again.");
    }
    for (const double error : slice_errors(predicted, *truth)) {
      into.push_back({error, numbered.number});
    }
    return {};
  }

  JobContext& context_;
  const SiteMap& map_;
  std::vector<SliceLoss> members_, others_;
};

}  // namespace

Result<json> membership_of(JobContext& context, const SiteMap& map) {
  if (!context.has_input("mask-encoder")) return json::array();
  const auto shards = code_map_of(context);
  if (!shards) return pass(shards);
  Losses losses(context, map);
  for (const CodedShard& shard : *shards) {
    const std::string name = "replies/" + shard_name(shard.number);
    if (!context.has_input(name)) continue;
    if (auto go_on = context.check_stop(); !go_on) return pass(std::move(go_on));
    if (auto added = losses.add(shard, *context.input(name)); !added) return pass(std::move(added));
  }
  json indicators = json::array();
  if (losses.members().empty() || losses.others().empty()) return indicators;
  const auto thresholds = thresholds_of(context.plan()->get());
  for (const auto& one : privacy::membership(losses.members(), losses.others(), thresholds)) {
    indicators.push_back(to_json(one));
  }
  return indicators;
}

}  // namespace cloister::worker
