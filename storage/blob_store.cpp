#include "storage/blob_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "crypto/hash.h"
#include "storage/blob_partial.h"

namespace cloister::storage {

using detail::BlobFolder;
using detail::OpenBlob;
using detail::OpenPartial;

namespace {

constexpr std::size_t read_size = 1 << 20;

tl::unexpected<Error> unknown(const Digest& digest) {
  return fail(Kind::not_found, "blob.not_found",
              fmt::format("There is no blob {} here.", short_hex(digest)), "Check the digest.");
}

// The bytes that are kept of an earlier attempt, hashed again.
Result<void> rehash(OpenPartial& open) {
  Bytes buffer(read_size);
  while (open.received < open.durable) {
    const auto want = std::min<std::uint64_t>(buffer.size(), open.durable - open.received);
    const auto count = read_at(open.part, std::span(buffer).first(want), open.received,
                               open.folder->path_of(open.ticket.owner));
    if (!count) return pass(count);
    if (*count == 0) {
      return tl::unexpected<Error>(open.folder->error(EIO, "read", open.ticket.owner));
    }
    open.hash.add(BytesView(buffer).first(*count));
    open.received += *count;
  }
  return {};
}

Result<void> open_files(OpenPartial& open, bool fresh) {
  auto owner_folder = open.folder->open_owner(open.ticket.owner, true);
  if (!owner_folder) return pass(owner_folder);
  open.owner_folder = std::move(*owner_folder);
  const int create = fresh ? O_CREAT | O_TRUNC : 0;
  auto state = detail::open_file_at(open.owner_folder, open.name(detail::state_suffix),
                                    O_WRONLY | O_APPEND | create);
  if (!state) return pass(state);
  open.state = std::move(*state);
  auto part =
      detail::open_file_at(open.owner_folder, open.name(detail::part_suffix), O_RDWR | create);
  if (!part) return pass(part);
  open.part = std::move(*part);
  if (!fresh) {
    // What lies behind the durable end was never vouched for. A torn last line is closed off.
    if (::ftruncate(open.part.number(), static_cast<off_t>(open.durable)) != 0) {
      return tl::unexpected<Error>(open.folder->error(errno, "shorten", open.ticket.owner));
    }
    if (auto noted = write_all(open.state, as_bytes("\n"), open.folder->path); !noted) return noted;
    return rehash(open);
  }
  const std::string title = detail::first_state_line(open.ticket.size);
  if (auto noted = write_all(open.state, as_bytes(title), open.folder->path); !noted) return noted;
  if (::fsync(open.state.number()) != 0 || ::fsync(open.owner_folder.number()) != 0) {
    return tl::unexpected<Error>(open.folder->error(errno, "sync", open.ticket.owner));
  }
  return {};
}

tl::unexpected<Error> over_quota(std::string_view whose, std::uint64_t limit) {
  return fail(Kind::exhausted, "blob.quota",
              fmt::format("This upload would pass the limit of {} bytes for {}.", limit, whose),
              "Erase what is no longer needed, or ask the operator for a higher quota.");
}

}  // namespace

BlobReader::BlobReader(std::unique_ptr<OpenBlob> open) : open_(std::move(open)) {}
BlobReader::BlobReader(BlobReader&&) noexcept = default;
BlobReader& BlobReader::operator=(BlobReader&&) noexcept = default;
BlobReader::~BlobReader() = default;
std::uint64_t BlobReader::size() const { return open_->size; }

Result<Bytes> BlobReader::read(std::uint64_t offset, std::size_t count) const {
  const std::uint64_t left = offset < open_->size ? open_->size - offset : 0;
  Bytes bytes(std::min<std::uint64_t>(count, left));
  const auto done = read_at(open_->file, bytes, offset, open_->path);
  if (!done) return pass(done);
  if (*done != bytes.size()) {
    return fail(Kind::corrupt, "blob.corrupt",
                fmt::format("'{}' is shorter than it was.", open_->path.string()),
                "Restore it from its source.");
  }
  return bytes;
}

Result<std::unique_ptr<BlobStore>> BlobStore::open(const std::filesystem::path& folder,
                                                   const BlobLimits& limits) {
  if (auto made = make_folder(folder); !made) return pass(made);
  auto state = std::make_shared<BlobFolder>();
  state->path = folder;
  state->limits = limits;
  state->root = Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!state->root.is_open()) return tl::unexpected<Error>(system_error(errno, "open", folder));
  auto lock = detail::open_file_at(state->root, "LOCK", O_RDWR | O_CREAT);
  if (!lock) return pass(lock);
  state->lock = std::move(*lock);
  if (::flock(state->lock.number(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Kind::conflict, "blob.locked",
                fmt::format("Another process has the blob folder '{}' open.", folder.string()),
                "Stop the other process, or give this one a folder of its own.");
  }
  if (auto loaded = state->load(); !loaded) return pass(loaded);
  return std::unique_ptr<BlobStore>(new BlobStore(std::move(state)));
}

BlobStore::BlobStore(std::shared_ptr<BlobFolder> folder) : folder_(std::move(folder)) {}
BlobStore::~BlobStore() = default;

bool BlobStore::exists(const Digest& digest) const { return folder_->blobs.contains(digest); }

Result<std::uint64_t> BlobStore::size(const Digest& digest) const {
  const auto at = folder_->blobs.find(digest);
  if (at == folder_->blobs.end()) return unknown(digest);
  return at->second.size;
}

Result<MemberId> BlobStore::owner(const Digest& digest) const {
  const auto at = folder_->blobs.find(digest);
  if (at == folder_->blobs.end()) return unknown(digest);
  return at->second.owner;
}

Result<BlobReader> BlobStore::read(const Digest& digest) const {
  const auto at = folder_->blobs.find(digest);
  if (at == folder_->blobs.end()) return unknown(digest);
  const auto owner_folder = folder_->open_owner(at->second.owner, false);
  if (!owner_folder) return pass(owner_folder);
  auto file = detail::open_file_at(*owner_folder, to_hex(digest), O_RDONLY);
  if (!file) return pass(file);
  auto open = std::make_unique<OpenBlob>();
  open->file = std::move(*file);
  open->size = at->second.size;
  open->path = folder_->path_of(at->second.owner) / to_hex(digest);
  return BlobReader(std::move(open));
}

Result<void> BlobStore::reserve(const BlobTicket& ticket) {
  BlobFolder& folder = *folder_;
  const BlobLimits& limits = folder.limits;
  const auto fits = [&](std::uint64_t used, std::uint64_t limit) {
    return used <= limit && ticket.size <= limit - used;
  };
  if (ticket.size > limits.blob_bytes) return over_quota("one blob", limits.blob_bytes);
  if (!fits(used_by(ticket.owner), limits.owner_bytes)) {
    return over_quota(fmt::format("'{}'", ticket.owner), limits.owner_bytes);
  }
  if (!fits(folder.used, limits.total_bytes)) return over_quota("this store", limits.total_bytes);
  const auto under_way = std::count_if(
      folder.partials.begin(), folder.partials.end(),
      [&](const auto& entry) { return entry.second.blob.ticket.owner == ticket.owner; });
  if (static_cast<std::size_t>(under_way) >= limits.partials_per_owner) {
    return fail(Kind::exhausted, "blob.too_many",
                fmt::format("'{}' has {} uploads under way.", ticket.owner, under_way),
                "Finish or abandon one first.");
  }
  folder.charge(ticket.owner, ticket.size);
  folder.partials[ticket.digest] = {{ticket, 0}, false};
  return {};
}

Result<BlobWriter> BlobStore::begin(const BlobTicket& ticket) {
  if (ticket.owner.empty()) {
    return fail(Kind::invalid, "blob.owner", "An upload needs an owner.");
  }
  if (exists(ticket.digest)) {
    return fail(Kind::conflict, "blob.exists",
                fmt::format("The blob {} is here already.", short_hex(ticket.digest)),
                "Nothing needs to be sent.");
  }
  const auto present = folder_->partials.find(ticket.digest);
  const bool fresh = present == folder_->partials.end();
  if (!fresh && present->second.open) {
    return fail(Kind::conflict, "blob.busy",
                fmt::format("The upload of {} is under way already.", short_hex(ticket.digest)),
                "Wait for it.");
  }
  if (!fresh) {
    const BlobTicket& earlier = present->second.blob.ticket;
    if (earlier.size != ticket.size || earlier.owner != ticket.owner) {
      return fail(Kind::conflict, "blob.other",
                  fmt::format("{} was announced with another size or by another owner.",
                              short_hex(ticket.digest)),
                  "Abandon the earlier upload first.");
    }
  } else if (auto reserved = reserve(ticket); !reserved) {
    return pass(reserved);
  }
  auto open = std::make_unique<OpenPartial>();
  open->folder = folder_;
  open->ticket = ticket;
  open->durable = folder_->partials[ticket.digest].blob.durable;
  if (auto opened = open_files(*open, fresh); !opened) {
    if (fresh) open->discard();
    return pass(opened);
  }
  folder_->partials[ticket.digest].open = true;
  return BlobWriter(std::move(open));
}

Result<Digest> BlobStore::put(BytesView content, const MemberId& owner) {
  const Digest digest = crypto::sha256(content);
  if (exists(digest)) return digest;
  auto writer = begin({digest, content.size(), owner});
  if (!writer) return pass(writer);
  if (auto written = writer->write(0, content); !written) return pass(written);
  if (auto finished = writer->finish(); !finished) return pass(finished);
  return digest;
}

std::vector<PartialBlob> BlobStore::partials() const {
  std::vector<PartialBlob> all;
  for (const auto& [digest, partial] : folder_->partials) all.push_back(partial.blob);
  return all;
}

Result<void> BlobStore::abandon(const Digest& digest) {
  const auto at = folder_->partials.find(digest);
  if (at == folder_->partials.end()) return unknown(digest);
  if (at->second.open) {
    return fail(Kind::conflict, "blob.busy",
                fmt::format("The upload of {} is under way.", short_hex(digest)), "Stop it first.");
  }
  OpenPartial closed;
  closed.folder = folder_;
  closed.ticket = at->second.blob.ticket;
  auto owner_folder = folder_->open_owner(closed.ticket.owner, false);
  if (!owner_folder) return pass(owner_folder);
  closed.owner_folder = std::move(*owner_folder);
  closed.discard();
  return {};
}

Result<void> BlobStore::erase(const Digest& digest) {
  const auto at = folder_->blobs.find(digest);
  if (at == folder_->blobs.end()) return unknown(digest);
  const auto [owner, size] = at->second;
  const auto owner_folder = folder_->open_owner(owner, false);
  if (!owner_folder) return pass(owner_folder);
  const int gone = ::unlinkat(owner_folder->number(), to_hex(digest).c_str(), 0);
  if ((gone != 0 && errno != ENOENT) || ::fsync(owner_folder->number()) != 0) {
    return tl::unexpected<Error>(folder_->error(errno, "erase from", owner));
  }
  folder_->blobs.erase(at);
  folder_->refund(owner, size);
  return {};
}

std::uint64_t BlobStore::used_by(const MemberId& owner) const {
  const auto at = folder_->used_by.find(owner);
  return at == folder_->used_by.end() ? 0 : at->second;
}

std::uint64_t BlobStore::used() const { return folder_->used; }

std::vector<BlobTicket> BlobStore::blobs() const {
  std::vector<BlobTicket> all;
  for (const auto& [digest, blob] : folder_->blobs) all.push_back({digest, blob.size, blob.owner});
  return all;
}

Result<void> BlobStore::check(const Digest& digest) const {
  const auto reader = read(digest);
  if (!reader) return pass(reader);
  crypto::Sha256 hash;
  for (std::uint64_t at = 0; at < reader->size(); at += read_size) {
    const auto bytes = reader->read(at, read_size);
    if (!bytes) return pass(bytes);
    hash.add(*bytes);
  }
  if (hash.finish() == digest) return {};
  return fail(Kind::corrupt, "blob.corrupt",
              fmt::format("The bytes of blob {} changed on the disk.", short_hex(digest)),
              "Erase it and fetch it again from its source; check the disk.");
}

}  // namespace cloister::storage
