// The JSON header of a tensor file, read strictly. Internal to this room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensorfile/tensor_file.h"

namespace cloister::tensorfile {

struct HeaderEntry {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // offsets into the data
  std::uint64_t end = 0;
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::map<std::string, HeaderEntry> entries;
};

[[nodiscard]] Result<Header> parse_header(std::string_view json);
[[nodiscard]] std::string write_header(const Header& header);

}  // namespace cloister::tensorfile
