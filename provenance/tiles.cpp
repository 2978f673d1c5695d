#include "provenance/tiles.h"

#include <algorithm>
#include <bit>

#include "base/ensure.h"

namespace cloister::provenance {
namespace {

constexpr std::uint64_t hash_bytes = 32;

tl::unexpected<Error> bad_tile(const TileId& id) {
  return fail(Kind::corrupt, "tile.missing",
              fmt::format("The tile {} of the log is missing or too short.", tile_path(id, 256)),
              "Restore the ledger from a good copy.");
}

// size / 256^level without shifting by 64 or more.
std::uint64_t nodes_at(std::uint64_t size, unsigned level) {
  const unsigned shift = level * tile_height;
  return shift >= 64 ? 0 : size >> shift;
}

std::string with_width(std::string path, std::uint64_t width) {
  if (width != tile_width) path += fmt::format(".p/{}", width);
  return path;
}

}  // namespace

std::string tile_number(std::uint64_t index) {
  std::string text = fmt::format("{:03}", index % 1000);
  for (index /= 1000; index > 0; index /= 1000) text = fmt::format("x{:03}/", index % 1000) + text;
  return text;
}

std::string tile_path(const TileId& id, std::uint64_t width) {
  return with_width(fmt::format("tile/{}/{}", id.level, tile_number(id.index)), width);
}

std::string entries_path(std::uint64_t index, std::uint64_t width) {
  return with_width("tile/entries/" + tile_number(index), width);
}

std::vector<TilePlace> tiles_of(std::uint64_t size) {
  std::vector<TilePlace> places;
  for (unsigned level = 0; nodes_at(size, level) > 0; ++level) {
    const std::uint64_t nodes = nodes_at(size, level);
    for (std::uint64_t n = 0; n < nodes / tile_width; ++n) {
      places.push_back({{level, n}, tile_width});
    }
    if (nodes % tile_width != 0) {
      places.push_back({{level, nodes / tile_width}, nodes % tile_width});
    }
  }
  return places;
}

std::uint64_t tile_width_at(const TileId& id, std::uint64_t size) {
  const std::uint64_t nodes = nodes_at(size, id.level);
  if (id.index < nodes / tile_width) return tile_width;
  return id.index == nodes / tile_width ? nodes % tile_width : 0;
}

Result<Digest> TileNodes::node(unsigned level, std::uint64_t index) const {
  const unsigned above = level % tile_height;  // levels above the tile's own hashes
  const std::uint64_t first = index << above;
  const TileId id{level / tile_height, first / tile_width};
  const auto tile = source_.tile(id);
  if (!tile) return pass(tile);
  const std::uint64_t offset = first % tile_width;
  const std::uint64_t count = std::uint64_t{1} << above;
  if (tile->size() < (offset + count) * hash_bytes) return bad_tile(id);
  CompactRange range;
  for (std::uint64_t i = 0; i < count; ++i) {
    Digest hash;
    std::copy_n(tile->begin() + static_cast<std::ptrdiff_t>((offset + i) * hash_bytes), hash_bytes,
                hash.bytes.begin());
    range.append(hash);
  }
  return range.root();
}

Result<CompactRange> compact_range(const TileSource& source, std::uint64_t size) {
  const TileNodes nodes(source);
  std::vector<Digest> roots;
  std::uint64_t begin = 0;
  for (unsigned level = 64; level-- > 0;) {
    if (((size >> level) & 1) == 0) continue;
    const auto hash = nodes.node(level, begin >> level);
    if (!hash) return pass(hash);
    roots.push_back(*hash);
    begin += std::uint64_t{1} << level;
  }
  return CompactRange::from(size, std::move(roots));
}

Bytes to_entry_bundle(std::span<const Bytes> entries) {
  Bytes bundle;
  for (const Bytes& entry : entries) {
    ensure(entry.size() <= 0xffff, "an entry of the log has at most 65535 bytes");
    bundle.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
    bundle.push_back(static_cast<std::uint8_t>(entry.size() & 0xff));
    append(bundle, entry);
  }
  return bundle;
}

Result<std::vector<Bytes>> parse_entry_bundle(BytesView bundle) {
  std::vector<Bytes> entries;
  while (!bundle.empty()) {
    const std::size_t size =
        bundle.size() < 2 ? SIZE_MAX : bundle[0] * std::size_t{256} + bundle[1];
    if (size == SIZE_MAX || bundle.size() - 2 < size) {
      return fail(Kind::corrupt, "tile.entries", "A bundle of log entries is cut off.");
    }
    const BytesView entry = bundle.subspan(2, size);
    entries.emplace_back(entry.begin(), entry.end());
    bundle = bundle.subspan(2 + size);
  }
  return entries;
}

}  // namespace cloister::provenance
