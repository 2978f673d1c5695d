// What a kind of image encoder gives away and what it costs, from files: the gate's attacks on one
// site's codes beside the Dice of new patients. Patients of the test split are never read: the last
// training patients stand in for held-out ones.
//
//   privacy_trial SITE_FOLDER reconstruct|task|hardened [key=value ...]
//
// Keys: image_steps mask_steps pooled_steps attack_steps resolution spacing views new tuning
// threads
//       reconstruction adversary channels bits noise plain seed
// Prints one line of JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

#include "imaging/dataset.h"
#include "imaging/preprocess.h"
#include "networks/budget.h"
#include "networks/score.h"
#include "privacy/gate.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

constexpr int structures = 3;

struct Settings {
  Budget budget;
  std::size_t fresh_patients = 5;
  std::size_t tuning_patients = 2;
  std::int64_t attack_steps = 150;
  std::uint8_t seed = 1;
  Job job;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", to_string(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

SliceSet read_site(const std::filesystem::path& folder, const Budget& budget) {
  const auto dataset = must(imaging::scan_dataset(folder));
  imaging::PreprocessPlan plan;
  plan.spacing_mm = budget.spacing_mm;
  plan.width = plan.height = static_cast<std::size_t>(budget.resolution);
  SliceSet slices;
  slices.height = slices.width = budget.resolution;
  std::map<std::string, std::int64_t> patients;
  std::int64_t volume = 0;
  for (const auto& of : dataset.cases) {
    if (of.split == imaging::Split::test) continue;
    const auto loaded = must(imaging::load_case(of, dataset.labels));
    const auto image = must(imaging::to_slices(loaded.image, plan));
    const auto mask = must(imaging::to_slices(loaded.mask, plan));
    slices.images.insert(slices.images.end(), image.values.begin(), image.values.end());
    slices.labels.insert(slices.labels.end(), mask.labels.begin(), mask.labels.end());
    const auto patient =
        patients.emplace(of.patient_id, static_cast<std::int64_t>(patients.size())).first->second;
    slices.volume.insert(slices.volume.end(), image.count, volume++);
    slices.patient.insert(slices.patient.end(), image.count, patient);
  }
  return slices;
}

SliceSet patients_between(const SliceSet& slices, std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> list(static_cast<std::size_t>(to - from));
  std::iota(list.begin(), list.end(), from);
  return slices_of_patients(slices, list);
}

Bytes secret_of(const Settings& settings, std::uint8_t purpose) {
  Bytes secret(32, purpose);
  secret[0] = settings.seed;
  return secret;
}

void set(Settings& settings, const std::string& key, double value) {
  auto& b = settings.budget;
  const auto whole = static_cast<std::int64_t>(value);
  const auto small = static_cast<int>(value);
  if (key == "image_steps") b.image.recipe.steps = whole;
  if (key == "mask_steps") b.mask.recipe.steps = whole;
  if (key == "pooled_steps") b.segmentation.recipe.steps = whole;
  if (key == "tuning_steps") b.tuning.recipe.steps = whole;
  if (key == "attack_steps") settings.attack_steps = whole;
  if (key == "resolution") b.resolution = small;
  if (key == "spacing") b.spacing_mm = value;
  if (key == "views") b.views.views = small;
  if (key == "new") settings.fresh_patients = static_cast<std::size_t>(whole);
  if (key == "tuning") settings.tuning_patients = static_cast<std::size_t>(whole);
  if (key == "threads") settings.job.compute.threads = small;
  if (key == "reconstruction") b.image.hardening.reconstruction_weight = value;
  if (key == "adversary") b.image.hardening.adversary_weight = value;
  if (key == "channels") b.image.hardening.code_channels = small;
  if (key == "bits") b.image.hardening.code_bits = small;
  if (key == "noise") b.image.hardening.code_noise = value;
  if (key == "plain" && value > 0) b.segmentation.pooling = Pooling::plain;
  if (key == "seed") settings.seed = static_cast<std::uint8_t>(small);
}

struct Site {
  SliceSet pooled, tuning, fresh;
  TrainedImageEncoder image;
  TrainedMaskEncoder mask;
};

std::vector<double> dice_on(const SliceSet& fresh, const FloatTensor& maps) {
  const auto labels = most_probable(maps);
  return dice_by_structure({labels, fresh.labels, fresh.volume, fresh.pixels()}, structures);
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct Quality {
  std::vector<double> decoded;  // by structure: through the shared network and back
  double with_own = 0;          // mean, where the encoder's own segmentation counts half
  double own = 0;               // mean of that alone
};

Quality quality_on_new(const Site& site, const Settings& settings) {
  const auto image = must(Encoder::load(site.image.encoder, settings.job.compute));
  const auto mask = must(Encoder::load(site.mask.encoder, settings.job.compute));
  const auto views = must(draw_views(site.pooled, settings.budget.views, secret_of(settings, 3)));
  CodePairs pairs{must(image.encode(views)), must(mask.encode(views)), {}, {}};
  pairs.slice.resize(views.size());
  pairs.view.resize(views.size());
  CodesInMemory codes(1);
  must(codes.add_shard(0, must(write_code_shard(pairs))));
  const auto trained = must(train_segmentation(codes, settings.budget.segmentation, settings.job));
  const auto network = must(SegmentationNetwork::load(trained.network, settings.job.compute));
  Bytes decoder = site.mask.decoder;
  if (settings.budget.tuning.recipe.steps > 0 && site.tuning.size() > 0) {
    const auto more = must(draw_views(site.tuning, settings.budget.views, secret_of(settings, 4)));
    const auto predicted = must(network.predict(must(image.encode(more)), 0));
    decoder =
        must(tune_mask_decoder(decoder, predicted, more, settings.budget.tuning, settings.job))
            .decoder;
  }
  const auto loaded = must(Decoder::load(decoder, settings.job.compute));
  const auto predicted = must(network.predict(must(image.encode(site.fresh)), 0));
  auto maps = must(loaded.decode(predicted));
  Quality quality{dice_on(site.fresh, maps)};
  const auto own = image.segment(site.fresh);
  if (!own) return quality;
  quality.own = mean_of(dice_on(site.fresh, *own));
  for (std::size_t i = 0; i < maps.data.size(); ++i) maps.data[i] += own->data[i];
  quality.with_own = mean_of(dice_on(site.fresh, maps));
  return quality;
}

privacy::GateReport gate_of(const Site& site, const Settings& settings) {
  const auto through_half = [&](const Bytes& encoder) {
    const auto loaded = must(Encoder::load(encoder, settings.job.compute));
    return must(read_codes(must(write_codes(must(loaded.encode(site.fresh))))));
  };
  privacy::GateInput input;
  input.held_out = site.fresh;
  input.codes = through_half(site.image.encoder);
  input.mask_codes = through_half(site.mask.encoder);
  input.own = site.pooled;
  input.image_encoder = site.image.encoder;
  input.image_decoder = site.image.decoder;
  input.mask_decoder = site.mask.decoder;
  input.structures = structures;
  input.foreign = settings.budget.image;
  input.foreign.learning = EncoderLearning::reconstruct;
  input.foreign.recipe.steps = settings.attack_steps;
  input.foreign_mask = settings.budget.mask;
  input.foreign_mask.recipe.steps = settings.attack_steps;
  return must(privacy::assess(input, settings.job));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "privacy_trial SITE_FOLDER reconstruct|task|hardened [key=value ...]\n");
    return 2;
  }
  Settings settings;
  settings.budget = must(budget_for("quick", Preset::adapted));
  settings.job.compute.threads = 1;
  settings.budget.image.learning = must(parse_encoder_learning(arguments[2]));
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto equals = argument.find('=');
    if (equals != std::string::npos)
      set(settings, argument.substr(0, equals), std::atof(argument.c_str() + equals + 1));
  }
  const auto slices = read_site(arguments[1], settings.budget);
  const auto patients = *std::max_element(slices.patient.begin(), slices.patient.end()) + 1;
  const auto fresh = patients - static_cast<std::int64_t>(settings.fresh_patients);
  const auto tuning = fresh - static_cast<std::int64_t>(settings.tuning_patients);
  Site site;
  site.pooled = patients_between(slices, 0, tuning);
  site.tuning = patients_between(slices, tuning, fresh);
  site.fresh = patients_between(slices, fresh, patients);
  site.mask = must(
      train_mask_encoder(site.pooled, settings.budget.mask, secret_of(settings, 1), settings.job));
  site.image = must(train_image_encoder(site.pooled, settings.budget.image, secret_of(settings, 2),
                                        settings.job));
  const auto quality = quality_on_new(site, settings);
  const auto gate = gate_of(site, settings);
  fmt::print(
      "{{\"encoder\":\"{}\",\"arguments\":\"{}\",\"dice\":[{:.3f}],\"mean_dice\":{:.3f},"
      "\"with_own\":{:.3f},\"own\":{:.3f},\"unexplained\":{:.3f},\"own_decoder\":{:.3f},"
      "\"strongest\":\"{}\"",
      arguments[2], fmt::join(arguments + std::min(3, count), arguments + count, " "),
      fmt::join(quality.decoded, ","), mean_of(quality.decoded), quality.with_own, quality.own,
      site.image.unexplained, gate.own_decoder_top1, gate.strongest_attack);
  for (const auto& one : gate.indicators) fmt::print(",\"{}\":{:.3f}", one.name, one.value);
  fmt::print(",\"plain\":{{");
  bool first = true;
  for (const auto& one : gate.indicators) {
    fmt::print("{}\"{}\":\"{}\"", first ? "" : ",", one.name, one.plain);
    first = false;
  }
  fmt::print("}}}}\n");
  return 0;
}
