#include "tensorfile/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace cloister::tensorfile {
namespace {

constexpr std::uint64_t integer_max = 1ULL << 53;  // beyond it other JSON readers round

tl::unexpected<Error> bad(std::string_view code, std::string what) {
  return fail(Kind::corrupt, fmt::format("tensorfile.{}", code),
              fmt::format("The tensor file's header is wrong: {}.", what),
              "Fetch or export the file again.");
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto put = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | (point >> 6));
  } else {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
  }
  put(0x80 | (point & 0x3f));
}

// The only grammar that a header needs: objects with string keys, strings, arrays of non-negative
// integers. Everything else is refused, so there is no depth to limit.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  [[nodiscard]] bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool at_end() {
    skip_space();
    return at_ == text_.size();
  }
  [[nodiscard]] std::size_t position() const { return at_; }

  [[nodiscard]] std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::uint64_t> integer() {
    skip_space();
    const std::size_t start = at_;
    std::uint64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
      if (value > integer_max) return std::nullopt;
    }
    const bool leading_zero = at_ - start > 1 && text_[start] == '0';
    if (at_ == start || leading_zero) return std::nullopt;
    return value;
  }

  [[nodiscard]] std::optional<std::vector<std::uint64_t>> integers(std::size_t count_max) {
    std::vector<std::uint64_t> values;
    if (!take('[')) return std::nullopt;
    if (take(']')) return values;
    do {
      const auto value = integer();
      if (!value || values.size() == count_max) return std::nullopt;
      values.push_back(*value);
    } while (take(','));
    if (!take(']')) return std::nullopt;
    return values;
  }

 private:
  [[nodiscard]] bool escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view from = "\"\\/bfnrt";
    constexpr std::string_view to = "\"\\/\b\f\n\r\t";
    if (const auto found = from.find(c); found != std::string_view::npos) {
      out.push_back(to[found]);
      return true;
    }
    if (c != 'u' || text_.size() - at_ < 4) return false;
    std::uint32_t point = 0;
    for (int i = 0; i < 4; ++i) {
      constexpr std::string_view digits = "0123456789abcdef";
      const char lower =
          static_cast<char>(text_[at_] >= 'A' && text_[at_] <= 'F' ? text_[at_] + 32 : text_[at_]);
      const auto digit = digits.find(lower);
      if (digit == std::string_view::npos) return false;
      point = point * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    if (point == 0 || (point >= 0xd800 && point <= 0xdfff)) return false;  // no surrogates
    append_utf8(out, point);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : (lead & 0xf0) == 0xe0       ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || text.size() - i < length) return false;
    std::uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = (point << 6) | (next & 0x3fu);
    }
    constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      return false;
    i += length;
  }
  return true;
}

std::optional<DType> dtype_of(std::string_view name) {
  for (const DType dtype : {DType::f32, DType::f16, DType::i64, DType::u8})
    if (to_string(dtype) == name) return dtype;
  return std::nullopt;
}

Result<void> read_metadata(Reader& in, std::map<std::string, std::string>& metadata) {
  if (!in.take('{')) return bad("metadata", "__metadata__ is not an object");
  if (in.take('}')) return {};
  do {
    auto key = in.string();
    if (!key || !in.take(':')) return bad("metadata", "a key of __metadata__ cannot be read");
    auto value = in.string();
    if (!value) return bad("metadata", "a value of __metadata__ is not text");
    if (!metadata.emplace(std::move(*key), std::move(*value)).second)
      return bad("duplicate_key", "__metadata__ has a key twice");
  } while (in.take(','));
  if (!in.take('}')) return bad("metadata", "__metadata__ does not end");
  return {};
}

struct Seen {
  bool dtype = false, shape = false, offsets = false;
};

Result<void> read_field(Reader& in, const std::string& field, HeaderEntry& entry, Seen& seen) {
  bool& known = field == "dtype" ? seen.dtype : field == "shape" ? seen.shape : seen.offsets;
  if (field != "dtype" && field != "shape" && field != "data_offsets")
    return bad("unknown_key", "a tensor has a key that is not dtype, shape or data_offsets");
  if (known) return bad("duplicate_key", "a tensor has a key twice");
  known = true;
  if (field == "dtype") {
    const auto name = in.string();
    const auto dtype = name ? dtype_of(*name) : std::nullopt;
    if (!dtype) return bad("dtype", "a dtype is not F32, F16, I64 or U8");
    entry.dtype = *dtype;
    return {};
  }
  const bool is_shape = field == "shape";
  const auto values = in.integers(is_shape ? dimensions_max : 2);
  if (!values || (!is_shape && values->size() != 2))
    return bad(is_shape ? "shape" : "offsets", "a shape or data_offsets cannot be read");
  if (is_shape) {
    entry.shape.assign(values->begin(), values->end());
  } else {
    entry.begin = (*values)[0];
    entry.end = (*values)[1];
  }
  return {};
}

Result<HeaderEntry> read_entry(Reader& in) {
  HeaderEntry entry;
  Seen seen;
  if (!in.take('{')) return bad("entry", "a tensor is not an object");
  do {
    const auto field = in.string();
    if (!field || !in.take(':')) return bad("entry", "a tensor's key cannot be read");
    if (auto read = read_field(in, *field, entry, seen); !read) return pass(read);
  } while (in.take(','));
  if (!in.take('}')) return bad("entry", "a tensor does not end");
  if (!seen.dtype || !seen.shape || !seen.offsets)
    return bad("entry", "a tensor lacks dtype, shape or data_offsets");
  return entry;
}

Result<void> read_member(Reader& in, Header& header, bool& metadata_seen) {
  auto name = in.string();
  if (!name || !in.take(':') || name->size() > name_bytes_max)
    return bad("name", "a tensor's name cannot be read or is too long");
  if (*name == "__metadata__") {
    if (metadata_seen) return bad("duplicate_key", "__metadata__ is there twice");
    metadata_seen = true;
    return read_metadata(in, header.metadata);
  }
  if (header.entries.size() == tensors_max) return bad("too_many", "too many tensors");
  auto entry = read_entry(in);
  if (!entry) return pass(entry);
  if (!header.entries.emplace(std::move(*name), std::move(*entry)).second)
    return bad("duplicate_key", "a tensor's name is there twice");
  return {};
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace

Result<Header> parse_header(std::string_view json) {
  if (json.empty() || json.front() != '{') return bad("start", "it does not start with '{'");
  if (!is_utf8(json)) return bad("utf8", "it is not UTF-8");
  Header header;
  Reader in(json);
  bool metadata_seen = false;
  (void)in.take('{');
  if (!in.take('}')) {
    do {
      if (auto read = read_member(in, header, metadata_seen); !read) return pass(read);
    } while (in.take(','));
    if (!in.take('}')) return bad("end", "the object does not end");
  }
  if (!in.at_end()) return bad("trailing", "something follows the object");
  return header;
}

std::string write_header(const Header& header) {
  std::string out = "{";
  if (!header.metadata.empty()) {
    out += "\"__metadata__\":{";
    for (const auto& [key, value] : header.metadata)
      out += fmt::format("{}:{},", quoted(key), quoted(value));
    out.back() = '}';
    out += ',';
  }
  for (const auto& [name, entry] : header.entries)
    out += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)", quoted(name),
                       to_string(entry.dtype), fmt::join(entry.shape, ","), entry.begin, entry.end);
  if (out.back() == ',') out.pop_back();
  out += '}';
  while (out.size() % 8 != 0) out.push_back(' ');
  return out;
}

}  // namespace cloister::tensorfile
