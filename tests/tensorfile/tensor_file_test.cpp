#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "base/file.h"
#include "tensorfile/tensor_file.h"

using namespace cloister;
using namespace cloister::tensorfile;

namespace {

TensorFile example() {
  TensorFile file;
  file.metadata = {{"kind", "example"}, {"quote", "a \"b\" \\ \n"}};
  const std::vector<float> floats{1.5f, -2.0f, 0.25f, 3.0f, 4.0f, 5.0f};
  const std::vector<std::int64_t> numbers{-1, 1LL << 40};
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  file.tensors = {{"a", f32_tensor({2, 3}, floats)},
                  {"b", f16_tensor({6}, floats)},
                  {"c", i64_tensor({2}, numbers)},
                  {"d", u8_tensor({3}, bytes)},
                  {"scalar", f32_tensor({}, std::vector<float>{7})}};
  return file;
}

Bytes with_header(std::string_view header, std::size_t data_bytes) {
  Bytes bytes = le64(header.size());
  append(bytes, as_bytes(header));
  bytes.resize(bytes.size() + data_bytes);
  return bytes;
}

std::string code_of(std::string_view header, std::size_t data_bytes) {
  const auto bytes = with_header(header, data_bytes);
  const auto read = read_tensor_file(bytes);
  return read ? "accepted" : read.error().code;
}

// An independent reader and writer of the layout, as the Python package does it.
constexpr std::string_view python_reader = R"PY(
import json, struct, sys
b = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
h = json.loads(b[8:8+n]); data = b[8+n:]
assert b[8:9] == b'{' and (8 + n) % 8 == 0
m = h.pop('__metadata__'); assert m == {'kind': 'example', 'quote': 'a "b" \\ \n'}, m
size = {'F32': 4, 'F16': 2, 'I64': 8, 'U8': 1}; at = 0
for name, e in sorted(h.items(), key=lambda i: i[1]['data_offsets']):
    b0, e0 = e['data_offsets']; count = 1
    for s in e['shape']: count *= s
    assert b0 == at and e0 - b0 == count * size[e['dtype']], name
    at = e0
assert at == len(data)
a = h['a']['data_offsets']; assert struct.unpack('<6f', data[a[0]:a[1]]) == (1.5, -2, .25, 3, 4, 5)
f = h['b']['data_offsets']; assert struct.unpack('<6e', data[f[0]:f[1]]) == (1.5, -2, .25, 3, 4, 5)
c = h['c']['data_offsets']; assert struct.unpack('<2q', data[c[0]:c[1]]) == (-1, 1 << 40)
assert h['scalar']['shape'] == []
head = json.dumps({'__metadata__': {'format': 'pt'}, 'w': {'dtype': 'F32', 'shape': [1, 2],
                   'data_offsets': [0, 8]}}).encode()
head += b' ' * (-len(head) % 8)
open(sys.argv[2], 'wb').write(struct.pack('<Q', len(head)) + head + struct.pack('<2f', 8, 9))
)PY";

}  // namespace

TEST_CASE("what is written is read back", "[tensorfile]") {
  const auto bytes = write_tensor_file(example());
  const auto read = read_tensor_file(bytes);
  REQUIRE(read);
  CHECK(read->metadata == example().metadata);
  REQUIRE(read->tensors.size() == 5);
  CHECK(floats_of(*read->get("a", DType::f32)) == std::vector<float>{1.5f, -2, 0.25f, 3, 4, 5});
  CHECK(floats_of(*read->get("b", DType::f16)) == std::vector<float>{1.5f, -2, 0.25f, 3, 4, 5});
  CHECK(integers_of(*read->get("c", DType::i64)) == std::vector<std::int64_t>{-1, 1LL << 40});
  CHECK(read->get("scalar", DType::f32)->shape.empty());
  CHECK(read->get("a", DType::f16).error().code == "tensorfile.dtype");
  CHECK(read->get("z", DType::f16).error().code == "tensorfile.missing");
}

TEST_CASE("the bytes of a small tensor file are golden", "[tensorfile]") {
  TensorFile file;
  file.metadata = {{"k", "v"}};
  file.tensors = {{"t", f32_tensor({1}, std::vector<float>{1})}};
  CHECK(to_hex(write_tensor_file(file)) ==
        "50000000000000007b225f5f6d657461646174615f5f223a7b226b223a2276227d2c2274223a7b226474797065"
        "223a22463332222c227368617065223a5b315d2c22646174615f6f666673657473223a5b302c345d7d7d20"
        "0000803f");
}

TEST_CASE("an independent Python reader accepts our files and we accept its", "[tensorfile]") {
  if (std::system("python3 -c 'import json, struct' > /dev/null 2>&1") != 0) {
    WARN("SKIPPED: python3 is not installed.");
    return;
  }
  const auto folder = std::filesystem::temp_directory_path() / "cloister-tensorfile-test";
  REQUIRE(make_folder(folder));
  REQUIRE(write_text(folder / "check.py", python_reader));
  REQUIRE(write_file(folder / "ours", write_tensor_file(example())));
  const std::string command = "python3 " + (folder / "check.py").string() + " " +
                              (folder / "ours").string() + " " + (folder / "theirs").string();
  REQUIRE(std::system(command.c_str()) == 0);
  const auto bytes = read_file(folder / "theirs");
  REQUIRE(bytes);
  const auto read = read_tensor_file(*bytes);
  REQUIRE(read);
  CHECK(floats_of(*read->get("w", DType::f32)) == std::vector<float>{8, 9});
  std::filesystem::remove_all(folder);
}

TEST_CASE("each broken header is refused for its own reason", "[tensorfile]") {
  const std::string good = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK(code_of(good, 8) == "accepted");
  CHECK(code_of(good + "   ", 8) == "accepted");
  CHECK(code_of(R"({})", 0) == "accepted");
  CHECK(code_of(good, 7) == "tensorfile.length");
  CHECK(code_of(good, 9) == "tensorfile.length");
  CHECK(code_of(" " + good, 8) == "tensorfile.start");
  CHECK(code_of(good + "x", 8) == "tensorfile.trailing");
  CHECK(code_of(R"({"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.dtype");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.size");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8) ==
        "tensorfile.size");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.shape");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.shape");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.shape");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", 8) ==
        "tensorfile.offsets");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[2]}})", 8) == "tensorfile.entry");
  CHECK(code_of(R"({"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8) ==
        "tensorfile.duplicate_key");
  CHECK(code_of(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                2) == "tensorfile.duplicate_key");
  CHECK(code_of(R"({"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                2) == "tensorfile.duplicate_key");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8) ==
        "tensorfile.unknown_key");
  CHECK(code_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                3) == "tensorfile.holes");
  CHECK(code_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                3) == "tensorfile.holes");
  CHECK(code_of(R"({"__metadata__":{"a":1}})", 0) == "tensorfile.metadata");
  CHECK(code_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0) == "tensorfile.duplicate_key");
  CHECK(code_of(R"({"__metadata__":{},"__metadata__":{}})", 0) == "tensorfile.duplicate_key");
  CHECK(code_of("{\"\xff\":{}}", 0) == "tensorfile.utf8");
  CHECK(code_of(R"({"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4) ==
        "tensorfile.shape");
}

TEST_CASE("sizes that overflow are refused", "[tensorfile]") {
  CHECK(code_of(R"({"t":{"dtype":"I64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                0) == "tensorfile.overflow");
  CHECK(code_of(R"({"t":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]}})", 0) ==
        "tensorfile.shape");
}

TEST_CASE("a header beyond the limit or the file is refused", "[tensorfile]") {
  Bytes bytes = le64(header_bytes_max + 1);
  CHECK(read_tensor_file(bytes).error().code == "tensorfile.header_limit");
  bytes = le64(UINT64_MAX);
  CHECK(read_tensor_file(bytes).error().code == "tensorfile.header_limit");
  bytes = le64(10);
  CHECK(read_tensor_file(bytes).error().code == "tensorfile.short");
  CHECK(read_tensor_file({}).error().code == "tensorfile.short");
}

TEST_CASE("NaN and infinities are refused in both floating types", "[tensorfile]") {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const bool half : {false, true}) {
      TensorFile file;
      const std::vector<float> values{1, value};
      file.tensors["t"] = half ? f16_tensor({2}, values) : f32_tensor({2}, values);
      CHECK(read_tensor_file(write_tensor_file(file)).error().code == "tensorfile.not_finite");
    }
  }
}

TEST_CASE("every truncation of a file is refused", "[tensorfile]") {
  const auto bytes = write_tensor_file(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    REQUIRE_FALSE(read_tensor_file(BytesView(bytes).first(size)));
}
