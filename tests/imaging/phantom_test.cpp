#include "imaging/phantom.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "imaging/dataset.h"
#include "imaging/overlay.h"
#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

double ml(const Mask& mask, std::uint8_t label) {
  const auto count = std::count(mask.labels.begin(), mask.labels.end(), label);
  return static_cast<double>(count) * mask.geometry.voxel_volume_ml();
}

bool slice_is_empty(const Mask& mask, std::size_t z) {
  const std::size_t pixels = mask.geometry.size.x * mask.geometry.size.y;
  const auto first = mask.labels.begin() + static_cast<std::ptrdiff_t>(z * pixels);
  return std::all_of(first, first + static_cast<std::ptrdiff_t>(pixels),
                     [](std::uint8_t label) { return label == 0; });
}

}  // namespace

TEST_CASE("phantom hearts have believable volumes and contract", "[imaging]") {
  for (int scanner = 0; scanner < 3; ++scanner) {
    PhantomSite site;
    site.scanner = scanner;
    site.seed = 11;
    for (std::size_t number = 1; number <= 4; ++number) {
      const auto patient = make_phantom_patient(site, number);
      REQUIRE(patient.has_value());
      const double edv = ml(patient->ed_mask, 1);
      const double esv = ml(patient->es_mask, 1);
      CHECK(edv > 50);
      CHECK(edv < 260);
      CHECK((edv - esv) / edv > 0.2);
      CHECK((edv - esv) / edv < 0.85);
      CHECK(ml(patient->ed_mask, 2) > 50);
      CHECK(ml(patient->ed_mask, 3) > 30);
      CHECK(slice_is_empty(patient->ed_mask, 0));
      CHECK(slice_is_empty(patient->ed_mask, patient->ed_mask.geometry.size.z - 1));
    }
  }
}

TEST_CASE("phantoms repeat under their seed and differ between patients, sites and scanners",
          "[imaging]") {
  PhantomSite site;
  site.field_mm = 120;
  const auto one = make_phantom_patient(site, 1);
  REQUIRE(one.has_value());
  CHECK(make_phantom_patient(site, 1)->ed_image.voxels == one->ed_image.voxels);
  CHECK(make_phantom_patient(site, 2)->ed_image.voxels != one->ed_image.voxels);
  site.seed = 2;
  CHECK(make_phantom_patient(site, 1)->ed_image.voxels != one->ed_image.voxels);
  site.scanner = 3;
  CHECK(make_phantom_patient(site, 1).error().code == "phantom.bad_options");
}

TEST_CASE("a phantom folder is a dataset", "[imaging]") {
  const Folder folder("phantom");
  PhantomSite site;
  site.field_mm = 120;
  site.slices_max = 6;
  site.training_patients = 3;
  site.test_patients = 2;
  REQUIRE(generate_phantom_site(site, folder.path()).has_value());
  const auto dataset = scan_dataset(folder.path());
  REQUIRE(dataset.has_value());
  CHECK(dataset->excluded.empty());
  CHECK(dataset->cases.size() == 10);
  CHECK(dataset->patients(Split::train) == 2);
  CHECK(dataset->patients(Split::tune) == 1);
  CHECK(dataset->patients(Split::test) == 2);
}

TEST_CASE("overlays are PNG files", "[imaging]") {
  PhantomSite site;
  site.field_mm = 160;
  const auto patient = make_phantom_patient(site, 1);
  REQUIRE(patient.has_value());
  OverlayOptions options;
  options.slice = busiest_slice(patient->ed_mask);
  CHECK(options.slice > 0);
  const auto png = render_overlay(patient->ed_image, patient->ed_mask, patient->es_mask, options);
  REQUIRE(png.has_value());
  CHECK(to_hex(BytesView(*png).subspan(0, 8)) == "89504e470d0a1a0a");
  CHECK(png->size() > 10'000);
  const auto slices = to_slices(patient->ed_image, PreprocessPlan{});
  REQUIRE(slices.has_value());
  CHECK(render_strip(*slices).has_value());
}
