// Fetching one blob, as a state machine without input or output (see transfer.h for the shell).
//
// Asks for up to limits::chunk_credit chunks ahead and hands them on strictly in order; chunks that
// overtake others wait (at most chunk_credit of them: memory is flat). The whole
// blob's digest is checked here, by hashing in order, before Done. A server that changes its mind
// about the size, sends other offsets or lengths than asked for, or other bytes than the digest
// promises is refused with "blob.*".
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "protocol/messages.h"

namespace cloister::transport {

class BlobDownload {
 public:
  struct Get {
    protocol::BlobGet request;
  };
  // The next bytes, in order.
  struct Write {
    std::uint64_t offset = 0;
    Bytes bytes;
  };
  struct Progress {
    std::uint64_t written = 0;
    std::uint64_t size = 0;
  };
  struct Done {};
  struct Failed {
    Error error;
  };
  using Action = std::variant<Get, Write, Progress, Done, Failed>;
  using Actions = std::vector<Action>;

  // `size_max` refuses a blob that is larger than the caller is ready for.
  BlobDownload(const Digest& digest, std::uint64_t size_max,
               std::uint32_t chunk_bytes = default_chunk_bytes);
  static constexpr std::uint32_t default_chunk_bytes = 1U << 20;

  // To resume, hash what is there already: every byte before `start()` counts as written.
  void already_there(BytesView bytes);
  [[nodiscard]] Actions start();
  [[nodiscard]] Actions on_data(std::uint64_t asked_offset, const protocol::BlobData& data,
                                Bytes payload);
  [[nodiscard]] Actions on_refused(const Error& error);

  [[nodiscard]] bool finished() const { return phase_ == Phase::done || phase_ == Phase::failed; }

 private:
  enum class Phase { first, running, done, failed };
  [[nodiscard]] Actions give_up(Error error);
  void ask_more(Actions& actions);
  void hand_on(Actions& actions);

  Digest digest_;
  std::uint64_t size_max_;
  std::uint32_t chunk_bytes_;
  Phase phase_ = Phase::first;
  std::uint64_t size_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t next_ = 0;                // first byte not yet asked for
  std::set<std::uint64_t> asked_;         // offsets under way
  std::map<std::uint64_t, Bytes> early_;  // arrived, but not yet in order
  crypto::Sha256 hash_;
};

}  // namespace cloister::transport
