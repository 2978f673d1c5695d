#include "transport/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/descriptor.h"
#include "base/file.h"
#include "transport/blob_download.h"
#include "transport/blob_upload.h"

namespace cloister::transport {
namespace {

tl::unexpected<Error> bad_source(const std::filesystem::path& path, std::string_view why) {
  return fail(Kind::not_found, "blob.source",
              fmt::format("The file '{}' cannot be sent. {}", path.string(), why),
              "It must stay as it is until it has been sent.");
}

}  // namespace

Result<ReadAt> read_from_file(const std::filesystem::path& path, std::uint64_t size) {
  auto file = std::make_shared<Descriptor>(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file->is_open() || fstat(file->number(), &status) != 0) {
    return bad_source(path, system_error(errno, "open", path).what);
  }
  if (static_cast<std::uint64_t>(status.st_size) != size) {
    return bad_source(path, fmt::format("It has {} bytes, not {}.", status.st_size, size));
  }
  return ReadAt([file, path](std::uint64_t offset, std::span<std::uint8_t> out) -> Result<void> {
    const auto got = read_at(*file, out, offset, path);
    if (!got) return bad_source(path, got.error().what);
    if (*got < out.size()) return bad_source(path, "It has become shorter.");
    return {};
  });
}

ReadAt read_from_memory(Bytes content) {
  return [bytes = std::make_shared<const Bytes>(std::move(content))](
             std::uint64_t offset, std::span<std::uint8_t> out) -> Result<void> {
    if (offset > bytes->size() || out.size() > bytes->size() - offset) {
      return fail(Kind::invalid, "blob.source", "The content is shorter than was promised.", "");
    }
    std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  };
}

// Kept alive by whoever calls back; `connection` is null once the owner has gone.
struct Upload::Inner : std::enable_shared_from_this<Inner> {
  Inner(Connection& its_connection, const protocol::BlobOpen& blob, ReadAt its_source,
        TransferCallbacks its_callbacks)
      : connection(&its_connection),
        machine(blob),
        source(std::move(its_source)),
        callbacks(std::move(its_callbacks)) {}

  void perform(BlobUpload::Actions actions) {
    for (auto& action : actions) {
      if (connection == nullptr) return;
      std::visit([this](auto& one) { perform_one(one); }, action);
    }
  }

  void perform_one(BlobUpload::Open& open) {
    // The chunks still under way belong to a place that is no more.
    for (RequestId id : under_way) connection->cancel(id);
    under_way.clear();
    ++round;
    ask(open.request, {}, [this](const Result<protocol::BlobState>& state) {
      return state ? machine.on_state(*state) : machine.on_open_refused(state.error());
    });
  }

  void perform_one(BlobUpload::Read& read) {
    Bytes bytes(read.length);
    if (auto got = source(read.offset, bytes); !got) {
      finish(pass(got));
      return;
    }
    perform(machine.on_read(read.offset, std::move(bytes)));
  }

  void perform_one(BlobUpload::Send& send) {
    if (!callbacks.pace) return send_now(send);
    auto waiting = std::make_shared<BlobUpload::Send>(std::move(send));
    const std::uint64_t bytes = waiting->payload.size();
    callbacks.pace(bytes, [self = weak_from_this(), waiting, of = round] {
      const auto alive = self.lock();
      // A new opening asks for its own chunks.
      if (!alive || alive->connection == nullptr || alive->round != of) return;
      alive->send_now(*waiting);
    });
  }

  void send_now(BlobUpload::Send& send) {
    const std::uint64_t offset = send.request.offset;
    ask(send.request, std::move(send.payload),
        [this, offset](const Result<protocol::BlobState>& state) {
          return state ? machine.on_sent(offset, *state)
                       : machine.on_chunk_refused(offset, state.error());
        });
  }

  void perform_one(BlobUpload::Progress& progress) {
    if (callbacks.progress) callbacks.progress(progress.durable, progress.size);
  }
  void perform_one(BlobUpload::Done&) { finish({}); }
  void perform_one(BlobUpload::Failed& failed) { finish(tl::unexpected<Error>(failed.error)); }

  template <class OnAnswer>
  void ask(protocol::Request request, Bytes payload, OnAnswer on_answer) {
    auto id = std::make_shared<RequestId>();
    *id = connection->ask(
        std::move(request),
        [self = weak_from_this(), id, on_answer](Result<Answer> answer) {
          const auto alive = self.lock();
          if (!alive || alive->connection == nullptr) return;
          alive->under_way.erase(*id);
          alive->perform(on_answer(reply_as<protocol::BlobState>(std::move(answer))));
        },
        std::move(payload));
    under_way.insert(*id);
  }

  void finish(Result<void> result) {
    stop();
    const auto self = shared_from_this();
    if (callbacks.done) callbacks.done(std::move(result));
  }

  void stop() {
    if (connection == nullptr) return;
    for (RequestId id : under_way) connection->cancel(id);
    under_way.clear();
    connection = nullptr;
  }

  Connection* connection;
  BlobUpload machine;
  ReadAt source;
  TransferCallbacks callbacks;
  std::set<RequestId> under_way;
  std::uint64_t round = 0;  // openings so far
};

Upload::Upload(Connection& connection, const protocol::BlobOpen& blob, ReadAt source,
               TransferCallbacks callbacks)
    : inner_(std::make_shared<Inner>(connection, blob, std::move(source), std::move(callbacks))) {
  inner_->perform(inner_->machine.start());
}
Upload::~Upload() { inner_->stop(); }

struct Download::Inner : std::enable_shared_from_this<Inner> {
  Inner(Connection& its_connection, const Digest& digest, std::uint64_t size_max,
        WriteNext its_sink, TransferCallbacks its_callbacks)
      : connection(&its_connection),
        machine(digest, size_max),
        sink(std::move(its_sink)),
        callbacks(std::move(its_callbacks)) {}

  void perform(BlobDownload::Actions actions) {
    for (auto& action : actions) {
      if (connection == nullptr) return;
      std::visit([this](auto& one) { perform_one(one); }, action);
    }
  }

  void perform_one(BlobDownload::Get& get) {
    auto id = std::make_shared<RequestId>();
    *id = connection->ask(get.request, [self = weak_from_this(), id,
                                        offset = get.request.offset](Result<Answer> answer) {
      const auto alive = self.lock();
      if (!alive || alive->connection == nullptr) return;
      alive->under_way.erase(*id);
      Bytes payload = answer ? std::move(answer->payload) : Bytes{};
      auto data = reply_as<protocol::BlobData>(std::move(answer));
      alive->perform(data ? alive->machine.on_data(offset, *data, std::move(payload))
                          : alive->machine.on_refused(data.error()));
    });
    under_way.insert(*id);
  }

  void perform_one(BlobDownload::Write& write) {
    if (auto written = sink(write.bytes); !written) finish(pass(written));
  }
  void perform_one(BlobDownload::Progress& progress) {
    if (callbacks.progress) callbacks.progress(progress.written, progress.size);
  }
  void perform_one(BlobDownload::Done&) { finish({}); }
  void perform_one(BlobDownload::Failed& failed) { finish(tl::unexpected<Error>(failed.error)); }

  void finish(Result<void> result) {
    stop();
    const auto self = shared_from_this();
    if (callbacks.done) callbacks.done(std::move(result));
  }

  void stop() {
    if (connection == nullptr) return;
    for (RequestId id : under_way) connection->cancel(id);
    under_way.clear();
    connection = nullptr;
  }

  Connection* connection;
  BlobDownload machine;
  WriteNext sink;
  TransferCallbacks callbacks;
  std::set<RequestId> under_way;
};

Download::Download(Connection& connection, const Digest& digest, std::uint64_t size_max,
                   WriteNext sink, TransferCallbacks callbacks)
    : inner_(std::make_shared<Inner>(connection, digest, size_max, std::move(sink),
                                     std::move(callbacks))) {
  inner_->perform(inner_->machine.start());
}
Download::~Download() { inner_->stop(); }

}  // namespace cloister::transport
