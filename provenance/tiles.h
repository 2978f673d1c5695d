// C2SP tlog-tiles: the tree as files of up to 256 hashes, and the leaves as bundles of up to 256
// length-prefixed entries. The ledger stores its hashes in this shape and exports it as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "provenance/merkle.h"

namespace cloister::provenance {

inline constexpr unsigned tile_height = 8;
inline constexpr std::uint64_t tile_width = 256;

struct TileId {
  unsigned level = 0;       // of tiles: hashes in it are tree nodes of level 8 * level
  std::uint64_t index = 0;  // N
  friend auto operator<=>(const TileId&, const TileId&) = default;
};

// "x001/x234/067" for 1234067.
[[nodiscard]] std::string tile_number(std::uint64_t index);
// "tile/0/x001/067" or, for 1 <= width < 256, "tile/0/x001/067.p/12".
[[nodiscard]] std::string tile_path(const TileId& id, std::uint64_t width);
[[nodiscard]] std::string entries_path(std::uint64_t index, std::uint64_t width);

struct TilePlace {
  TileId id;
  std::uint64_t width = 0;
  friend bool operator==(const TilePlace&, const TilePlace&) = default;
};
// Every tile that a tree of this size has, full ones and the partial right edge, level by level.
[[nodiscard]] std::vector<TilePlace> tiles_of(std::uint64_t size);
// floor(size / 256^level) mod 256 for the last tile, 256 for those before, 0 if there is none.
[[nodiscard]] std::uint64_t tile_width_at(const TileId& id, std::uint64_t size);

// Reads nodes from tiles; a source hands out the bytes of a tile (possibly wider than asked for).
class TileSource {
 public:
  virtual ~TileSource() = default;
  [[nodiscard]] virtual Result<Bytes> tile(const TileId& id) const = 0;
};

// Nodes between tile levels are hashed up from the tile below them. The source must outlive this.
class TileNodes final : public NodeReader {
 public:
  explicit TileNodes(const TileSource& source) : source_(source) {}
  [[nodiscard]] Result<Digest> node(unsigned level, std::uint64_t index) const override;

 private:
  const TileSource& source_;
};

// The compact range of a tree of this size, from its tiles.
[[nodiscard]] Result<CompactRange> compact_range(const TileSource& source, std::uint64_t size);

// Entry bundles: u16 big-endian length, entry, again. Errors "tile.entries".
[[nodiscard]] Bytes to_entry_bundle(std::span<const Bytes> entries);
[[nodiscard]] Result<std::vector<Bytes>> parse_entry_bundle(BytesView bundle);

}  // namespace cloister::provenance
