// The whole method from files to Dice without the distributed system: for trials of quality and
// cost. Patients of the test split are never read; the last training patients of each site stand in
// for new patients.
//
//   quality_trial FOLDER BUDGET [--sites N] [--new N] [--preset paper|adapted] [key=value ...]
//   quality_trial FOLDER export=OUT        preprocessed slices of each site, for machines without
//   ITK
//
// FOLDER holds one dataset a site, or what `export` wrote. Keys: see `set` below; cache=DIR keeps
// encoders between trials, device=cuda computes on a GPU. Prints one line a figure, with processor
// seconds.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <numeric>

#include "base/file.h"
#include "bench/trial_slices.h"
#include "networks/budget.h"
#include "networks/plain_unet.h"
#include "networks/score.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

constexpr int structures = 3;

struct Settings {
  std::filesystem::path folder;
  Budget budget;
  std::size_t sites = 99;
  std::size_t new_patients = 3;
  std::filesystem::path cache;  // encoders trained before, by their options
  std::filesystem::path export_to;
  std::string device = "cpu";
  int encoders_of = -1;  // only train (and cache) the encoders of this site
  int threads = 2;
  std::string variant;  // tells trials apart whose differences the names in the cache do not say
  bool unet = false;    // the U-Net on all sites' images instead
};

struct SiteParts {
  std::string name;
  SliceSet pooled, tuning, fresh;  // `fresh`: patients that nothing was trained on
  Bytes image_encoder, mask_encoder, mask_decoder;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", to_string(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void say(const std::string& line) {
  fmt::print("[{:7.0f} s] {}\n", processor_seconds(), line);
  std::fflush(stdout);
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::string listed(const std::vector<double>& values) {
  return fmt::format("{:.3f} ({:.3f})", fmt::join(values, " "), mean_of(values));
}

SiteParts cut(const std::string& name, const SliceSet& slices, const Settings& settings) {
  const auto count = *std::max_element(slices.patient.begin(), slices.patient.end()) + 1;
  const auto fresh = static_cast<std::int64_t>(settings.new_patients);
  const double share = settings.budget.tuning_patients_percent / 100;
  const auto tuning = static_cast<std::int64_t>(static_cast<double>(count - fresh) * share + 0.5);
  const auto numbers = [](std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> list(static_cast<std::size_t>(to - from));
    std::iota(list.begin(), list.end(), from);
    return list;
  };
  SiteParts site;
  site.name = name;
  site.pooled = slices_of_patients(slices, numbers(0, count - fresh - tuning));
  site.tuning = slices_of_patients(slices, numbers(count - fresh - tuning, count - fresh));
  site.fresh = slices_of_patients(slices, numbers(count - fresh, count));
  return site;
}

Bytes secret_of(std::size_t site, std::uint8_t purpose) {
  Bytes secret(32, purpose);
  secret[0] = static_cast<std::uint8_t>(site);
  return secret;
}

Job job_with(const Settings& settings) {
  Job job;
  job.compute.device = must(parse_device(settings.device));
  job.compute.threads = settings.threads;
  return job;
}

// What an earlier trial with the same options made, or what `make` makes now.
template <class Make>
Bytes cached(const Settings& settings, const std::string& name, const Make& make) {
  const auto file = settings.cache / name;
  if (!settings.cache.empty() && std::filesystem::exists(file)) return must(read_file(file));
  Bytes made = make();
  if (!settings.cache.empty()) must(write_file(file, made));
  return made;
}

std::vector<double> ceiling_on(const SiteParts& site, const Compute& compute) {
  const auto encoder = must(Encoder::load(site.mask_encoder, compute));
  const auto decoder = must(Decoder::load(site.mask_decoder, compute));
  const auto labels = most_probable(must(decoder.decode(must(encoder.encode(site.fresh)))));
  return dice_by_structure({labels, site.fresh.labels, site.fresh.volume, site.fresh.pixels()},
                           structures);
}

std::string recipe_name(const TrainingRecipe& recipe, const Settings& settings) {
  return fmt::format("{}-{}-{}-{}", settings.budget.resolution, settings.budget.spacing_mm,
                     recipe.steps, recipe.batch);
}

void train_site(SiteParts& site, std::size_t number, const Settings& settings) {
  const auto job = job_with(settings);
  const auto& mask = settings.budget.mask;
  const auto mask_name =
      fmt::format("{}-mask-{}-{}-{}-{}", site.name, recipe_name(mask.recipe, settings),
                  mask.code_noise, mask.foreground_only, mask.window);
  site.mask_encoder = cached(settings, mask_name + ".encoder", [&] {
    auto trained = must(train_mask_encoder(site.pooled, mask, secret_of(number, 1), job));
    site.mask_decoder = std::move(trained.decoder);
    return std::move(trained.encoder);
  });
  site.mask_decoder = cached(settings, mask_name + ".decoder", [&] { return site.mask_decoder; });
  say(fmt::format("{} mask ceiling on new patients {}", site.name,
                  listed(ceiling_on(site, job.compute))));
  const auto& image = settings.budget.image;
  const auto image_name =
      fmt::format("{}-image-{}-{}-{}-{}-{}", site.name, recipe_name(image.recipe, settings),
                  image.code_noise, to_string(image.learning), image.window,
                  settings.variant.empty() ? to_string(image.backbone) : settings.variant);
  site.image_encoder = cached(settings, image_name + ".encoder", [&] {
    auto trained = must(train_image_encoder(site.pooled, image, secret_of(number, 2), job));
    say(fmt::format("{} image unexplained {:.3f}", site.name, trained.unexplained));
    return std::move(trained.encoder);
  });
}

void add_codes(CodesInMemory& codes, const SiteParts& site, std::size_t number,
               const Settings& settings) {
  const auto compute = job_with(settings).compute;
  const auto image = must(Encoder::load(site.image_encoder, compute));
  const auto mask = must(Encoder::load(site.mask_encoder, compute));
  const auto views = must(draw_views(site.pooled, settings.budget.views, secret_of(number, 3)));
  CodePairs pairs{must(image.encode(views)), must(mask.encode(views)), {}, {}};
  pairs.slice.resize(views.size());
  pairs.view.resize(views.size());
  must(codes.add_shard(static_cast<int>(number), must(write_code_shard(pairs))));
}

std::vector<double> dice_on_fresh(const SiteParts& site, int number, BytesView decoder_bytes,
                                  const SegmentationNetwork& network, const Settings& settings) {
  const auto compute = job_with(settings).compute;
  const auto encoder = must(Encoder::load(site.image_encoder, compute));
  const auto decoder = must(Decoder::load(decoder_bytes, compute));
  FloatTensor sum;
  for (const auto& view : test_views(settings.budget.test_views)) {
    const auto codes = must(encoder.encode(apply_test_view(site.fresh, view)));
    const auto maps =
        undo_test_view(must(decoder.decode(must(network.predict(codes, number)))), view);
    if (sum.data.empty()) {
      sum = maps;
    } else {
      for (std::size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += maps.data[i];
    }
  }
  const auto labels = most_probable(sum);
  return dice_by_structure({labels, site.fresh.labels, site.fresh.volume, site.fresh.pixels()},
                           structures);
}

Bytes tuned_decoder(const SiteParts& site, std::size_t number, const SegmentationNetwork& network,
                    const Settings& settings) {
  const auto job = job_with(settings);
  if (settings.budget.tuning.recipe.steps == 0 || site.tuning.size() == 0) return site.mask_decoder;
  const auto views = must(draw_views(site.tuning, settings.budget.views, secret_of(number, 4)));
  const auto encoder = must(Encoder::load(site.image_encoder, job.compute));
  const auto predicted =
      must(network.predict(must(encoder.encode(views)), static_cast<int>(number)));
  return must(tune_mask_decoder(site.mask_decoder, predicted, views, settings.budget.tuning, job))
      .decoder;
}

void append_slices(SliceSet& all, const SliceSet& more) {
  all.height = more.height;
  all.width = more.width;
  all.images.insert(all.images.end(), more.images.begin(), more.images.end());
  all.labels.insert(all.labels.end(), more.labels.begin(), more.labels.end());
  all.volume.insert(all.volume.end(), more.volume.begin(), more.volume.end());
  all.patient.insert(all.patient.end(), more.patient.begin(), more.patient.end());
}

// What the images in one place would give, after as many steps as one site's image encoder has.
void try_plain_unet(const std::vector<SiteParts>& sites, const Settings& settings) {
  PlainUnetOptions options;
  options.recipe = settings.budget.image.recipe;
  options.augmentation = settings.budget.image.augmentation;
  SliceSet all;
  for (const auto& site : sites) append_slices(all, site.pooled);
  const auto job = job_with(settings);
  const auto network = must(train_plain_unet(all, options, job));
  double sum = 0;
  for (const auto& site : sites) {
    const auto labels = most_probable(must(segment_plainly(network, site.fresh, job.compute)));
    const auto dice = dice_by_structure(
        {labels, site.fresh.labels, site.fresh.volume, site.fresh.pixels()}, structures);
    say(fmt::format("{} plaintext U-Net on new patients {}", site.name, listed(dice)));
    sum += mean_of(dice);
  }
  say(fmt::format("study mean of the plaintext U-Net {:.3f}",
                  sum / static_cast<double>(sites.size())));
}

// Parts that a trial leaves out.
void leave_out(Budget& b, const std::string& key) {
  if (key == "augmentation")
    b.image.augmentation = b.mask.augmentation = b.views.augmentation = no_augmentation();
  if (key == "averaged_weights")
    for (auto* recipe : {&b.image.recipe, &b.mask.recipe, &b.segmentation.recipe})
      recipe->ema_decay = 0;
  if (key == "code_noise") b.image.code_noise = b.mask.code_noise = b.segmentation.code_noise = 0;
  if (key == "adapters") b.segmentation.pooling = Pooling::plain;
}

void set(Settings& settings, const std::string& key, double value) {
  auto& b = settings.budget;
  if (value == 0) leave_out(b, key);
  const auto whole = static_cast<std::int64_t>(value);
  const auto small = static_cast<int>(value);
  if (key == "image_steps") b.image.recipe.steps = whole;
  if (key == "mask_steps") b.mask.recipe.steps = whole;
  if (key == "pooled_steps") b.segmentation.recipe.steps = whole;
  if (key == "tuning_steps") b.tuning.recipe.steps = whole;
  if (key == "views") b.views.views = small;
  if (key == "batch") b.segmentation.recipe.batch = small;
  if (key == "levels") b.segmentation.levels = small;
  if (key == "grid_blocks") b.segmentation.grid_blocks = small;
  if (key == "noise") b.segmentation.code_noise = value;
  if (key == "drop") b.segmentation.channel_drop_percent = value;
  if (key == "mask_noise") b.mask.code_noise = value;
  if (key == "mask_window") b.mask.window = small;
  if (key == "image_window") b.image.window = small;
  if (key == "guidance") b.segmentation.guidance = value;
  if (key == "guided" && value > 0) b.segmentation.pooling = Pooling::guided;
  if (key == "pooled_rate") b.segmentation.recipe.learning_rate = value;
  if (key == "pooled_decay") b.segmentation.recipe.weight_decay = value;
  if (key == "encoder_batch") b.image.recipe.batch = b.mask.recipe.batch = small;
  if (key == "tuning_rate") b.tuning.recipe.learning_rate = value;
  if (key == "tuning_noise") b.tuning.code_noise = value;
  if (key == "rotation")
    b.image.augmentation.rotation_degrees = b.views.augmentation.rotation_degrees = value;
  if (key == "elastic")
    b.image.augmentation.elastic_pixels = b.views.augmentation.elastic_pixels = value;
  for (auto* augmentation : {&b.image.augmentation, &b.views.augmentation}) {
    if (key == "scale") augmentation->scale_percent = value;
    if (key == "gamma") augmentation->gamma = value;
    if (key == "contrast") augmentation->contrast_percent = value;
    if (key == "brightness") augmentation->brightness = value;
  }
  if (key == "image_noise") b.image.code_noise = value;
  if (key == "backbone" && value == 0) b.image.backbone = Backbone::none;
  if (key == "task")
    b.image.learning = value > 0 ? EncoderLearning::task : EncoderLearning::reconstruct;
  if (key == "image_rate") b.image.recipe.learning_rate = value;
  if (key == "image_decay") b.image.recipe.weight_decay = value;
  if (key == "image_batch") b.image.recipe.batch = small;
  if (key == "guidance_batch") b.segmentation.guidance_batch = small;
  if (key == "unet") settings.unet = value > 0;
  if (key == "resolution") b.resolution = small;
  if (key == "spacing") b.spacing_mm = value;
  if (key == "test_views") b.test_views = small;
  if (key == "threads") settings.threads = small;
  if (key == "attempts") b.mask.attempts_max = small;
  if (key == "encoders_of") settings.encoders_of = small;
}

Settings settings_from(int count, char** arguments) {
  Settings settings;
  if (count < 3) {
    fmt::print(stderr,
               "quality_trial FOLDER BUDGET [--sites N] [--new N] [--preset P] [key=value]\n");
    std::exit(2);
  }
  settings.folder = arguments[1];
  Preset preset = Preset::adapted;
  for (int i = 3; i + 1 < count; ++i)
    if (std::string_view(arguments[i]) == "--preset") preset = must(parse_preset(arguments[i + 1]));
  settings.budget = must(budget_for(arguments[2], preset));
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--sites" && i + 1 < count)
      settings.sites = static_cast<std::size_t>(std::atoi(arguments[++i]));
    if (argument == "--new" && i + 1 < count)
      settings.new_patients = static_cast<std::size_t>(std::atoi(arguments[++i]));
    const auto equals = argument.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = argument.substr(0, equals);
    if (key == "cache") settings.cache = argument.substr(equals + 1);
    if (key == "export") settings.export_to = argument.substr(equals + 1);
    if (key == "variant") settings.variant = argument.substr(equals + 1);
    if (key == "device") settings.device = argument.substr(equals + 1);
    set(settings, key, std::atof(argument.c_str() + equals + 1));
  }
  return settings;
}

}  // namespace

int main(int count, char** arguments) {
  const auto settings = settings_from(count, arguments);
  const SliceGrid grid{settings.budget.resolution, settings.budget.spacing_mm};
  auto places = site_places(settings.folder);
  places.resize(std::min(places.size(), settings.sites));
  std::vector<SiteParts> sites;
  CodesInMemory codes(static_cast<int>(places.size()));
  std::vector<Bytes> decoders;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto slices = must(read_trial_slices(places[i], grid));
    if (!settings.export_to.empty()) {
      must(write_trial_slices(slices, grid,
                              settings.export_to / (places[i].stem().string() + ".slices")));
      continue;
    }
    sites.push_back(cut(places[i].stem(), slices, settings));
    if (settings.unet) continue;
    if (settings.encoders_of >= 0 && settings.encoders_of != static_cast<int>(i)) continue;
    train_site(sites.back(), i, settings);
    if (settings.encoders_of >= 0) return 0;
    add_codes(codes, sites.back(), i, settings);
    decoders.push_back(sites.back().mask_decoder);
  }
  if (sites.empty()) return 0;
  if (settings.unet) {
    try_plain_unet(sites, settings);
    return 0;
  }
  if (settings.budget.segmentation.pooling != Pooling::guided) decoders.clear();
  const auto trained =
      must(train_segmentation(codes, settings.budget.segmentation, job_with(settings), decoders));
  say(fmt::format("pooled training loss {:.3f}", trained.final_loss));
  const auto network = must(SegmentationNetwork::load(trained.network, job_with(settings).compute));
  double plain_sum = 0;
  double tuned_sum = 0;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto number = static_cast<int>(i);
    const auto plain = dice_on_fresh(sites[i], number, sites[i].mask_decoder, network, settings);
    const auto decoder = tuned_decoder(sites[i], i, network, settings);
    const auto tuned = dice_on_fresh(sites[i], number, decoder, network, settings);
    plain_sum += mean_of(plain);
    tuned_sum += mean_of(tuned);
    say(fmt::format("{} new patients: as trained {}, decoder tuned {}", sites[i].name,
                    listed(plain), listed(tuned)));
  }
  say(fmt::format("study mean on new patients: as trained {:.3f}, decoder tuned {:.3f}",
                  plain_sum / static_cast<double>(sites.size()),
                  tuned_sum / static_cast<double>(sites.size())));
  return 0;
}
