#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "storage/blob_partial.h"

namespace cloister::storage {

using detail::OpenPartial;

namespace {

// `work` on a thread of its own where that costs less than it saves, and one can be had; else when
// it is waited for.
template <class Work>
std::future<void> beside(std::size_t bytes, Work work) {
  constexpr std::size_t worth_a_thread = 128 << 10;
  const auto deferred = std::launch::deferred;
  return std::async(bytes < worth_a_thread ? deferred : std::launch::async | deferred, work);
}

}  // namespace

BlobWriter::BlobWriter(std::unique_ptr<OpenPartial> open) : open_(std::move(open)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter& BlobWriter::operator=(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

std::uint64_t BlobWriter::received() const { return open_->received; }
std::uint64_t BlobWriter::durable() const { return open_->durable; }

Result<void> BlobWriter::write(std::uint64_t offset, BytesView chunk) {
  OpenPartial& open = *open_;
  if (auto usable = open.check_usable(); !usable) return usable;
  const BlobTicket& ticket = open.ticket;
  if (offset > ticket.size || chunk.size() > ticket.size - offset) {
    return fail(Kind::invalid, "blob.size",
                fmt::format("The upload of {} is longer than the {} bytes announced.",
                            short_hex(ticket.digest), ticket.size),
                "Announce it again with its true size.");
  }
  if (offset > open.received) {
    return fail(Kind::stale, "blob.gap",
                fmt::format("Bytes from {} on are wanted, not from {} on.", open.received, offset),
                "Send from there.");
  }
  const std::uint64_t known = open.received - offset;
  if (known >= chunk.size()) return {};
  const BytesView fresh = chunk.subspan(known);
  // The disk and the digest take about as long: side by side. If the write fails, so does the
  // upload, and what was hashed is forgotten with it.
  auto hashed = beside(fresh.size(), [&] { open.hash.add(fresh); });
  const auto written = open.folder->blocks.write(open.part, fresh, open.received,
                                                 open.folder->path_of(ticket.owner));
  hashed.get();
  if (!written) {
    open.broken = true;
    return tl::unexpected<Error>(detail::upload_error(written.error()));
  }
  open.received += fresh.size();
  if (open.received - open.durable >= open.folder->limits.sync_every_bytes) return sync();
  return {};
}

Result<void> BlobWriter::sync() {
  if (auto usable = open_->check_usable(); !usable) return usable;
  return open_->sync();
}

Result<void> BlobWriter::finish() {
  OpenPartial& open = *open_;
  if (auto usable = open.check_usable(); !usable) return usable;
  if (open.received != open.ticket.size) {
    return fail(Kind::stale, "blob.incomplete",
                fmt::format("{} of {} bytes are here.", open.received, open.ticket.size),
                "Send the rest.");
  }
  if (open.hash.finish() != open.ticket.digest) {
    open.discard();
    return fail(
        Kind::corrupt, "blob.digest",
        fmt::format("The bytes received are not those of {}.", short_hex(open.ticket.digest)),
        "Check the file at its source and send it again.");
  }
  return open.publish();
}

namespace detail {

OpenPartial::~OpenPartial() {
  const auto at = folder->partials.find(ticket.digest);
  if (!done && at != folder->partials.end()) at->second.open = false;
}

std::string OpenPartial::name(std::string_view suffix) const {
  return to_hex(ticket.digest) + std::string(suffix);
}

Error OpenPartial::failed(std::string_view doing) {
  const int error_number = errno;
  broken = true;
  return folder->error(error_number, doing, ticket.owner);
}

Result<void> OpenPartial::check_usable() const {
  if (!broken && !done) return {};
  return fail(Kind::stale, "blob.closed",
              fmt::format("The upload of {} is closed.", short_hex(ticket.digest)),
              "Begin it again.");
}

// First the bytes, then the line that vouches for them.
Result<void> OpenPartial::sync() {
  if (durable == received) return {};
  if (::fdatasync(part.number()) != 0) return tl::unexpected<Error>(failed("sync"));
  if (auto noted = write_all(state, as_bytes(durable_line(received)), folder->path); !noted) {
    broken = true;
    return tl::unexpected<Error>(upload_error(noted.error()));
  }
  if (::fdatasync(state.number()) != 0) return tl::unexpected<Error>(failed("sync"));
  durable = received;
  folder->partials[ticket.digest].blob.durable = durable;
  return {};
}

Result<void> OpenPartial::publish() {
  const std::string part_name = name(part_suffix);
  const std::string final_name = name({});
  if (::fsync(part.number()) != 0) return tl::unexpected<Error>(failed("sync"));
  const int at = owner_folder.number();
  if (::renameat(at, part_name.c_str(), at, final_name.c_str()) != 0 || ::fsync(at) != 0) {
    return tl::unexpected<Error>(failed("publish in"));
  }
  ::unlinkat(at, name(state_suffix).c_str(), 0);  // what stays is removed at the next open
  folder->blobs[ticket.digest] = {ticket.owner, ticket.size};
  folder->partials.erase(ticket.digest);
  done = true;
  return {};
}

void OpenPartial::discard() {
  ::unlinkat(owner_folder.number(), name(part_suffix).c_str(), 0);
  ::unlinkat(owner_folder.number(), name(state_suffix).c_str(), 0);
  folder->refund(ticket.owner, ticket.size);
  folder->partials.erase(ticket.digest);
  done = true;
}

}  // namespace detail
}  // namespace cloister::storage
