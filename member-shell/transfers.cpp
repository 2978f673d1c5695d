#include "member-shell/transfers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"
#include "protocol/limits.h"

namespace cloister::member_shell {
namespace {

constexpr std::size_t at_once_max = 2;
constexpr Duration tell_every{500};

}  // namespace

struct Transfers::Moving {
  JobId job;
  Digest digest;
  std::uint64_t size = 0;
  bool leaves = false;
  std::uint64_t bytes = 0;  // that were moved so far
  std::unique_ptr<transport::Upload> upload;
  std::unique_ptr<transport::Download> download;
  std::shared_ptr<Descriptor> file;  // of a download
  std::filesystem::path part;
};

Transfers::Transfers(transport::EventLoop& loop, transport::Connection& connection, Places& places,
                     Tell tell)
    : loop_(loop), connection_(connection), places_(places), tell_(std::move(tell)) {}
Transfers::~Transfers() { *alive_ = false; }

void Transfers::tell_later(member::Event event) {
  loop_.after(Duration(0), [this, alive = alive_, event = std::move(event)] {
    if (*alive) tell_(event);
  });
}

void Transfers::add(const member::Upload& upload) {
  auto moving = std::make_unique<Moving>();
  moving->job = upload.job;
  moving->digest = upload.digest;
  moving->size = upload.size;
  moving->leaves = true;
  sums_[upload.job].bytes_whole += upload.size;
  queue_.push_back(std::move(moving));
  start_next();
}

void Transfers::add(const member::Download& download) {
  std::error_code ignored;
  if (std::filesystem::exists(places_.scratch(download.digest), ignored)) {
    tell_later(member::Downloaded{download.digest, download.size});
    return;
  }
  auto moving = std::make_unique<Moving>();
  moving->job = download.job;
  moving->digest = download.digest;
  moving->size = download.size;
  sums_[download.job].bytes_whole += download.size;
  queue_.push_back(std::move(moving));
  start_next();
}

void Transfers::stop(const JobId& job) {
  std::erase_if(queue_, [&](const auto& moving) { return moving->job == job; });
  std::erase_if(moving_, [&](const auto& entry) { return entry.second->job == job; });
  sums_.erase(job);
  start_next();
}

void Transfers::start_next() {
  while (moving_.size() < at_once_max && !queue_.empty()) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    const Digest digest = next->digest;
    if (moving_.contains(digest)) continue;  // the same blob is on its way; its end tells of it
    Moving& moving = *(moving_[digest] = std::move(next));
    if (moving.leaves) {
      start_upload(moving);
    } else {
      start_download(moving);
    }
  }
}

void Transfers::start_upload(Moving& moving) {
  const Digest digest = moving.digest;
  const auto path = places_.sendable(digest);
  auto source = path ? transport::read_from_file(*path, moving.size)
                     : Result<transport::ReadAt>(tl::unexpected<Error>(path.error()));
  if (!source) {
    loop_.after(Duration(0), [this, alive = alive_, digest, error = source.error()] {
      if (*alive) done(digest, tl::unexpected<Error>(error));
    });
    return;
  }
  moving.upload = std::make_unique<transport::Upload>(
      connection_, protocol::BlobOpen{digest, moving.size, moving.job}, std::move(*source),
      transport::TransferCallbacks{
          [this, digest](Result<void> outcome) { done(digest, std::move(outcome)); },
          [this, digest](std::uint64_t bytes, std::uint64_t) { progressed(digest, bytes); },
          !pacer_.limits() ? transport::TransferPace{}
                           : [this](std::uint64_t bytes,
                                    std::function<void()> go) { pace(bytes, std::move(go)); }});
}

void Transfers::pace(std::uint64_t bytes, std::function<void()> go) {
  loop_.after(pacer_.wait(bytes, loop_.monotonic()), [alive = alive_, go = std::move(go)] {
    if (*alive) go();
  });
}

void Transfers::start_download(Moving& moving) {
  const Digest digest = moving.digest;
  moving.part = places_.fresh(places_.home() / "scratch");
  moving.file = std::make_shared<Descriptor>(
      ::open(moving.part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!moving.file->is_open()) {
    loop_.after(Duration(0),
                [this, alive = alive_, digest, error = system_error(errno, "create", moving.part)] {
                  if (*alive) done(digest, tl::unexpected<Error>(error));
                });
    return;
  }
  moving.download = std::make_unique<transport::Download>(
      connection_, digest, moving.size == 0 ? protocol::limits::blob_bytes_max : moving.size,
      [file = moving.file, part = moving.part](BytesView bytes) {
        return write_all(*file, bytes, part);
      },
      transport::TransferCallbacks{
          [this, digest](Result<void> outcome) { done(digest, std::move(outcome)); },
          [this, digest](std::uint64_t bytes, std::uint64_t) { progressed(digest, bytes); }});
}

void Transfers::progressed(const Digest& digest, std::uint64_t bytes) {
  const auto found = moving_.find(digest);
  if (found == moving_.end()) return;
  Moving& moving = *found->second;
  Sum& sum = sums_[moving.job];
  sum.bytes += bytes - std::min(bytes, moving.bytes);
  moving.bytes = bytes;
  if (loop_.monotonic() - sum.told < tell_every) return;
  sum.told = loop_.monotonic();
  tell_later(member::TransferProgressed{moving.job, sum.bytes, sum.bytes_whole});
}

void Transfers::done(const Digest& digest, Result<void> outcome) {
  const auto found = moving_.find(digest);
  if (found == moving_.end()) return;
  const std::shared_ptr<Moving> moving = std::move(found->second);
  moving_.erase(found);
  if (outcome && moving->file) {
    const auto path = places_.scratch(digest);
    if (::fsync(moving->file->number()) != 0 || ::rename(moving->part.c_str(), path.c_str()) != 0) {
      outcome = tl::unexpected<Error>(system_error(errno, "write", path));
    }
  }
  if (!outcome && !moving->part.empty()) ::unlink(moving->part.c_str());
  if (!outcome) {
    tell_later(member::TransferFailed{digest, outcome.error()});
  } else if (moving->leaves) {
    tell_later(member::Uploaded{digest});
  } else {
    tell_later(member::Downloaded{digest, moving->size});
  }
  // The transfer that called us is destroyed only after it has returned.
  loop_.after(Duration(0), [moving] {});
  start_next();
}

}  // namespace cloister::member_shell
