#include "storage/store.h"

namespace cloister::storage {

void WriteBatch::put(BytesView key, BytesView value) {
  bytes_ += key.size() + value.size();
  changes_.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
}

void WriteBatch::erase(BytesView key) {
  bytes_ += key.size();
  changes_.push_back({Bytes(key.begin(), key.end()), std::nullopt});
}

Result<std::vector<Entry>> collect(const Reader& reader, BytesView prefix, std::size_t limit) {
  std::vector<Entry> entries;
  if (limit == 0) return entries;
  const auto take = [&](BytesView key, BytesView value) {
    entries.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
    return entries.size() < limit;
  };
  if (auto done = reader.scan(prefix, {}, take); !done) return pass(done);
  return entries;
}

Bytes after_prefix(BytesView prefix) {
  Bytes after(prefix.begin(), prefix.end());
  while (!after.empty() && after.back() == 0xff) after.pop_back();
  if (!after.empty()) after.back() = static_cast<std::uint8_t>(after.back() + 1);
  return after;
}

}  // namespace cloister::storage
