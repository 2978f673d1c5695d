// Maps of few levels and few channels travel in few bytes, and nothing else passes for them.
#include "tensorfile/channels.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::tensorfile;

namespace {

constexpr std::int64_t channels = 128;
const std::vector<std::int64_t> shape{3, channels, 4, 5};

// `there` channels hold multiples of one half between -4 and 4, `levels` of them; the others 0.
std::vector<float> codes_of(std::int64_t there, int levels) {
  std::vector<float> values(static_cast<std::size_t>(3 * channels * 20));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (static_cast<std::int64_t>(i / 20) % channels >= there) continue;
    values[i] = static_cast<float>(static_cast<int>(i * 7919 % static_cast<std::size_t>(levels)) -
                                   levels / 2) *
                0.5f;
  }
  return values;
}

TensorFile written(const std::vector<float>& values) {
  TensorFile file;
  put_channels(file, "codes", shape, values);
  return file;
}

Result<Channels> read_back(const TensorFile& file) {
  const Bytes bytes = write_tensor_file(file);
  const auto view = read_tensor_file(bytes);
  if (!view) return pass(view);
  return channels_of(*view, "codes", channels);
}

std::string code_of(const TensorFile& file) {
  const auto read = read_back(file);
  return read ? "ok" : read.error().code;
}

}  // namespace

TEST_CASE("codes of few levels come back as they were, in a fraction of the bytes",
          "[tensorfile]") {
  for (const auto& [there, levels] :
       std::vector<std::pair<std::int64_t, int>>{{32, 17}, {1, 2}, {128, 256}, {5, 3}, {128, 2}}) {
    const auto values = codes_of(there, levels);
    const TensorFile file = written(values);
    CAPTURE(there, levels);
    CHECK(file.tensors.at("codes").dtype == DType::u8);
    const auto back = read_back(file);
    REQUIRE(back);
    CHECK(back->shape == shape);
    CHECK(back->data == values);
  }
  // 32 channels of 17 levels: 20 bytes a position instead of 256.
  CHECK(written(codes_of(32, 17)).tensors.at("codes").data.size() == 3 * 20 * 20);
}

TEST_CASE("codes of many levels, and empty ones, travel as half floats", "[tensorfile]") {
  for (const auto& values : {codes_of(128, 257), codes_of(0, 3)}) {
    const TensorFile file = written(values);
    CHECK(file.tensors.size() == 1);
    CHECK(file.tensors.at("codes").dtype == DType::f16);
    CHECK(read_back(file)->data == values);
  }
}

TEST_CASE("a packed tensor that is not exactly what a writer writes is refused", "[tensorfile]") {
  const TensorFile good = written(codes_of(5, 3));  // 2 bits each: 10 of 16
  CHECK(code_of(good) == "ok");
  const auto spoilt = [&](auto change) {
    TensorFile file = good;
    change(file.tensors);
    return code_of(file);
  };
  using Tensors = std::map<std::string, Tensor>;
  const std::string refused = "tensorfile.channels";
  CHECK(spoilt([](Tensors& all) { all["codes"].data[0] |= 3; }) == refused);     // no level 3
  CHECK(spoilt([](Tensors& all) { all["codes"].data[1] |= 0x80; }) == refused);  // left over
  CHECK(spoilt([](Tensors& all) { all["codes"].shape = {3, 4, 10, 1}; }) == refused);
  CHECK(spoilt([](Tensors& all) { all["codes"].shape = {60, 2}; }) == refused);
  CHECK(spoilt([](Tensors& all) {
          all["codes.levels"] = f16_tensor({3}, std::vector<float>{0.5f, 0.0f, -0.5f});
        }) == refused);
  CHECK(spoilt([](Tensors& all) { all["codes.levels"] = f16_tensor({0}, {}); }) == refused);
  const auto named = [&](const std::vector<std::int64_t>& list) {
    return spoilt([&](Tensors& all) {
      all["codes.channels"] = i64_tensor({static_cast<std::int64_t>(list.size())}, list);
    });
  };
  CHECK(named({0, 1, 2, 3, 4}) == "ok");
  CHECK(named({0, 1, 2, 3, 128}) == refused);
  CHECK(named({-1, 1, 2, 3, 4}) == refused);
  CHECK(named({0, 1, 1, 3, 4}) == refused);
  CHECK(named({0, 1}) == refused);  // then P would be another
  CHECK(spoilt([](Tensors& all) { all.erase("codes.levels"); }) != "ok");
  CHECK(spoilt([](Tensors& all) { all.erase("codes.channels"); }) != "ok");
}

TEST_CASE("a small file cannot ask for much memory", "[tensorfile]") {
  TensorFile file;
  file.tensors["codes"] =
      u8_tensor({1, 1, positions_max + 1, 1}, std::vector<std::uint8_t>(positions_max + 1));
  file.tensors["codes.levels"] = f16_tensor({2}, std::vector<float>{0, 1});
  file.tensors["codes.channels"] = i64_tensor({1}, std::vector<std::int64_t>{0});
  CHECK(code_of(file) == "tensorfile.channels");
  // Nor by claiming no positions beside many images, or sides whose product wraps round.
  const std::int64_t huge = std::int64_t{1} << 40;
  for (const auto& empty : std::vector<std::vector<std::int64_t>>{
           {huge, 0, 5, 1}, {huge, 5, 0, 1}, {0, side_max + 1, 1, 1}, {0, 1, side_max + 1, 1}}) {
    file.tensors["codes"] = u8_tensor(empty, {});
    CHECK(code_of(file) == "tensorfile.channels");
  }
}
