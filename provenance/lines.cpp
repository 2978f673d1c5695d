#include "provenance/lines.h"

#include <charconv>

#include "provenance/merkle.h"

namespace cloister::provenance {

std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Digest> digest_from_base64(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != 32) return std::nullopt;
  return digest_from_bytes(*bytes).value();
}

std::optional<std::vector<Digest>> take_hashes(std::string_view& text) {
  std::vector<Digest> hashes;
  for (;;) {
    const auto line = take_line(text);
    if (!line) return std::nullopt;
    if (line->empty()) return hashes;
    const auto hash = digest_from_base64(*line);
    if (!hash || hashes.size() == proof_hashes_max) return std::nullopt;
    hashes.push_back(*hash);
  }
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    std::uint32_t low = 0;
    std::uint32_t value = first;
    if (first >= 0xf0 && first < 0xf5) {
      more = 3, low = 0x10000, value &= 0x07;
    } else if (first >= 0xe0 && first < 0xf0) {
      more = 2, low = 0x800, value &= 0x0f;
    } else if (first >= 0xc2 && first < 0xe0) {
      more = 1, low = 0x80, value &= 0x1f;
    } else if (first >= 0x80) {
      return false;
    }
    if (more >= text.size() - i && more > 0) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      value = (value << 6) | (next & 0x3fU);
    }
    if (value < low || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace cloister::provenance
