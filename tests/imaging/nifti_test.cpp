#include "imaging/nifti.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/file.h"
#include "imaging/nifti_header.h"
#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

template <class T>
void poke(Bytes& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

// An uncompressed int16 file of 8 x 6 x 4 voxels with values 0, 1, 2, ...
Bytes plain_file(std::size_t frames = 1) {
  Bytes bytes = encode_header(axis_aligned({8, 6, 4}, {1.5, 1.25, 8}), frames, NiftiType::int16);
  for (std::size_t i = 0; i < 8 * 6 * 4 * frames; ++i) {
    append(bytes, Bytes{static_cast<std::uint8_t>(i % 256), static_cast<std::uint8_t>(i / 256)});
  }
  return bytes;
}

std::string code_of(const Folder& folder, const Bytes& bytes, const char* name = "x.nii") {
  REQUIRE(write_file(folder.path() / name, bytes).has_value());
  const auto volume = read_volume(folder.path() / name);
  return volume ? "ok" : volume.error().code;
}

}  // namespace

TEST_CASE("a volume survives writing and reading, geometry included", "[imaging]") {
  const Folder folder("nifti");
  // Turned about two axes and mirrored: as real scanners do.
  const double a = 0.4;
  const double b = -0.3;
  const double ca = std::cos(a), sa = std::sin(a), cb = std::cos(b), sb = std::sin(b);
  const Affine affine{{{-1.5 * ca, 1.25 * sa * cb, 8 * sa * sb, 31},
                       {1.5 * sa, 1.25 * ca * cb, 8 * ca * sb, -12},
                       {0, 1.25 * sb, -8 * cb, 77}}};
  const auto oriented = geometry_from_affine({8, 6, 4}, affine);
  REQUIRE(oriented.has_value());
  CHECK(oriented->warning.empty());
  Volume volume = ramp({8, 6, 4}, {1, 1, 1});
  volume.geometry = oriented->geometry;
  volume.voxels[5] = 0.5F;  // no whole number: stored as float
  REQUIRE(write_volume(folder.path() / "v.nii.gz", volume).has_value());
  const auto back = read_volume(folder.path() / "v.nii.gz");
  REQUIRE(back.has_value());
  CHECK(back->voxels == volume.voxels);
  CHECK(back->warnings.empty());
  CHECK(same_space(back->geometry, volume.geometry, 1e-3).has_value());
  CHECK(back->geometry.spacing_mm[1] == Approx(1.25));
}

TEST_CASE("qform and sform that we write agree in any orientation", "[imaging]") {
  const Folder folder("qform");
  for (const double angle : {0.0, 0.7, 2.0, 3.1}) {
    for (const double handed : {1.0, -1.0}) {
      const double c = std::cos(angle), s = std::sin(angle);
      const Affine affine{{{2 * c, -s, 0, 3}, {2 * s, c, 0, 4}, {0, 0, handed * 9, 5}}};
      Mask mask = empty_mask({5, 6, 7}, {1, 1, 1});
      mask.geometry = geometry_from_affine({5, 6, 7}, affine)->geometry;
      mask.labels[3] = 1;
      Bytes header = encode_header(mask.geometry, 1, NiftiType::uint8);
      poke(header, 254, std::int16_t{0});  // hide the sform
      append(header, mask.labels);
      REQUIRE(write_file(folder.path() / "m.nii", header).has_value());
      const auto back = read_mask(folder.path() / "m.nii");
      REQUIRE(back.has_value());
      CHECK(same_space(back->geometry, mask.geometry, 1e-3).has_value());
    }
  }
}

TEST_CASE("scl_slope and scl_inter are applied", "[imaging]") {
  const Folder folder("scaled");
  Bytes bytes = plain_file();
  poke(bytes, 112, 0.5F);
  poke(bytes, 116, 10.0F);
  REQUIRE(write_file(folder.path() / "s.nii", bytes).has_value());
  const auto volume = read_volume(folder.path() / "s.nii");
  REQUIRE(volume.has_value());
  CHECK(volume->voxels[0] == 10.0F);
  CHECK(volume->voxels[21] == 20.5F);
}

TEST_CASE("the byte order of other machines is read", "[imaging]") {
  const Folder folder("swapped");
  Bytes bytes = plain_file();
  const auto swap = [&](std::size_t at, std::size_t size, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at + i * size),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + (i + 1) * size));
    }
  };
  swap(0, 4, 1), swap(40, 2, 8), swap(70, 2, 2), swap(76, 4, 11), swap(252, 2, 2);
  swap(256, 4, 18), swap(352, 2, 8 * 6 * 4);
  REQUIRE(write_file(folder.path() / "b.nii", bytes).has_value());
  const auto volume = read_volume(folder.path() / "b.nii");
  REQUIRE(volume.has_value());
  CHECK(volume->voxels[150] == 150.0F);
  CHECK(volume->geometry.spacing_mm[2] == Approx(8));
}

TEST_CASE("frames of a 4-D series are read one by one", "[imaging]") {
  const Folder folder("frames");
  REQUIRE(write_file(folder.path() / "t.nii", plain_file(3)).has_value());
  const auto info = read_info(folder.path() / "t.nii");
  REQUIRE(info.has_value());
  CHECK(info->frames == 3);
  const std::vector<std::size_t> wanted{2, 0};
  const auto frames = read_frames(folder.path() / "t.nii", wanted);
  REQUIRE(frames.has_value());
  CHECK((*frames)[0].voxels[0] == 384.0F);
  CHECK((*frames)[1].voxels[7] == 7.0F);
  CHECK(read_frame(folder.path() / "t.nii", 3).error().code == "image.frame_out_of_range");
  CHECK(read_volume(folder.path() / "t.nii").error().code == "image.four_dimensional");
}

TEST_CASE("sheared direction cosines are read with a warning, and kept when a mask is written",
          "[imaging]") {
  const Folder folder("sheared");
  const Affine sheared{{{1.5, 0.2, 0, -10}, {0, 1.4, 0.3, -20}, {0, 0, 9, 30}}};
  Volume volume = ramp({8, 6, 4}, {1, 1, 1});
  volume.geometry = geometry_from_affine({8, 6, 4}, sheared)->geometry;
  Bytes bytes = encode_header(volume.geometry, 1, NiftiType::int16);
  poke(bytes, 252, std::int16_t{0});  // only the sheared sform
  Bytes whole = plain_file();
  bytes.insert(bytes.end(), whole.begin() + 352, whole.end());
  REQUIRE(write_file(folder.path() / "v.nii", bytes).has_value());
  const auto back = read_volume(folder.path() / "v.nii");
  REQUIRE(back.has_value());
  REQUIRE(back->warnings.size() == 1);
  CHECK(back->warnings[0].find("not orthonormal") != std::string::npos);
  CHECK(back->voxels[150] == 150.0F);
  Mask mask{back->geometry, std::vector<std::uint8_t>(back->voxels.size(), 1), {}};
  REQUIRE(write_mask(folder.path() / "m.nii.gz", mask).has_value());
  const auto mask_back = read_mask(folder.path() / "m.nii.gz");
  REQUIRE(mask_back.has_value());
  CHECK(same_space(mask_back->geometry, volume.geometry, 1e-3).has_value());
}

TEST_CASE("each kind of bad file has an error of its own", "[imaging]") {
  const Folder folder("bad");
  const Bytes good = plain_file();
  CHECK(code_of(folder, good) == "ok");
  CHECK(code_of(folder, {}) == "image.empty");
  CHECK(code_of(folder, Bytes(1000, 7)) == "image.not_nifti");
  CHECK(code_of(folder, Bytes(20, 7)) == "image.not_nifti");
  CHECK(code_of(folder, good, "x.png") == "image.not_nifti");
  CHECK(read_volume(folder.path() / "none.nii").error().code == "image.missing");
  CHECK(read_volume(folder.path()).error().code == "image.not_nifti");
  CHECK(code_of(folder, Bytes(good.begin(), good.end() - 1)) == "image.truncated");
  const auto with = [&](std::size_t at, auto value) {
    Bytes bytes = good;
    poke(bytes, at, value);
    return code_of(folder, bytes);
  };
  CHECK(with(40, std::int16_t{2}) == "image.two_dimensional");
  CHECK(with(46, std::int16_t{1}) == "image.two_dimensional");
  CHECK(with(42, std::int16_t{32000}) == "image.too_large");
  CHECK(with(42, std::int16_t{-5}) == "image.empty");
  CHECK(with(70, std::int16_t{128}) == "image.unsupported_type");
  CHECK(with(0, std::int32_t{540}) == "image.unsupported_type");
  CHECK(with(280, 0.0F) == "image.bad_orientation");
  CHECK(with(280, std::numeric_limits<float>::quiet_NaN()) == "image.bad_orientation");
  CHECK(with(108, 1e9F) == "image.not_nifti");
  Bytes constant = good;
  std::fill(constant.begin() + 352, constant.end(), 0);
  CHECK(code_of(folder, constant) == "image.constant");
  CHECK(with(112, std::numeric_limits<float>::quiet_NaN()) != "image.unreadable");
}

TEST_CASE("a compressed file cut short, and NaN voxels, are refused", "[imaging]") {
  const Folder folder("cut");
  Volume volume = ramp({16, 16, 8}, {1, 1, 1});
  auto zipped = volume_to_nifti(volume);
  REQUIRE(zipped.has_value());
  zipped->resize(zipped->size() - 100);
  CHECK(code_of(folder, *zipped, "x.nii.gz") == "image.truncated");
  volume.voxels[9] = std::numeric_limits<float>::quiet_NaN();
  const auto with_nan = volume_to_nifti(volume);
  REQUIRE(with_nan.has_value());
  CHECK(code_of(folder, *with_nan, "y.nii.gz") == "image.not_finite");
}

TEST_CASE("masks hold whole numbers of a byte", "[imaging]") {
  const Folder folder("mask");
  Volume volume = ramp({4, 4, 4}, {1, 1, 1});
  REQUIRE(write_volume(folder.path() / "ok.nii.gz", volume).has_value());
  CHECK(read_mask(folder.path() / "ok.nii.gz").has_value());
  volume.voxels[3] = 1.5F;
  REQUIRE(write_volume(folder.path() / "half.nii.gz", volume).has_value());
  CHECK(read_mask(folder.path() / "half.nii.gz").error().code == "mask.not_integer");
  volume.voxels[3] = 256.0F;
  REQUIRE(write_volume(folder.path() / "big.nii.gz", volume).has_value());
  CHECK(read_mask(folder.path() / "big.nii.gz").error().code == "mask.value_out_of_range");
  volume.voxels[3] = -1.0F;
  REQUIRE(write_volume(folder.path() / "neg.nii.gz", volume).has_value());
  CHECK(read_mask(folder.path() / "neg.nii.gz").error().code == "mask.value_out_of_range");
}

TEST_CASE("the header we write keeps its bytes", "[imaging]") {
  // A change here changes what other programs read: look twice.
  const Bytes header = encode_header(axis_aligned({8, 6, 4}, {1.5, 1.25, 8}), 1, NiftiType::uint8);
  REQUIRE(header.size() == 352);
  CHECK(to_hex(BytesView(header).subspan(0, 4)) == "5c010000");
  CHECK(to_hex(BytesView(header).subspan(40, 16)) == "03000800060004000100010001000100");
  CHECK(to_hex(BytesView(header).subspan(70, 4)) == "02000800");
  CHECK(to_hex(BytesView(header).subspan(76, 16)) == "0000803f0000c03f0000a03f00000041");
  CHECK(to_hex(BytesView(header).subspan(252, 4)) == "01000100");
  CHECK(to_hex(BytesView(header).subspan(280, 16)) == "0000c03f000000000000000000000000");
  CHECK(to_hex(BytesView(header).subspan(344, 8)) == "6e2b310000000000");
}
