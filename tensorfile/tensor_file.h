// Tensors and text metadata in one byte string: the safetensors layout
// (https://github.com/huggingface/safetensors, format of 2022, unchanged since):
//
//   u64 little-endian N | N bytes of JSON, starting with '{', padded with spaces | data
//   {"__metadata__":{"key":"value"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
//
// The reader takes bytes of strangers. It refuses: a header over 1 MiB or past the end; anything
// but the objects above; duplicate or unknown keys; negative or overflowing sizes; data_offsets
// that do not match dtype and shape; holes, overlaps and trailing bytes; NaN and infinities in
// floating types. No torch, no other library: a verifier or a fuzzer links only this room and
// base/.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister::tensorfile {

inline constexpr std::uint64_t header_bytes_max = 1ULL << 20;
inline constexpr std::size_t tensors_max = 4096;
inline constexpr std::size_t dimensions_max = 8;
inline constexpr std::size_t name_bytes_max = 256;

enum class DType { f32, f16, i64, u8 };

[[nodiscard]] std::string_view to_string(DType dtype);  // "F32", "F16", "I64", "U8"
[[nodiscard]] std::size_t bytes_of(DType dtype);

struct Tensor {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  // row-major; empty for a scalar
  Bytes data;                       // little-endian, exactly product(shape) * bytes_of(dtype)
};

// A tensor whose data stay where they were read from.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  BytesView data;
};

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

// Points into the bytes it was made from; those must outlive it (a mapped file, for example).
struct TensorFileView {
  std::map<std::string, std::string> metadata;
  std::map<std::string, TensorView> tensors;

  // The named tensor, or an error that names what is missing or of another dtype.
  [[nodiscard]] Result<TensorView> get(const std::string& name, DType dtype) const;
  [[nodiscard]] Result<std::string> text(const std::string& key) const;
};

// Errors: Kind::corrupt, "tensorfile.<what>".
[[nodiscard]] Result<TensorFileView> read_tensor_file(BytesView bytes);
// Tensors in the order of their names, header padded to a multiple of eight, no NaN check (the
// writer is ours; the reader checks). The same content gives the same bytes.
[[nodiscard]] Bytes write_tensor_file(const TensorFile& file);

[[nodiscard]] Tensor f32_tensor(std::vector<std::int64_t> shape, std::span<const float> values);
// Rounded to half precision.
[[nodiscard]] Tensor f16_tensor(std::vector<std::int64_t> shape, std::span<const float> values);
[[nodiscard]] Tensor i64_tensor(std::vector<std::int64_t> shape,
                                std::span<const std::int64_t> values);
[[nodiscard]] Tensor u8_tensor(std::vector<std::int64_t> shape,
                               std::span<const std::uint8_t> values);
// F32 as it is, F16 widened. Empty for other dtypes.
[[nodiscard]] std::vector<float> floats_of(const TensorView& tensor);
[[nodiscard]] std::vector<std::int64_t> integers_of(const TensorView& tensor);

}  // namespace cloister::tensorfile
