#include "coordinator/blob_desk.h"

#include <algorithm>

#include "protocol/limits.h"

namespace cloister::coordinator {
namespace {

// Open files; an upload that was set aside goes on at its last durable byte.
constexpr std::size_t open_uploads_max = 256;
constexpr std::size_t wrap_bytes_max = 1024;

protocol::BlobState complete(const Digest& digest, std::uint64_t size) {
  return {digest, size, size, true, protocol::limits::chunk_credit};
}

}  // namespace

Result<std::unique_ptr<BlobFolders>> BlobFolders::open(const std::filesystem::path& home,
                                                       const storage::BlobLimits& limits) {
  auto blobs = storage::BlobStore::open(home / "blobs", limits);
  if (!blobs) return pass(blobs);
  auto wraps = storage::WrapStore::open(home / "wraps");
  if (!wraps) return pass(wraps);
  return std::unique_ptr<BlobFolders>(new BlobFolders(std::move(*blobs), std::move(*wraps)));
}

Result<BlobFacts> BlobFolders::facts() const {
  BlobFacts facts;
  for (const storage::BlobTicket& blob : blobs_->blobs()) {
    facts.add_blob(blob.digest);
    const auto readers = wraps_.readers(blob.digest);
    if (!readers) return pass(readers);
    for (const MemberId& reader : *readers) facts.add_wrap(blob.digest, reader);
  }
  return facts;
}

protocol::BlobState BlobFolders::state_of(const Digest& digest, const Upload& upload) const {
  return {digest, upload.size, upload.writer.received(), false, protocol::limits::chunk_credit};
}

Result<protocol::BlobState> BlobFolders::open_blob(const MemberId& owner,
                                                   const protocol::BlobOpen& open) {
  if (blobs_->exists(open.digest)) {
    const auto size = blobs_->size(open.digest);
    if (!size) return pass(size);
    return complete(open.digest, *size);
  }
  const auto known = uploads_.find(open.digest);
  if (known != uploads_.end() && known->second.owner == owner && known->second.size == open.size)
    return state_of(open.digest, known->second);
  if (uploads_.size() >= open_uploads_max) uploads_.erase(uploads_.begin());
  auto writer = blobs_->begin({open.digest, open.size, owner});
  if (!writer) return pass(writer);
  const auto placed =
      uploads_.insert_or_assign(open.digest, Upload{owner, open.size, std::move(*writer)});
  Upload& upload = placed.first->second;
  // Everything may have arrived before a restart, and only its end was missing.
  if (upload.writer.received() < open.size) return state_of(open.digest, upload);
  const auto finished = upload.writer.finish();
  uploads_.erase(open.digest);
  if (!finished) return pass(finished);
  return complete(open.digest, open.size);
}

Result<protocol::BlobState> BlobFolders::write_chunk(const MemberId& owner,
                                                     const protocol::BlobChunk& chunk,
                                                     BytesView payload) {
  const auto found = uploads_.find(chunk.digest);
  if (found == uploads_.end() && blobs_->exists(chunk.digest)) {
    const auto size = blobs_->size(chunk.digest);
    if (!size) return pass(size);
    return complete(chunk.digest, *size);
  }
  if (found == uploads_.end() || found->second.owner != owner) {
    return fail(Kind::stale, "blob.not_open",
                fmt::format("The upload of {} is not open.", short_hex(chunk.digest)),
                "Open it again: it goes on where it stopped.");
  }
  Upload& upload = found->second;
  auto written = upload.writer.write(chunk.offset, payload);
  if (!written && written.error().code == "blob.gap") {
    written.error().kind = Kind::stale;  // a chunk was lost: the sender asks where it stands
  }
  if (!written) {
    uploads_.erase(found);
    return pass(written);
  }
  if (upload.writer.received() < upload.size) return state_of(chunk.digest, upload);
  const std::uint64_t size = upload.size;
  const auto finished = upload.writer.finish();
  uploads_.erase(found);
  if (!finished) return pass(finished);
  return complete(chunk.digest, size);
}

Result<BlobFolders::Read> BlobFolders::read(const protocol::BlobGet& get) const {
  auto reader = blobs_->read(get.digest);
  if (!reader) return pass(reader);
  const std::size_t length = std::min<std::size_t>(get.length, protocol::limits::chunk_bytes_max);
  auto bytes = reader->read(std::min(get.offset, reader->size()), length);
  if (!bytes) return pass(bytes);
  return Read{{get.digest, reader->size(), get.offset}, std::move(*bytes)};
}

Result<void> BlobFolders::put_wraps(const protocol::PutWraps& put) {
  for (const protocol::KeyWrap& wrap : put.wraps) {
    if (wrap.wrap.empty() || wrap.wrap.size() > wrap_bytes_max) {
      return fail(Kind::invalid, "wrap.size", "A key wrap is empty or larger than a wrap can be.");
    }
  }
  for (const protocol::KeyWrap& wrap : put.wraps) {
    if (auto ok = wraps_.put(wrap.shard, put.recipient, wrap.wrap); !ok) return ok;
  }
  return {};
}

Result<protocol::Wraps> BlobFolders::get_wraps(const MemberId& reader,
                                               const std::vector<Digest>& blobs) const {
  protocol::Wraps wraps;
  for (const Digest& blob : blobs) {
    auto wrap = wraps_.get(blob, reader);
    if (wrap) wraps.wraps.push_back({blob, std::move(*wrap)});
    if (!wrap && wrap.error().kind != Kind::not_found) return pass(wrap);
  }
  return wraps;
}

Result<void> BlobFolders::erase_wraps(const std::vector<Digest>& blobs) {
  for (const Digest& blob : blobs) {
    if (auto erased = wraps_.erase(blob); !erased) return pass(erased);
  }
  return {};
}

}  // namespace cloister::coordinator
