#include "provenance/ledger_reader.h"

#include <algorithm>

#include "crypto/hash.h"

namespace cloister::provenance {
namespace {

bool has_prefix(BytesView key, BytesView prefix) {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

Bytes start_of(BytesView prefix, BytesView from) {
  const Bytes a(prefix.begin(), prefix.end());
  const Bytes b(from.begin(), from.end());
  return std::max(a, b);
}

// The last entry of an ordered map under a prefix.
std::optional<Put> last_in(const std::map<Bytes, Bytes>& map, BytesView prefix) {
  Bytes after(prefix.begin(), prefix.end());
  while (!after.empty() && after.back() == 0xff) after.pop_back();
  auto end = map.end();
  if (!after.empty()) {
    ++after.back();
    end = map.lower_bound(after);
  }
  if (end == map.begin()) return std::nullopt;
  --end;
  if (!has_prefix(end->first, prefix)) return std::nullopt;
  return Put{end->first, end->second};
}

Bytes tagged(char tag, BytesView rest) {
  Bytes key{static_cast<std::uint8_t>(tag)};
  append(key, rest);
  return key;
}

}  // namespace

Result<std::optional<Bytes>> MemoryLedger::get(BytesView key) const {
  const auto at = content_.find(Bytes(key.begin(), key.end()));
  if (at == content_.end()) return std::optional<Bytes>();
  return std::optional<Bytes>(at->second);
}

Result<void> MemoryLedger::scan(BytesView prefix, BytesView from, const Visit& visit) const {
  for (auto at = content_.lower_bound(start_of(prefix, from)); at != content_.end(); ++at) {
    if (!has_prefix(at->first, prefix) || !visit(at->first, at->second)) break;
  }
  return {};
}

Result<std::optional<Put>> MemoryLedger::last(BytesView prefix) const {
  return last_in(content_, prefix);
}

void MemoryLedger::apply(const std::vector<Put>& puts) {
  for (const Put& put : puts) content_.insert_or_assign(put.key, put.value);
}

Result<std::optional<Bytes>> StagedLedger::get(BytesView key) const {
  const auto at = staged_.find(Bytes(key.begin(), key.end()));
  if (at != staged_.end()) return std::optional<Bytes>(at->second);
  return below_.get(key);
}

Result<void> StagedLedger::scan(BytesView prefix, BytesView from, const Visit& visit) const {
  auto staged = staged_.lower_bound(start_of(prefix, from));
  bool more = true;
  const auto is_next = [&] { return staged != staged_.end() && has_prefix(staged->first, prefix); };
  auto done = below_.scan(prefix, from, [&](BytesView key, BytesView value) {
    const Bytes below_key(key.begin(), key.end());
    while (more && is_next() && staged->first < below_key) {
      more = visit(staged->first, staged->second);
      ++staged;
    }
    if (!more) return false;
    if (is_next() && staged->first == below_key) {
      more = visit(staged->first, staged->second);
      ++staged;
    } else {
      more = visit(key, value);
    }
    return more;
  });
  if (!done) return done;
  for (; more && is_next(); ++staged) more = visit(staged->first, staged->second);
  return {};
}

Result<std::optional<Put>> StagedLedger::last(BytesView prefix) const {
  auto staged = last_in(staged_, prefix);
  auto below = below_.last(prefix);
  if (!below || !staged)
    return below ? (staged ? Result<std::optional<Put>>(staged) : below) : below;
  if (!*below || (*below)->key <= staged->key) return staged;
  return below;
}

void StagedLedger::put(Bytes key, Bytes value) {
  staged_.insert_or_assign(std::move(key), std::move(value));
}

std::vector<Put> StagedLedger::take_puts() {
  std::vector<Put> out;
  out.reserve(staged_.size());
  while (!staged_.empty()) {
    auto node = staged_.extract(staged_.begin());
    out.push_back({std::move(node.key()), std::move(node.mapped())});
  }
  return out;
}

Result<Bytes> LedgerTiles::tile(const TileId& id) const {
  auto value = reader_.get(key::tile(id));
  if (!value) return pass(value);
  if (!*value) {
    return fail(Kind::corrupt, "tile.missing",
                fmt::format("The tile {} of the log is missing.", tile_path(id, tile_width)),
                "Restore the ledger from a good copy.");
  }
  return std::move(**value);
}

namespace key {

Bytes leaf(std::uint64_t index) { return tagged('L', be64(index)); }
Bytes tile(const TileId& id) {
  Bytes out{'T', static_cast<std::uint8_t>(id.level)};
  append(out, be64(id.index));
  return out;
}
Bytes by_leaf_hash(const Digest& leaf_hash) { return tagged('H', leaf_hash.view()); }
Bytes envelope(const Digest& payload_hash) { return tagged('E', payload_hash.view()); }
Bytes note(std::uint64_t index) { return tagged('N', be64(index)); }
Bytes artefact(const Digest& digest) { return tagged('A', digest.view()); }
Bytes named(char table, std::string_view name) {
  return tagged(table, crypto::sha256(as_bytes(name)).view().first(16));
}
Bytes edges_from(const Digest& from) { return tagged('F', from.view()); }
Bytes edges_to(const Digest& to) { return tagged('R', to.view()); }
Bytes signing_key(const Digest& key_id) { return tagged('K', key_id.view()); }
Bytes quarantine(const Digest& artefact) { return tagged('Q', artefact.view()); }
Bytes batch(const Digest& root) { return tagged('B', root.view()); }
Bytes batch_entry(const Digest& root, std::uint64_t position) {
  Bytes out = batch(root);
  append(out, be64(position));
  return out;
}
Bytes checkpoint(std::uint64_t size) { return tagged('C', be64(size)); }
Bytes head() { return to_bytes("Mhead"); }
Bytes schema() { return to_bytes("Mschema"); }
Bytes purge() { return to_bytes("Mpurge"); }

}  // namespace key
}  // namespace cloister::provenance
