#include <catch2/catch.hpp>

#include <algorithm>

#include "networks/score.h"
#include "networks/views.h"
#include "tensorfile/tensor_file.h"
#include "toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

namespace {

ImageEncoderOptions image_options(std::int64_t steps) {
  ImageEncoderOptions options;
  options.recipe = toy_recipe(steps);
  options.code_noise = 0.1;
  return options;
}

MaskEncoderOptions mask_options(std::int64_t steps) {
  MaskEncoderOptions options;
  options.recipe = toy_recipe(steps);
  options.code_noise = 0.2;
  options.ceiling_min = 0;
  return options;
}

// Masks alone, in the middle of larger slices.
SliceSet on_canvas(const SliceSet& small, int side) {
  SliceSet large;
  large.height = large.width = side;
  large.volume = small.volume;
  large.patient = small.patient;
  large.labels.assign(small.size() * large.pixels(), 0);
  const int border = (side - small.height) / 2;
  for (std::size_t i = 0; i < small.size(); ++i)
    for (int row = 0; row < small.height; ++row)
      for (int column = 0; column < small.width; ++column) {
        const auto to = static_cast<std::size_t>((border + row) * side + border + column);
        const auto from = static_cast<std::size_t>(row * small.width + column);
        large.labels[i * large.pixels() + to] = small.labels[i * small.pixels() + from];
      }
  return large;
}

}  // namespace

TEST_CASE("the same seed gives the same image encoder and another seed another", "[networks]") {
  const auto slices = toy_slices(4);
  const auto first = train_image_encoder(slices, image_options(4), toy_secret(), toy_job());
  const auto again = train_image_encoder(slices, image_options(4), toy_secret(), toy_job());
  auto last_byte = toy_secret();
  last_byte.back() ^= 1;
  const auto other = train_image_encoder(slices, image_options(4), last_byte, toy_job());
  REQUIRE(first);
  REQUIRE(again);
  REQUIRE(other);
  CHECK(first->encoder == again->encoder);
  CHECK(first->decoder == again->decoder);
  CHECK(first->encoder != other->encoder);
}

TEST_CASE("ten steps and a resume of ten equal twenty steps to the bit", "[networks]") {
  const auto slices = toy_slices(4);
  const auto straight = train_mask_encoder(slices, mask_options(20), toy_secret(), toy_job());
  REQUIRE(straight);

  Bytes checkpoint;
  int asked = 0;
  Job job = toy_job();
  job.hooks.checkpoint = [&](BytesView bytes) { checkpoint.assign(bytes.begin(), bytes.end()); };
  job.hooks.should_stop = [&] { return asked++ == 10; };
  const auto stopped = train_mask_encoder(slices, mask_options(20), toy_secret(), job);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == "training.stopped");
  CHECK(stopped.error().kind == Kind::unavailable);
  REQUIRE_FALSE(checkpoint.empty());

  Job rest = toy_job();
  rest.hooks.resume_from = checkpoint;
  std::vector<std::int64_t> steps;
  rest.hooks.progress_every_steps = 1;
  rest.hooks.progress = [&](const Progress& progress) { steps.push_back(progress.step); };
  const auto resumed = train_mask_encoder(slices, mask_options(20), toy_secret(), rest);
  REQUIRE(resumed);
  CHECK(steps.front() == 11);
  CHECK(steps.back() == 20);
  CHECK(resumed->encoder == straight->encoder);
  CHECK(resumed->decoder == straight->decoder);
  CHECK(resumed->final_loss == straight->final_loss);
}

TEST_CASE("a checkpoint of other options is refused", "[networks]") {
  const auto slices = toy_slices(4);
  Bytes checkpoint;
  Job job = toy_job();
  job.hooks.checkpoint_every_steps = 2;
  job.hooks.checkpoint = [&](BytesView bytes) { checkpoint.assign(bytes.begin(), bytes.end()); };
  REQUIRE(train_image_encoder(slices, image_options(3), toy_secret(), job));
  Job rest = toy_job();
  rest.hooks.resume_from = checkpoint;
  const auto other = train_image_encoder(slices, image_options(5), toy_secret(), rest);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == "training.other_checkpoint");
  checkpoint.resize(checkpoint.size() - 1);
  rest.hooks.resume_from = checkpoint;
  CHECK(train_image_encoder(slices, image_options(3), toy_secret(), rest).error().kind ==
        Kind::corrupt);
}

TEST_CASE("an encoder that learns the task leaves a decoder of the paper's shape", "[networks]") {
  const auto slices = toy_slices(4);
  auto options = image_options(3);
  const auto plain = train_image_encoder(slices, options, toy_secret(), toy_job());
  options.learning = EncoderLearning::task;
  const auto task = train_image_encoder(slices, options, toy_secret(), toy_job());
  REQUIRE(plain);
  REQUIRE(task);
  CHECK(plain->encoder != task->encoder);
  CHECK(plain->decoder.size() == task->decoder.size());
  auto unlabelled = slices;
  unlabelled.labels.clear();
  CHECK(train_image_encoder(unlabelled, options, toy_secret(), toy_job()).error().code ==
        "encoder.no_masks");
  CHECK(parse_encoder_learning("task") == EncoderLearning::task);
  CHECK(parse_encoder_learning("guess").error().code == "plan.encoder");
}

TEST_CASE("with a U-Net before it an encoder sees class probabilities and nothing else",
          "[networks]") {
  const auto slices = toy_slices(6);
  auto options = image_options(150);
  options.learning = EncoderLearning::task;
  const auto without = train_image_encoder(slices, options, toy_secret(), toy_job());
  REQUIRE(without);
  const Compute compute = toy_job().compute;
  CHECK(Encoder::load(without->encoder, compute)->segment(slices).error().code ==
        "encoder.no_backbone");
  options.backbone = Backbone::unet;
  const auto trained = train_image_encoder(slices, options, toy_secret(), toy_job());
  REQUIRE(trained);
  const auto encoder = Encoder::load(trained->encoder, compute).value();
  const auto maps = encoder.segment(slices).value();
  CHECK(maps.shape == std::vector<std::int64_t>{static_cast<std::int64_t>(slices.size()), 4,
                                                slices.height, slices.width});
  const auto labels = most_probable(maps);
  const auto dice = dice_by_structure({labels, slices.labels, slices.volume, slices.pixels()}, 3);
  CHECK(*std::min_element(dice.begin(), dice.end()) > 0.5);
  CHECK(encoder.encode(slices)->shape[1] == code_channels);
  // What the levels behind it see are four classes, not an image.
  const auto file = tensorfile::read_tensor_file(trained->encoder).value();
  CHECK(file.tensors.at("level0.first.weight").shape[1] == 4);
  CHECK(file.tensors.at("backbone.down0.first.weight").shape[1] == 1);
  CHECK(parse_backbone("unet") == Backbone::unet);
  CHECK(parse_backbone("guess").error().code == "plan.backbone");
}

TEST_CASE("a mask encoder learns its masks and its codes are standardised", "[networks]") {
  const auto slices = toy_slices(8);
  const auto trained = train_mask_encoder(slices, mask_options(250), toy_secret(), toy_job());
  REQUIRE(trained);
  REQUIRE(trained->ceiling.size() == 3);
  for (const double dice : trained->ceiling) CHECK(dice > 0.75);
  const auto encoder = Encoder::load(trained->encoder, toy_job().compute);
  REQUIRE(encoder);
  CHECK(encoder->is_for_masks());
  CHECK(encoder->code_mean().size() == 128);
  const auto codes = encoder->encode(slices);
  REQUIRE(codes);
  CHECK(codes->shape == std::vector<std::int64_t>{16, 128, 2, 2});
  double sum = 0;
  for (const float value : codes->data) sum += value;
  CHECK(std::abs(sum / static_cast<double>(codes->data.size())) < 1e-3);
  const auto decoder = Decoder::load(trained->decoder, toy_job().compute);
  REQUIRE(decoder);
  const auto maps = decoder->decode(*codes);
  REQUIRE(maps);
  CHECK(maps->shape == std::vector<std::int64_t>{16, 4, 32, 32});
  const auto labels = most_probable(*maps);
  const auto dice = dice_by_structure({labels, slices.labels, slices.volume, slices.pixels()}, 3);
  CHECK(dice[0] == Approx(trained->ceiling[0]).margin(0.02));
}

TEST_CASE("what is learnt in windows holds on whole slices", "[networks]") {
  const auto slices = on_canvas(toy_slices(8), 96);
  auto options = mask_options(250);
  options.window = 48;
  const auto trained = train_mask_encoder(slices, options, toy_secret(), toy_job());
  REQUIRE(trained);
  for (const double dice : trained->ceiling) CHECK(dice > 0.6);
  options.window = 10;
  CHECK(train_mask_encoder(slices, options, toy_secret(), toy_job()).error().code ==
        "encoder.window");
}

TEST_CASE("a window as large as the slice is the slice", "[networks]") {
  auto options = mask_options(5);
  const auto slices = toy_slices(2);
  const auto plain = train_mask_encoder(slices, options, toy_secret(), toy_job());
  options.window = toy_side;
  const auto same = train_mask_encoder(slices, options, toy_secret(), toy_job());
  REQUIRE(plain);
  REQUIRE(same);
  CHECK(same->encoder == plain->encoder);
}

TEST_CASE("a structure below its ceiling is retrained and then reported", "[networks]") {
  auto options = mask_options(3);
  options.ceiling_min = 0.999;
  options.attempts_max = 2;
  const auto trained = train_mask_encoder(toy_slices(4), options, toy_secret(), toy_job());
  REQUIRE(trained);
  CHECK(trained->attempts == 2);
  CHECK_FALSE(trained->dropped.empty());
}

TEST_CASE("a stop in the second attempt keeps the first attempt's result", "[networks]") {
  auto options = mask_options(6);
  options.ceiling_min = 0.999;
  const auto straight = train_mask_encoder(toy_slices(4), options, toy_secret(), toy_job());
  REQUIRE(straight);
  Bytes checkpoint;
  int asked = 0;
  Job job = toy_job();
  job.hooks.checkpoint = [&](BytesView bytes) { checkpoint.assign(bytes.begin(), bytes.end()); };
  job.hooks.should_stop = [&] { return asked++ == 9; };
  REQUIRE_FALSE(train_mask_encoder(toy_slices(4), options, toy_secret(), job));
  Job rest = toy_job();
  rest.hooks.resume_from = checkpoint;
  const auto resumed = train_mask_encoder(toy_slices(4), options, toy_secret(), rest);
  REQUIRE(resumed);
  CHECK(resumed->encoder == straight->encoder);
  CHECK(resumed->attempts == 2);
}

TEST_CASE("the paper's mask network has the foreground classes as channels", "[networks]") {
  auto options = mask_options(3);
  options.foreground_only = true;
  const auto trained = train_mask_encoder(toy_slices(4), options, toy_secret(), toy_job());
  REQUIRE(trained);
  const auto file = tensorfile::read_tensor_file(trained->encoder);
  REQUIRE(file);
  CHECK(file->tensors.at("level0.first.weight").shape == std::vector<std::int64_t>{8, 3, 3, 3});
  const auto decoder = Decoder::load(trained->decoder, toy_job().compute);
  REQUIRE(decoder);
  const auto maps = decoder->decode({{1, 128, 2, 2}, std::vector<float>(512)});
  REQUIRE(maps);
  CHECK(maps->shape == std::vector<std::int64_t>{1, 4, 32, 32});
}

TEST_CASE("a decoder is tuned on predicted codes", "[networks]") {
  const auto slices = toy_slices(6);
  const auto trained = train_mask_encoder(slices, mask_options(100), toy_secret(), toy_job());
  REQUIRE(trained);
  const auto encoder = Encoder::load(trained->encoder, toy_job().compute);
  REQUIRE(encoder);
  auto codes = encoder->encode(slices);
  REQUIRE(codes);
  for (float& value : codes->data) value *= 0.4f;  // a network that shrinks towards the mean
  TuningOptions options;
  options.recipe = toy_recipe(100);
  const auto tuned = tune_mask_decoder(trained->decoder, *codes, slices, options, toy_job());
  REQUIRE(tuned);
  CHECK(tuned->dice_after[0] + tuned->dice_after[1] >
        tuned->dice_before[0] + tuned->dice_before[1]);
  options.recipe.steps = 0;
  const auto same = tune_mask_decoder(trained->decoder, *codes, slices, options, toy_job());
  REQUIRE(same);
  CHECK(same->decoder == trained->decoder);
  codes->shape[0] = 3;
  CHECK(tune_mask_decoder(trained->decoder, *codes, slices, options, toy_job()).error().code ==
        "tuning.shape");
}

TEST_CASE("unusable training input gets a clear error", "[networks]") {
  const auto code = [](const SliceSet& slices, const Bytes& secret) {
    const auto trained = train_mask_encoder(slices, mask_options(2), secret, toy_job());
    if (!trained) return trained.error().code;
    return std::string("accepted");
  };
  const auto good = toy_slices(2);
  CHECK(code(good, toy_secret()) == "accepted");
  CHECK(code(good, Bytes(15, 1)) == "encoder.short_seed");
  auto slices = good;
  slices.images[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(code(slices, toy_secret()) == "slices.not_finite");
  slices = good;
  slices.labels[5] = 4;
  CHECK(code(slices, toy_secret()) == "slices.label");
  slices = good;
  slices.labels.clear();
  CHECK(code(slices, toy_secret()) == "encoder.no_masks");
  slices = good;
  slices.height = 30;
  CHECK(code(slices, toy_secret()) == "slices.size");
  slices = good;
  slices.images.pop_back();
  CHECK(code(slices, toy_secret()) == "slices.count");
  slices = slices_at(good, {});
  CHECK(code(slices, toy_secret()) == "encoder.no_slices");
}

TEST_CASE("a network of another kind, or with a tensor changed, is refused", "[networks]") {
  const auto trained =
      train_image_encoder(toy_slices(2), image_options(2), toy_secret(), toy_job());
  REQUIRE(trained);
  const auto compute = toy_job().compute;
  CHECK(Encoder::load(trained->decoder, compute).error().code == "weights.kind");
  CHECK(Decoder::load(trained->encoder, compute).error().code == "weights.kind");
  const auto view = tensorfile::read_tensor_file(trained->encoder);
  REQUIRE(view);
  tensorfile::TensorFile file;
  file.metadata = view->metadata;
  for (const auto& [name, tensor] : view->tensors)
    file.tensors[name] = {tensor.dtype, tensor.shape, {tensor.data.begin(), tensor.data.end()}};
  auto changed = file;
  changed.tensors["surprise"] = changed.tensors["code_mean"];
  CHECK(Encoder::load(write_tensor_file(changed), compute).error().code == "weights.count");
  changed = file;
  std::swap(changed.tensors["level0.first.weight"], changed.tensors["level0.second.weight"]);
  CHECK(Encoder::load(write_tensor_file(changed), compute).error().code == "weights.shape");
  changed = file;
  changed.metadata["version"].assign(1, '2');
  CHECK(Encoder::load(write_tensor_file(changed), compute).error().code == "weights.version");
}
