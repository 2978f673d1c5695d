#include "worker/pilot_run.h"

#include "networks/plain_unet.h"
#include "networks/views.h"
#include "privacy/gate.h"
#include "worker/codes.h"
#include "worker/gate_parts.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using networks::FloatTensor;
using nlohmann::json;

// Pilot networks are thrown away, so their seeds need not be secret; they must differ by site.
Bytes seed_of(const PilotSite& site, std::string_view purpose, std::uint64_t seed) {
  Bytes bytes = to_bytes("cloister pilot " + site.id + " ");
  append(bytes, as_bytes(purpose));
  append(bytes, be64(seed));
  return bytes;
}

Result<FloatTensor> encoded(const Bytes& encoder, const networks::SliceSet& slices,
                            const networks::Compute& compute) {
  const auto loaded = networks::Encoder::load(encoder, compute);
  if (!loaded) return pass(loaded);
  const auto codes = loaded->encode(slices);
  if (!codes) return codes;
  const auto wire = networks::write_codes(*codes);
  if (!wire) return pass(wire);
  return networks::read_codes(*wire);
}

// The same as a predict job and a site's decoding: every test-time view there and back.
Result<FloatTensor> predicted(const PilotNetworks& own,
                              const networks::SegmentationNetwork& network, int place,
                              const networks::SliceSet& slices, int views, const Bytes& decoder,
                              const networks::Compute& compute) {
  const auto encoder = networks::Encoder::load(own.image_encoder, compute);
  if (!encoder) return pass(encoder);
  const auto codes = encode_with_views(*encoder, slices, views);
  if (!codes) return codes;
  const auto masks = network.predict(*codes, network.sites() == 1 ? 0 : place);
  if (!masks) return masks;
  const auto loaded = networks::Decoder::load(decoder, compute);
  if (!loaded) return pass(loaded);
  return decode_views(*loaded, *masks, views);
}

// As evaluate does it where the plan says so.
Result<FloatTensor> with_own(const PilotNetworks& own, const networks::SliceSet& slices, int views,
                             const networks::Compute& compute, FloatTensor maps) {
  const auto encoder = networks::Encoder::load(own.image_encoder, compute);
  if (!encoder) return pass(encoder);
  const auto said = segment_with_views(*encoder, slices, views);
  if (!said) return said;
  return half_and_half(std::move(maps), *said);
}

Result<void> add_codes(networks::CodesInMemory& codes, int place, const PilotSite& site,
                       const PilotNetworks& own, const networks::Budget& budget,
                       const networks::Compute& compute) {
  const auto views = networks::draw_views(site.training.slices, budget.views,
                                          seed_of(site, "views", budget.segmentation.seed));
  if (!views) return pass(views);
  auto image_codes = encoded(own.image_encoder, *views, compute);
  if (!image_codes) return pass(image_codes);
  auto mask_codes = encoded(own.mask_encoder, *views, compute);
  if (!mask_codes) return pass(mask_codes);
  networks::CodePairs pairs{std::move(*image_codes), std::move(*mask_codes), {}, {}};
  pairs.slice.resize(views->size());
  pairs.view.resize(views->size());
  const auto shard = networks::write_code_shard(pairs);
  if (!shard) return pass(shard);
  return codes.add_shard(place, *shard);
}

}  // namespace

networks::Job PilotRun::job(const std::string& phase, std::int64_t steps) {
  networks::Job made = context_.training(phase, steps);
  made.hooks.checkpoint = {};  // a pilot starts anew
  made.hooks.resume_from.clear();
  return made;
}

Result<PilotMode> PilotRun::train(std::string name, const networks::Budget& budget) {
  PilotMode mode{std::move(name), budget, {}};
  for (const PilotSite& site : sites_) {
    const std::string where = fmt::format("{}, {}", site.id, mode.name);
    auto image = networks::train_image_encoder(
        site.training.slices, budget.image, seed_of(site, "image", budget.segmentation.seed),
        job("image encoder of " + where, budget.image.recipe.steps));
    if (!image) return pass(image);
    auto mask = networks::train_mask_encoder(
        site.training.slices, budget.mask, seed_of(site, "mask", budget.segmentation.seed),
        job("mask encoder of " + where, budget.mask.recipe.steps));
    if (!mask) return pass(mask);
    mode.sites.push_back({std::move(image->encoder), std::move(image->decoder),
                          std::move(mask->encoder), std::move(mask->decoder)});
  }
  return mode;
}

Result<void> PilotRun::pool(const PilotMode& mode, const std::vector<std::size_t>& members,
                            const std::string& label) {
  const auto compute = context_.compute();
  networks::CodesInMemory codes(static_cast<int>(members.size()));
  for (std::size_t place = 0; place < members.size(); ++place) {
    auto added = add_codes(codes, static_cast<int>(place), sites_[members[place]],
                           mode.sites[members[place]], mode.budget, compute);
    if (!added) return added;
  }
  std::vector<Bytes> decoders;
  const bool guided = mode.budget.segmentation.pooling == networks::Pooling::guided;
  for (const std::size_t member : members) {
    if (guided) decoders.push_back(mode.sites[member].mask_decoder);
  }
  const auto trained = networks::train_segmentation(
      codes, mode.budget.segmentation,
      job("shared network, " + label, mode.budget.segmentation.recipe.steps), decoders);
  if (!trained) return pass(trained);
  const auto network = networks::SegmentationNetwork::load(trained->network, compute);
  if (!network) return pass(network);
  for (std::size_t place = 0; place < members.size(); ++place) {
    const PilotSite& site = sites_[members[place]];
    const PilotNetworks& own = mode.sites[members[place]];
    Bytes decoder = own.mask_decoder;
    if (mode.budget.tuning.recipe.steps > 0 && site.tuning.slices.size() > 0) {
      const auto tuning_codes = encoded(own.image_encoder, site.tuning.slices, compute);
      if (!tuning_codes) return pass(tuning_codes);
      const auto masks =
          network->predict(*tuning_codes, network->sites() == 1 ? 0 : static_cast<int>(place));
      if (!masks) return pass(masks);
      auto tuned = networks::tune_mask_decoder(
          decoder, *masks, site.tuning.slices, mode.budget.tuning,
          job("mask decoder of " + site.id, mode.budget.tuning.recipe.steps));
      if (!tuned) return pass(tuned);
      decoder = std::move(tuned->decoder);
    }
    auto maps = predicted(own, *network, static_cast<int>(place), site.test.slices,
                          mode.budget.test_views, decoder, compute);
    const bool segments_first = mode.budget.image.backbone != networks::Backbone::none;
    if (maps && segments_first && context_.plan()->get().parts.own_segmentation) {
      // So that a network that adds nothing cannot hide behind the half that is the site's own.
      if (auto done = score(label + ", network alone", site, *maps); !done) return done;
      maps = with_own(own, site.test.slices, mode.budget.test_views, compute, std::move(*maps));
    }
    if (!maps) return pass(maps);
    if (auto done = score(label, site, *maps); !done) return done;
  }
  return {};
}

Result<void> PilotRun::plain_unet(const networks::Budget& budget) {
  networks::SliceSet all;
  all.height = sites_.front().training.slices.height;
  all.width = sites_.front().training.slices.width;
  for (const PilotSite& site : sites_) {
    const networks::SliceSet& more = site.training.slices;
    all.images.insert(all.images.end(), more.images.begin(), more.images.end());
    all.labels.insert(all.labels.end(), more.labels.begin(), more.labels.end());
    all.volume.insert(all.volume.end(), more.volume.begin(), more.volume.end());
    all.patient.insert(all.patient.end(), more.patient.begin(), more.patient.end());
  }
  networks::PlainUnetOptions options;
  options.recipe = budget.image.recipe;
  options.recipe.steps = budget.segmentation.recipe.steps;
  options.recipe.batch = budget.segmentation.recipe.batch;
  options.augmentation = budget.image.augmentation;
  options.structures = budget.mask.structures;
  options.seed = budget.segmentation.seed;
  const auto network =
      networks::train_plain_unet(all, options, job("plaintext U-Net", options.recipe.steps));
  if (!network) return pass(network);
  for (const PilotSite& site : sites_) {
    const auto maps = networks::segment_plainly(*network, site.test.slices, context_.compute());
    if (!maps) return pass(maps);
    if (auto done = score("plaintext-unet", site, *maps); !done) return done;
  }
  return {};
}

Result<void> PilotRun::ceiling(const PilotMode& mode) {
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const auto codes =
        encoded(mode.sites[i].mask_encoder, sites_[i].test.slices, context_.compute());
    if (!codes) return pass(codes);
    const auto decoder = networks::Decoder::load(mode.sites[i].mask_decoder, context_.compute());
    if (!decoder) return pass(decoder);
    const auto maps = decoder->decode(*codes);
    if (!maps) return pass(maps);
    if (auto done = score("mask-ceiling", sites_[i], *maps); !done) return done;
  }
  return {};
}

Result<void> PilotRun::backbone(const PilotMode& mode) {
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const auto encoder = networks::Encoder::load(mode.sites[i].image_encoder, context_.compute());
    if (!encoder) return pass(encoder);
    const auto maps = encoder->segment(sites_[i].test.slices);
    if (!maps) return pass(maps);
    if (auto done = score("backbone", sites_[i], *maps); !done) return done;
  }
  return {};
}

Result<json> PilotRun::gate(const PilotMode& mode, std::size_t at) {
  const PilotSite& site = sites_[at];
  const PilotNetworks& own = mode.sites[at];
  const auto compute = context_.compute();
  privacy::GateInput input;
  input.held_out = site.test.slices;
  auto codes = encoded(own.image_encoder, input.held_out, compute);
  if (!codes) return pass(codes);
  auto mask_codes = encoded(own.mask_encoder, input.held_out, compute);
  if (!mask_codes) return pass(mask_codes);
  input.codes = std::move(*codes);
  input.mask_codes = std::move(*mask_codes);
  input.own = site.training.slices;
  input.image_encoder = own.image_encoder;
  input.image_decoder = own.image_decoder;
  input.mask_decoder = own.mask_decoder;
  const auto plan = context_.plan();
  if (!plan) return pass(plan);
  input.structures = static_cast<int>(plan->get().structures.size());
  set_attackers(input, mode.budget, plan->get());
  const auto report =
      privacy::assess(input, job("gate of " + site.id, privacy::attack_steps_of(input)));
  if (!report) return pass(report);
  return to_json(*report);
}

Result<void> PilotRun::score(const std::string& label, const PilotSite& site,
                             const FloatTensor& probabilities) {
  const auto labels = label_map_of(context_, site.map);
  if (!labels) return pass(labels);
  const protocol::StudyPlan& plan = context_.plan()->get();
  Evaluation evaluation(labels->structures());
  for (const PlacedCase& placed : site.test.cases) {
    const auto loaded = imaging::load_case(placed.numbered.of, *labels);
    if (!loaded) continue;  // warned of when its slices were read
    auto maps = samples_of(probabilities, placed.first, placed.slices);
    const imaging::ProbabilityStack stack{placed.slices, static_cast<std::size_t>(maps.shape[1]),
                                          static_cast<std::size_t>(maps.shape[2]),
                                          static_cast<std::size_t>(maps.shape[3]),
                                          std::move(maps.data)};
    auto mask = imaging::to_mask(stack, loaded->image.geometry, preprocess_plan(plan));
    if (mask && plan.parts.largest_component) {
      mask = imaging::keep_largest_components(*mask, labels->structures().size());
    }
    if (!mask) return pass(mask);
    auto scores = imaging::score_structures(*mask, loaded->mask, labels->structures().size());
    if (!scores) return pass(scores);
    evaluation.add({placed.numbered, std::move(*scores), {}});
  }
  json told = evaluation.aggregates();
  told["mode"] = label;
  told["site"] = site.id;
  scores_.push_back(std::move(told));
  return {};
}

}  // namespace cloister::worker
