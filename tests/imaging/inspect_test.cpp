#include "imaging/inspect.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

constexpr Size3 size{16, 16, 4};
constexpr Vector3 spacing{2, 2, 8};

class Site {
 public:
  explicit Site(const std::string& name) : folder_(name) {
    REQUIRE(make_folder(root() / "imagesTr").has_value());
    REQUIRE(make_folder(root() / "labelsTr").has_value());
    REQUIRE(write_text(root() / "dataset.json",
                       R"({"labels": {"background": 0, "LV": 1, "MYO": 2, "RV": 3}})")
                .has_value());
  }
  [[nodiscard]] const std::filesystem::path& root() const { return folder_.path(); }
  void add(const std::string& name, const Volume& image, const Mask& mask) const {
    REQUIRE(write_volume(root() / "imagesTr" / (name + "_0000.nii.gz"), image).has_value());
    REQUIRE(write_mask(root() / "labelsTr" / (name + ".nii.gz"), mask).has_value());
  }
  void add_good(const std::string& name) const { add(name, ramp(size, spacing), middle(1)); }
  static Mask middle(std::uint8_t label) {
    Mask mask = empty_mask(size, spacing);
    fill(mask, {{7, 7, 1}, {9, 9, 3}}, label);
    return mask;
  }

 private:
  Folder folder_;
};

}  // namespace

TEST_CASE("a look at a folder counts what is there and what a job would leave out", "[imaging]") {
  const Site site("inspect");
  for (const char* name : {"P001_ED", "P001_ES", "P002_ED"}) site.add_good(name);
  site.add("P003_ED", ramp(size, {3, 3, 10}), [] {
    Mask mask = Site::middle(2);
    mask.geometry = axis_aligned(size, {3, 3, 10});
    return mask;
  }());
  REQUIRE(write_volume(site.root() / "imagesTr/P004_ED_0000.nii.gz", ramp(size, spacing)));
  REQUIRE(write_text(site.root() / "imagesTr/P005_ED_0000.nii.gz", "no image").has_value());
  REQUIRE(write_mask(site.root() / "labelsTr/P005_ED.nii.gz", Site::middle(1)).has_value());
  const auto found = inspect_dataset(site.root(), {.cases_max = 0});
  REQUIRE(found.has_value());
  CHECK(found->layout == "nnunet-raw");
  CHECK(found->cases == 6);
  CHECK(found->patients == 5);
  CHECK(found->opened == 6);
  CHECK(found->usable == 4);
  CHECK(found->problems.size() == 2);
  CHECK(found->advice.contains("dataset.mask_missing"));
  CHECK(found->advice.size() == 2);
  CHECK(found->seen.at("LV") == 3);
  CHECK(found->seen.at("MYO") == 1);
  CHECK(found->seen.at("RV") == 0);
  CHECK(found->in_plane_mm.low == Approx(2));
  CHECK(found->in_plane_mm.high == Approx(3));
  CHECK(found->between_mm.low == Approx(8));
  CHECK(found->between_mm.high == Approx(10));
  CHECK(found->in_plane_px.high == 16);
  CHECK(found->slices.low == 4);
  CHECK(found->orientations == std::map<std::string, std::size_t>{{"RAS", 4}});
}

TEST_CASE("no more cases are opened than asked for, and none that was taken back", "[imaging]") {
  const Site site("inspect-few");
  for (int i = 0; i < 9; ++i) site.add_good(fmt::format("P{:03}_ED", i));
  const auto few = inspect_dataset(site.root(), {.cases_max = 3, .withdrawn = {"P000", "P008_ED"}});
  REQUIRE(few.has_value());
  CHECK(few->cases == 7);
  CHECK(few->opened == 3);
  CHECK(inspect_dataset(site.root(), {.cases_max = 1})->opened == 1);
  CHECK(inspect_dataset(site.root(), {.cases_max = 100})->opened == 9);
}

TEST_CASE("a structure that the plan's crop would cut is counted, at its last pixel too",
          "[imaging]") {
  const Site site("inspect-crop");
  Mask at_edge = empty_mask(size, spacing);
  at_edge.labels[15 + 16 * (8 + 16 * 1)] = 1;  // x = 15: pixel 7 * 2 mm from the middle
  site.add("P001_ED", ramp(size, spacing), at_edge);
  site.add_good("P002_ED");
  const auto cut = [&](double spacing_mm, std::size_t pixels, const char* structure) {
    InspectOptions options{.cases_max = 0};
    options.crop = {{structure}, spacing_mm, pixels};
    return inspect_dataset(site.root(), options)->outside_crop;
  };
  CHECK(cut(2.0, 16, "LV") == 0);
  CHECK(cut(2.0, 14, "LV") == 1);
  CHECK(cut(1.0, 16, "LV") == 1);
  CHECK(cut(0.0, 14, "LV") == 1);
  CHECK(cut(2.0, 14, "RV") == 0);
  CHECK(cut(2.0, 0, "LV") == 0);
}

TEST_CASE("a label that nobody declared is told of", "[imaging]") {
  const Site site("inspect-label");
  site.add("P001_ED", ramp(size, spacing), Site::middle(7));
  const auto found = inspect_dataset(site.root());
  REQUIRE(found.has_value());
  CHECK(found->undeclared == 1);
  CHECK(found->seen.at("LV") == 0);
}

TEST_CASE("axes are named as other tools name them, and oblique ones are said to be", "[imaging]") {
  Geometry geometry = axis_aligned(size, spacing);
  CHECK(orientation_code(geometry) == "RAS");
  geometry.direction = {-1, 0, 0, 0, -1, 0, 0, 0, 1};
  CHECK(orientation_code(geometry) == "LPS");
  geometry.direction = {0, 0, 1, -1, 0, 0, 0, 1, 0};
  CHECK(orientation_code(geometry) == "PSR");
  const double half = 0.70710678;
  geometry.direction = {half, -half, 0, half, half, 0, 0, 0, 1};
  CHECK(orientation_code(geometry).ends_with(" oblique"));
}

TEST_CASE("what is no data folder is an error with a code", "[imaging]") {
  const Folder folder("inspect-none");
  CHECK(inspect_dataset(folder.path() / "not-there").error().code == "dataset.missing");
  CHECK(inspect_dataset(folder.path()).error().code == "dataset.unknown_layout");
}
