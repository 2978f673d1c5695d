#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "networks/budget.h"
#include "networks/score.h"
#include "networks/views.h"
#include "toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

TEST_CASE("image and mask of a view are moved alike", "[networks]") {
  auto slices = toy_slices(3);
  for (std::size_t i = 0; i < slices.images.size(); ++i)
    slices.images[i] = static_cast<float>(slices.labels[i] == 1);
  ViewOptions options;
  options.views = 6;
  options.augmentation = spatial_only(Augmentation{});
  const auto views = draw_views(slices, options, toy_secret());
  REQUIRE(views);
  REQUIRE(views->size() == 36);
  std::size_t differing = 0;
  std::size_t foreground = 0;
  for (std::size_t i = 0; i < views->images.size(); ++i) {
    const bool inside = views->images[i] > 0.5f;
    differing += inside != (views->labels[i] == 1);
    foreground += inside;
  }
  CHECK(foreground > 500);
  CHECK(differing < foreground / 10);  // bilinear against nearest at the border only
}

TEST_CASE("views are repeatable under their secret and all different", "[networks]") {
  const auto slices = toy_slices(2);
  ViewOptions options;
  options.views = 3;
  const auto first = draw_views(slices, options, toy_secret());
  const auto again = draw_views(slices, options, toy_secret());
  const auto other = draw_views(slices, options, toy_secret(1));
  REQUIRE(first);
  REQUIRE(again);
  REQUIRE(other);
  CHECK(first->images == again->images);
  CHECK(first->labels == again->labels);
  CHECK(first->images != other->images);
  const auto pixels = static_cast<std::ptrdiff_t>(slices.pixels());
  const auto view = [&](std::ptrdiff_t i) {
    return std::vector<float>(first->images.begin() + i * pixels,
                              first->images.begin() + (i + 1) * pixels);
  };
  CHECK(view(0) == std::vector<float>(slices.images.begin(), slices.images.begin() + pixels));
  CHECK(view(1) != view(0));
  CHECK(view(1) != view(2));
  options.views = 65;
  CHECK(draw_views(slices, options, toy_secret()).error().code == "views.count");
  options.views = 2;
  CHECK(draw_views(slices, options, Bytes(8, 1)).error().code == "encoder.short_seed");
}

TEST_CASE("every augmentation leaves finite values", "[networks]") {
  const auto slices = toy_slices(2);
  Augmentation strong;
  strong.blur_pixels = 2;
  strong.flips = true;
  std::vector<float> image(slices.pixels());
  std::vector<std::uint8_t> labels(slices.pixels());
  Prng prng(5);
  for (int i = 0; i < 200; ++i) {
    augment(strong, slices.height, slices.width, prng,
            {{slices.images.data(), slices.pixels()}, {slices.labels.data(), slices.pixels()}},
            {image, labels});
    REQUIRE(std::all_of(image.begin(), image.end(), [](float v) { return std::isfinite(v); }));
    REQUIRE(std::all_of(labels.begin(), labels.end(), [](std::uint8_t l) { return l <= 3; }));
  }
}

TEST_CASE("no augmentation changes nothing", "[networks]") {
  const auto slices = toy_slices(1);
  std::vector<float> image(slices.pixels());
  std::vector<std::uint8_t> labels(slices.pixels());
  Prng prng(5);
  augment(no_augmentation(), slices.height, slices.width, prng,
          {{slices.images.data(), slices.pixels()}, {slices.labels.data(), slices.pixels()}},
          {image, labels});
  CHECK(labels == std::vector<std::uint8_t>(
                      slices.labels.begin(),
                      slices.labels.begin() + static_cast<std::ptrdiff_t>(slices.pixels())));
  for (std::size_t i = 0; i < image.size(); ++i)
    REQUIRE(image[i] == Approx(slices.images[i]).margin(1e-4));
}

TEST_CASE("a test view is undone", "[networks]") {
  SliceSet slices = toy_slices(1);
  for (int row = 0; row < toy_side; ++row)  // smooth, so that resampling costs little
    for (int column = 0; column < toy_side; ++column)
      slices.images[static_cast<std::size_t>(row * toy_side + column)] =
          static_cast<float>(std::sin(row * 0.2) + std::cos(column * 0.15));
  for (const TestView& view :
       {TestView{20, false, false}, TestView{0, true, false}, TestView{-10, false, true}}) {
    const auto turned = apply_test_view(slices, view);
    const auto back = undo_test_view({{2, 1, toy_side, toy_side}, turned.images}, view);
    double worst = 0;
    for (int row = 8; row < 24; ++row)
      for (int column = 8; column < 24; ++column) {
        const auto i = static_cast<std::size_t>(row * toy_side + column);
        worst = std::max(worst, std::abs(double{back.data[i]} - slices.images[i]));
      }
    CHECK(worst < 0.03);
  }
  CHECK(test_views(1).size() == 1);
  CHECK(test_views(5).size() == 5);
  CHECK(test_views(1)[0].rotation_degrees == 0);
}

TEST_CASE("Dice is pooled over a volume and averaged over the volumes that hold it", "[networks]") {
  const std::vector<std::uint8_t> truth{1, 1, 0, 0, /*slice 2*/ 1, 1, 0, 0, /*other*/ 2, 0, 0, 0};
  const std::vector<std::uint8_t> predicted{1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0};
  const std::vector<std::int64_t> volume{0, 0, 1};
  const auto dice = dice_by_structure({predicted, truth, volume, 4}, 3);
  REQUIRE(dice.size() == 3);
  CHECK(dice[0] == Approx(2.0 * 2 / (2 + 4)));
  CHECK(dice[1] == Approx(2.0 * 1 / (2 + 1)));
  CHECK(dice[2] == Approx(1.0));
}

TEST_CASE("budgets differ in effort and the paper preset stays literal", "[networks]") {
  const auto quick = budget_for("quick", Preset::adapted);
  const auto standard = budget_for("standard", Preset::adapted);
  const auto paper = budget_for("standard", Preset::paper);
  REQUIRE(quick);
  REQUIRE(standard);
  REQUIRE(paper);
  CHECK(quick->segmentation.recipe.steps < standard->segmentation.recipe.steps);
  CHECK(quick->resolution % 16 == 0);
  CHECK(standard->resolution % 16 == 0);
  CHECK(standard->segmentation.pooling == Pooling::adapted);
  CHECK(paper->segmentation.pooling == Pooling::plain);
  CHECK(paper->mask.foreground_only);
  CHECK(paper->image.learning == EncoderLearning::reconstruct);
  CHECK(standard->image.learning == EncoderLearning::task);
  CHECK(standard->image.backbone == Backbone::unet);
  CHECK(paper->image.backbone == Backbone::none);
  CHECK(paper->segmentation.grid_blocks == 0);
  CHECK(paper->tuning_patients_percent == 0);
  CHECK(budget_for("endless", Preset::paper).error().code == "budget.unknown");
  CHECK(parse_preset("paper") == Preset::paper);
  CHECK(parse_preset("x").error().code == "plan.preset");
}
