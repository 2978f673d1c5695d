#include "tensorfile/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <tuple>

#include "base/ensure.h"
#include "tensorfile/half.h"
#include "tensorfile/header.h"

namespace cloister::tensorfile {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor data are little-endian");

tl::unexpected<Error> bad(std::string_view code, std::string what) {
  return fail(Kind::corrupt, fmt::format("tensorfile.{}", code),
              fmt::format("The tensor file is wrong: {}.", what), "Fetch or export it again.");
}

// nullopt on overflow.
std::optional<std::uint64_t> size_of(const HeaderEntry& entry) {
  std::uint64_t bytes = bytes_of(entry.dtype);
  for (const std::int64_t length : entry.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(length), &bytes))
      return std::nullopt;
  return bytes;
}

Result<void> check_layout(const Header& header, std::uint64_t data_bytes) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
  for (const auto& [name, entry] : header.entries) {
    const auto size = size_of(entry);
    if (!size) return bad("overflow", "a tensor's size overflows");
    if (entry.end < entry.begin || entry.end - entry.begin != *size)
      return bad("size", fmt::format("data_offsets of '{}' do not match its shape", name));
    spans.emplace_back(entry.begin, entry.end);
  }
  std::sort(spans.begin(), spans.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : spans) {
    if (begin != at) return bad("holes", "tensors overlap or leave holes");
    at = end;
  }
  if (at != data_bytes) return bad("length", "it is longer or shorter than its tensors");
  return {};
}

// Exponent all ones: NaN or infinite.
bool all_finite(const TensorView& tensor) {
  if (tensor.dtype == DType::f32) {
    for (std::size_t i = 0; i < tensor.data.size(); i += 4) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, tensor.data.data() + i, 4);
      if ((bits & 0x7f800000u) == 0x7f800000u) return false;
    }
  }
  if (tensor.dtype == DType::f16) {
    for (std::size_t i = 0; i < tensor.data.size(); i += 2) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, tensor.data.data() + i, 2);
      if ((bits & 0x7c00u) == 0x7c00u) return false;
    }
  }
  return true;
}

template <class T>
Tensor tensor_of(DType dtype, std::vector<std::int64_t> shape, std::span<const T> values) {
  Tensor tensor{dtype, std::move(shape), Bytes(values.size_bytes())};
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), values.size_bytes());
  const auto size = size_of(HeaderEntry{dtype, tensor.shape, 0, 0});
  ensure(size && *size == tensor.data.size(), "as many values as the shape says");
  return tensor;
}

}  // namespace

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::f16:
      return "F16";
    case DType::i64:
      return "I64";
    case DType::u8:
      return "U8";
  }
  return "?";
}

std::size_t bytes_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f16:
      return 2;
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  return 1;
}

Result<TensorView> TensorFileView::get(const std::string& name, DType dtype) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) return bad("missing", fmt::format("tensor '{}' is not there", name));
  if (found->second.dtype != dtype)
    return bad("dtype", fmt::format("tensor '{}' is {}, not {}", name,
                                    to_string(found->second.dtype), to_string(dtype)));
  return found->second;
}

Result<std::string> TensorFileView::text(const std::string& key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return bad("missing", fmt::format("text '{}' is not there", key));
  return found->second;
}

Result<TensorFileView> read_tensor_file(BytesView bytes) {
  if (bytes.size() < 8) return bad("short", "it has no header");
  const std::uint64_t header_bytes = read_le64(bytes.first(8));
  if (header_bytes > header_bytes_max) return bad("header_limit", "its header is over 1 MiB");
  if (header_bytes > bytes.size() - 8) return bad("short", "its header is cut off");
  auto header = parse_header(as_text(bytes.subspan(8, header_bytes)));
  if (!header) return pass(header);
  const BytesView data = bytes.subspan(8 + header_bytes);
  if (auto layout = check_layout(*header, data.size()); !layout) return pass(layout);
  TensorFileView file;
  file.metadata = std::move(header->metadata);
  for (auto& [name, entry] : header->entries) {
    TensorView tensor{entry.dtype, std::move(entry.shape),
                      data.subspan(entry.begin, entry.end - entry.begin)};
    if (!all_finite(tensor))
      return bad("not_finite", fmt::format("'{}' has NaN or infinity", name));
    file.tensors.emplace(name, std::move(tensor));
  }
  return file;
}

Bytes write_tensor_file(const TensorFile& file) {
  Header header;
  header.metadata = file.metadata;
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : file.tensors) {
    header.entries[name] = {tensor.dtype, tensor.shape, at, at + tensor.data.size()};
    at += tensor.data.size();
  }
  const std::string json = write_header(header);
  ensure(json.size() <= header_bytes_max, "our own headers are small");
  Bytes out = le64(json.size());
  out.reserve(8 + json.size() + at);
  append(out, as_bytes(json));
  for (const auto& [name, tensor] : file.tensors) append(out, tensor.data);
  return out;
}

Tensor f32_tensor(std::vector<std::int64_t> shape, std::span<const float> values) {
  return tensor_of(DType::f32, std::move(shape), values);
}

Tensor f16_tensor(std::vector<std::int64_t> shape, std::span<const float> values) {
  const auto halves = to_halves(values);
  return tensor_of(DType::f16, std::move(shape), std::span<const std::uint16_t>(halves));
}

Tensor i64_tensor(std::vector<std::int64_t> shape, std::span<const std::int64_t> values) {
  return tensor_of(DType::i64, std::move(shape), values);
}

Tensor u8_tensor(std::vector<std::int64_t> shape, std::span<const std::uint8_t> values) {
  return tensor_of(DType::u8, std::move(shape), values);
}

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values;
  if (tensor.dtype == DType::f32) {
    values.resize(tensor.data.size() / 4);
    if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  } else if (tensor.dtype == DType::f16) {
    std::vector<std::uint16_t> halves(tensor.data.size() / 2);
    if (!halves.empty()) std::memcpy(halves.data(), tensor.data.data(), tensor.data.size());
    values.resize(halves.size());
    from_halves(halves, values);
  }
  return values;
}

std::vector<std::int64_t> integers_of(const TensorView& tensor) {
  std::vector<std::int64_t> values;
  if (tensor.dtype != DType::i64) return values;
  values.resize(tensor.data.size() / 8);
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace cloister::tensorfile
