#include "imaging/dataset.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/file.h"
#include "imaging/phantom.h"
#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

constexpr Size3 size{12, 12, 5};
constexpr Vector3 spacing{2, 2, 8};
int next_offset = 0;

// An image that is unlike all others.
Volume image() {
  Volume volume = ramp(size, spacing);
  for (float& v : volume.voxels) v += static_cast<float>(next_offset);
  ++next_offset;
  return volume;
}

// LV of `voxels` voxels with value `lv`, and one voxel each of `myo` and `rv`.
Mask heart(std::size_t voxels, std::uint8_t lv = 1, std::uint8_t myo = 2, std::uint8_t rv = 3) {
  Mask mask = empty_mask(size, spacing);
  std::fill_n(mask.labels.begin() + 100, voxels, lv);
  mask.labels[5] = myo;
  mask.labels[6] = rv;
  return mask;
}

const std::string mnms_order = R"({"labels": {"background": 0, "LV": 1, "MYO": 2, "RV": 3}})";

class Site {
 public:
  explicit Site(const std::string& name, const std::string& description = mnms_order)
      : folder_(name) {
    for (const char* part : {"imagesTr", "labelsTr", "imagesTs", "labelsTs"}) {
      REQUIRE(make_folder(root() / part).has_value());
    }
    REQUIRE(write_text(root() / "dataset.json", description).has_value());
  }
  [[nodiscard]] const std::filesystem::path& root() const { return folder_.path(); }
  void add(const std::string& name, const Mask& mask, const std::string& split = "Tr") const {
    REQUIRE(
        write_volume(root() / ("images" + split) / (name + "_0000.nii.gz"), image()).has_value());
    REQUIRE(write_mask(root() / ("labels" + split) / (name + ".nii.gz"), mask).has_value());
  }
  [[nodiscard]] std::filesystem::path image_of(const std::string& name) const {
    return root() / "imagesTr" / (name + "_0000.nii.gz");
  }
  [[nodiscard]] std::filesystem::path mask_of(const std::string& name) const {
    return root() / "labelsTr" / (name + ".nii.gz");
  }

 private:
  Folder folder_;
};

std::map<std::string, std::string> codes(const Dataset& dataset) {
  std::map<std::string, std::string> answer;
  for (const ExcludedCase& excluded : dataset.excluded) answer[excluded.case_id] = excluded.code;
  return answer;
}

const Case& find(const Dataset& dataset, const std::string& case_id) {
  for (const Case& c : dataset.cases) {
    if (c.case_id == case_id) return c;
  }
  FAIL("no case " << case_id);
  return dataset.cases.front();
}

}  // namespace

TEST_CASE("labels are mapped by name, whatever their numbers", "[imaging]") {
  const Site acdc("acdc",
                  R"({"labels": {"background": 0, "RV": 1, "Myocardium": 2, "LV cavity": 3}})");
  acdc.add("A_ED", heart(40, 3, 2, 1));
  acdc.add("B_ED", heart(20, 3, 2, 1));
  const Site first("v1", R"({"labels": {"0": "background", "1": "LV", "2": "MYO", "3": "RV"}})");
  first.add("A_ED", heart(40));
  first.add("B_ED", heart(20));
  for (const Site* site : {&acdc, &first}) {
    const auto dataset = scan_dataset(site->root());
    REQUIRE(dataset.has_value());
    CHECK(find(*dataset, "A_ED").structure_voxels == std::vector<std::size_t>{40, 1, 1});
    const auto loaded = load_case(find(*dataset, "A_ED"), dataset->labels);
    REQUIRE(loaded.has_value());
    CHECK(loaded->mask.labels[100] == 1);
    Mask restored = loaded->mask;
    dataset->labels.restore(restored);
    CHECK(restored.labels == read_mask(find(*dataset, "A_ED").mask)->labels);
  }
}

TEST_CASE("a plan of fewer structures takes the others as background, of more it is refused",
          "[imaging]") {
  const Site site("fewer");
  site.add("A_ED", heart(40));
  site.add("B_ED", heart(40));
  ScanOptions options;
  options.structures = {"LV"};
  const auto dataset = scan_dataset(site.root(), options);
  REQUIRE(dataset.has_value());
  CHECK(find(*dataset, "A_ED").structure_voxels == std::vector<std::size_t>{40});
  options.structures = {"LV", "LA"};
  CHECK(scan_dataset(site.root(), options).error().code == "dataset.structure_missing");
}

TEST_CASE("bad cases are listed, excluded and counted, the good ones remain", "[imaging]") {
  const Site site("mixed");
  for (const char* name : {"A_ED", "A_ES", "B_ED", "B_ES", "smaller", "turned", "label", "nomask",
                           "cut", "text", "empty", "nothing", "same"}) {
    site.add(name, heart(30));
  }
  Mask smaller = empty_mask({12, 12, 4}, spacing);
  smaller.labels[3] = 1;
  REQUIRE(write_mask(site.mask_of("smaller"), smaller).has_value());
  Mask turned = heart(30);
  turned.geometry = axis_aligned(size, {2, 2, 9});
  REQUIRE(write_mask(site.mask_of("turned"), turned).has_value());
  REQUIRE(write_mask(site.mask_of("label"), heart(30, 9)).has_value());
  std::filesystem::remove(site.mask_of("nomask"));
  auto bytes = read_file(site.image_of("cut"));
  bytes->resize(bytes->size() / 2);
  REQUIRE(write_file(site.image_of("cut"), *bytes).has_value());
  REQUIRE(write_text(site.image_of("text"), "this is no image").has_value());
  REQUIRE(write_text(site.image_of("empty"), "").has_value());
  REQUIRE(write_mask(site.mask_of("nothing"), empty_mask(size, spacing)).has_value());
  REQUIRE(write_file(site.image_of("same"), *read_file(site.image_of("A_ED"))).has_value());
  std::filesystem::copy(site.mask_of("A_ED"), site.mask_of("orphan"));

  const auto dataset = scan_dataset(site.root());
  REQUIRE(dataset.has_value());
  CHECK(dataset->cases.size() == 4);
  const std::map<std::string, std::string> expected{{"smaller", "image.size_mismatch"},
                                                    {"turned", "image.orientation_mismatch"},
                                                    {"label", "mask.unknown_label"},
                                                    {"nomask", "dataset.mask_missing"},
                                                    {"cut", "image.truncated"},
                                                    {"text", "image.not_nifti"},
                                                    {"empty", "image.empty"},
                                                    {"nothing", "mask.empty"},
                                                    {"same", "dataset.duplicate_image"},
                                                    {"orphan", "dataset.image_missing"}};
  CHECK(codes(*dataset) == expected);
}

TEST_CASE("a site with one patient, and one without any usable case, is told so", "[imaging]") {
  const Site one("one");
  one.add("A_ED", heart(40));
  one.add("A_ES", heart(20));
  CHECK(scan_dataset(one.root()).error().code == "dataset.one_patient");
  const Site none("none");
  CHECK(scan_dataset(none.root()).error().code == "dataset.empty");
  CHECK(scan_dataset(none.root() / "imagesTr").error().code == "dataset.unknown_layout");
  CHECK(scan_dataset(none.root() / "nowhere").error().code == "dataset.missing");
  const Site broken("broken", "{]");
  CHECK(scan_dataset(broken.root()).error().code == "dataset.bad_description");
}

TEST_CASE("patients and phases are read from case names, ED is the larger LV", "[imaging]") {
  const Site site("phases");
  site.add("P001_01", heart(60));
  site.add("P001_12", heart(30));
  site.add("P090_04", heart(30));  // starts at systole, as a few ACDC patients do
  site.add("P090_11", heart(60));
  site.add("P002_ED", heart(60));
  site.add("P002_ES", heart(60));
  site.add("SCHFI40", heart(60));
  const auto dataset = scan_dataset(site.root());
  REQUIRE(dataset.has_value());
  CHECK(find(*dataset, "P001_01").phase == Phase::ed);
  CHECK(find(*dataset, "P001_12").phase == Phase::es);
  CHECK(find(*dataset, "P090_04").phase == Phase::es);
  CHECK(find(*dataset, "P090_11").phase == Phase::ed);
  CHECK(find(*dataset, "P090_11").patient_id == "P090");
  CHECK(find(*dataset, "P002_ES").phase == Phase::es);
  CHECK(find(*dataset, "SCHFI40").phase == Phase::none);
  CHECK(find(*dataset, "SCHFI40").patient_id == "SCHFI40");
}

TEST_CASE("splits go by patient, follow the seed, and a test patient never trains", "[imaging]") {
  const Site site("splits");
  for (int i = 0; i < 10; ++i) {
    site.add("P" + std::to_string(i) + "_ED", heart(40));
    site.add("P" + std::to_string(i) + "_ES", heart(20));
  }
  site.add("T1_ED", heart(40), "Ts");
  site.add("P3_01", heart(41), "Ts");
  ScanOptions options;
  options.withdrawn = {"P7"};
  const auto dataset = scan_dataset(site.root(), options);
  REQUIRE(dataset.has_value());
  CHECK(dataset->patients(Split::test) == 2);
  CHECK(dataset->patients(Split::tune) == 2);
  CHECK(dataset->patients(Split::train) == 6);
  CHECK(codes(*dataset).at("P3_ED") == "dataset.patient_in_test");
  CHECK(codes(*dataset).at("P7_ES") == "dataset.withdrawn");
  std::map<std::string, std::set<Split>> where;
  for (const Case& c : dataset->cases) where[c.patient_id].insert(c.split);
  for (const auto& [patient, splits] : where) CHECK(splits.size() == 1);
  const auto again = scan_dataset(site.root(), options);
  for (std::size_t i = 0; i < dataset->cases.size(); ++i) {
    CHECK(again->cases[i].split == dataset->cases[i].split);
  }
}

TEST_CASE("the M&Ms layout is read: CSV, 4-D files, frames from 0", "[imaging]") {
  const Folder folder("mnms");
  const auto add = [&](const std::string& code, const std::string& part) {
    const auto at = folder.path() / part / code;
    REQUIRE(make_folder(at).has_value());
    std::vector<Volume> frames, masks;
    for (std::size_t t = 0; t < 6; ++t) {
      frames.push_back(image());
      const Mask mask = t == 1 ? heart(60) : t == 4 ? heart(25) : empty_mask(size, spacing);
      masks.push_back({mask.geometry, {mask.labels.begin(), mask.labels.end()}, {}});
    }
    REQUIRE(write_file(at / (code + "_sa.nii.gz"), *frames_to_nifti(frames)).has_value());
    REQUIRE(write_file(at / (code + "_sa_gt.nii.gz"), *frames_to_nifti(masks)).has_value());
  };
  add("A0S9V9", "Training/Labeled");
  add("A1D0Q7", "Training/Labeled");
  add("B2C3D4", "Testing");
  add("C5E6F7", "Validation");
  add("D1D1D1", "Training/Labeled");
  REQUIRE(write_text(folder.path() / "info.csv",
                     "\xEF\xBB\xBF,External code,VendorName,Vendor,Centre,ED,ES,Age\r\n"
                     "0,A0S9V9,\"Siemens, AG\",A,1,1,4,60\r\n1,A1D0Q7,Siemens,A,1,1,4,61\r\n"
                     "2,B2C3D4,Siemens,A,1,1,4,62\r\n3,C5E6F7,Siemens,A,1,1,9,63\r\n"
                     "4,MISSING,Siemens,A,1,1,4,64\r\n5,D1D1D1,GE,B,2,1,4,64\r\n")
              .has_value());
  ScanOptions options;
  options.centre = "1";
  const auto dataset = scan_dataset(folder.path(), options);
  REQUIRE(dataset.has_value());
  CHECK(dataset->layout == "mnms");
  CHECK(dataset->cases.size() == 7);
  CHECK(find(*dataset, "A0S9V9_ED").structure_voxels[0] == 60);
  CHECK(find(*dataset, "A0S9V9_ES").structure_voxels[0] == 25);
  CHECK(find(*dataset, "B2C3D4_ES").split == Split::test);
  CHECK(find(*dataset, "C5E6F7_ED").split == Split::tune);
  const std::map<std::string, std::string> told{{"vendor", "A"}, {"age", "60 or over"}};
  CHECK(find(*dataset, "A0S9V9_ES").attributes == told);
  const std::map<std::string, std::string> expected{{"C5E6F7_ES", "image.frame_out_of_range"},
                                                    {"MISSING", "dataset.image_missing"}};
  CHECK(codes(*dataset) == expected);
}

TEST_CASE("real images in the shared folder are read without an exclusion", "[imaging]") {
  const std::filesystem::path data = "../shared/data";
  if (!std::filesystem::exists(data)) {
    WARN("SKIPPED: ../shared/data is not here");
    return;
  }
  const auto dijon = scan_dataset(data / "sax-dijon" / "dijon-a");
  REQUIRE(dijon.has_value());
  CHECK(dijon->excluded.empty());
  CHECK(dijon->cases.size() == 40);
  CHECK(dijon->patients(Split::test) == 5);
  CHECK(dijon->patients(Split::train) + dijon->patients(Split::tune) == 15);
  for (const Case& c : dijon->cases) CHECK(c.phase != Phase::none);
  ScanOptions options;
  options.structures = {"LV"};
  const auto toronto = scan_dataset(data / "lv-toronto" / "toronto", options);
  REQUIRE(toronto.has_value());
  CHECK(toronto->excluded.empty());
  CHECK(toronto->cases.size() == 30);
}
