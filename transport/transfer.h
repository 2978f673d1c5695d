// Blobs over a Connection: the shell around blob_upload.h and blob_download.h.
//
// Memory stays at a few chunks for blobs of any size. A broken connection or a restarted
// coordinator needs nothing from the caller: sending goes on at the last durable byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"
#include "protocol/messages.h"
#include "transport/connection.h"

namespace cloister::transport {

// Fills the span with the bytes at `offset`, all of it. May be asked for the same bytes again.
using ReadAt = std::function<Result<void>(std::uint64_t offset, std::span<std::uint8_t> out)>;
// Takes the next bytes; in order, each once.
using WriteNext = std::function<Result<void>(BytesView bytes)>;
using TransferProgress = std::function<void(std::uint64_t bytes, std::uint64_t size)>;
using TransferDone = std::function<void(Result<void>)>;

// "blob.source" if the file is missing, unreadable or not of the promised size.
[[nodiscard]] Result<ReadAt> read_from_file(const std::filesystem::path& path, std::uint64_t size);
[[nodiscard]] ReadAt read_from_memory(Bytes content);

// Calls `go` once this many more bytes may leave, now or later, in the order in which it was asked.
using TransferPace = std::function<void(std::uint64_t bytes, std::function<void()> go)>;

struct TransferCallbacks {
  TransferDone done;          // once; the transfer may be destroyed inside it
  TransferProgress progress;  // may be empty
  TransferPace pace = {};     // of an upload; empty: as fast as the line takes it
};

// Both stop silently when destroyed: the coordinator keeps what is durable. The connection must
// outlive them.
class Upload {
 public:
  Upload(Connection& connection, const protocol::BlobOpen& blob, ReadAt source,
         TransferCallbacks callbacks);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  struct Inner;

 private:
  std::shared_ptr<Inner> inner_;
};

class Download {
 public:
  // What arrived counts only after `done` said so: the digest is checked at the end.
  Download(Connection& connection, const Digest& digest, std::uint64_t size_max, WriteNext sink,
           TransferCallbacks callbacks);
  ~Download();
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  struct Inner;

 private:
  std::shared_ptr<Inner> inner_;
};

}  // namespace cloister::transport
