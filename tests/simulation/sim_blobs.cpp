#include "sim_blobs.h"

#include "crypto/hash.h"
#include "protocol/limits.h"

namespace cloister::simulation {
namespace {

protocol::BlobState state(const Digest& digest, std::uint64_t size, std::uint64_t durable) {
  return {digest, size, durable, durable == size, protocol::limits::chunk_credit};
}

}  // namespace

coordinator::BlobFacts SimBlobs::facts() const {
  coordinator::BlobFacts facts;
  for (const auto& [digest, bytes] : blobs_) facts.add_blob(digest);
  for (const auto& [key, wrap] : wraps_) facts.add_wrap(key.first, key.second);
  return facts;
}

Result<protocol::BlobState> SimBlobs::open_blob(const MemberId&, const protocol::BlobOpen& open) {
  if (blobs_.contains(open.digest)) return state(open.digest, open.size, open.size);
  Partial& partial = open_[open.digest];
  partial.size = open.size;
  return state(open.digest, open.size, partial.bytes.size());
}

Result<protocol::BlobState> SimBlobs::write_chunk(const MemberId&, const protocol::BlobChunk& chunk,
                                                  BytesView payload) {
  const auto known = blobs_.find(chunk.digest);
  if (known != blobs_.end()) return state(chunk.digest, known->second.size(), known->second.size());
  const auto found = open_.find(chunk.digest);
  if (found == open_.end() || chunk.offset > found->second.bytes.size())
    return fail(Kind::stale, "blob.not_open", "The upload is not open here.");
  Partial& partial = found->second;
  if (chunk.offset == partial.bytes.size()) append(partial.bytes, payload);
  if (partial.bytes.size() < partial.size)
    return state(chunk.digest, partial.size, partial.bytes.size());
  if (crypto::sha256(partial.bytes) != chunk.digest)
    return fail(Kind::corrupt, "blob.digest", "Other bytes than announced.");
  const std::uint64_t size = partial.size;
  blobs_[chunk.digest] = std::move(partial.bytes);
  open_.erase(found);
  return state(chunk.digest, size, size);
}

Result<coordinator::BlobDesk::Read> SimBlobs::read(const protocol::BlobGet& get) const {
  const auto found = blobs_.find(get.digest);
  if (found == blobs_.end()) return fail(Kind::not_found, "blob.not_found", "No such blob.");
  const Bytes& all = found->second;
  const std::size_t from = std::min<std::size_t>(get.offset, all.size());
  const std::size_t count = std::min<std::size_t>(get.length, all.size() - from);
  Bytes bytes(all.begin() + static_cast<std::ptrdiff_t>(from),
              all.begin() + static_cast<std::ptrdiff_t>(from + count));
  Read read{{get.digest, all.size(), get.offset}, std::move(bytes)};
  return read;
}

Result<void> SimBlobs::put_wraps(const protocol::PutWraps& put) {
  for (const auto& wrap : put.wraps) {
    const auto placed = wraps_.emplace(std::pair(wrap.shard, put.recipient), wrap.wrap);
    if (!placed.second && placed.first->second != wrap.wrap)
      return fail(Kind::conflict, "wrap.exists", "Another wrap is there.");
  }
  return {};
}

Result<protocol::Wraps> SimBlobs::get_wraps(const MemberId& reader,
                                            const std::vector<Digest>& blobs) const {
  protocol::Wraps wraps;
  for (const Digest& blob : blobs) {
    const auto found = wraps_.find({blob, reader});
    if (found != wraps_.end()) wraps.wraps.push_back({blob, found->second});
  }
  return wraps;
}

Result<void> SimBlobs::erase_wraps(const std::vector<Digest>& blobs) {
  for (const Digest& blob : blobs) {
    std::erase_if(wraps_, [&](const auto& entry) { return entry.first.first == blob; });
  }
  return {};
}

}  // namespace cloister::simulation
