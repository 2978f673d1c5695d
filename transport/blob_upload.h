// Sending one blob, as a state machine without input or output (see transfer.h for the shell).
//
//   state      event                next       actions
//   opening    start                opening    Open
//   opening    state(durable, c)    sending    Progress, Read up to c chunks from `durable` on; or
//   Done sending    chunk was read       sending    Send sending    sent(durable, c)     sending
//   Progress, Read more; Done when complete sending    refused as stale     opening    Open: the
//   coordinator lost its place, or restarted any        other refusal        failed     Failed
//
// Flow control by credit: never more than BlobState::credit chunks (1 to limits::chunk_credit,
// whatever the coordinator says) read or under way, so memory is flat for a blob of any size.
// Resuming is what always happens: sending starts at the durable offset that the coordinator
// reports, 0 for a new blob. A coordinator that talks of another blob, or that keeps losing its
// place without any progress, fails the upload.
#pragma once

#include <cstdint>
#include <set>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/messages.h"

namespace cloister::transport {

class BlobUpload {
 public:
  struct Open {
    protocol::BlobOpen request;
  };
  // Read these bytes of the source and hand them to on_read().
  struct Read {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
  };
  struct Send {
    protocol::BlobChunk request;
    Bytes payload;
  };
  struct Progress {
    std::uint64_t durable = 0;  // bytes that the coordinator has on its disk
    std::uint64_t size = 0;
  };
  struct Done {};
  struct Failed {
    Error error;
  };
  using Action = std::variant<Open, Read, Send, Progress, Done, Failed>;
  using Actions = std::vector<Action>;

  explicit BlobUpload(protocol::BlobOpen blob, std::uint32_t chunk_bytes = default_chunk_bytes);
  static constexpr std::uint32_t default_chunk_bytes = 1U << 20;

  [[nodiscard]] Actions start();
  [[nodiscard]] Actions on_read(std::uint64_t offset, Bytes bytes);
  // The answer to Open, or to the Send of `offset`.
  [[nodiscard]] Actions on_state(const protocol::BlobState& state);
  [[nodiscard]] Actions on_sent(std::uint64_t offset, const protocol::BlobState& state);
  [[nodiscard]] Actions on_open_refused(const Error& error);
  [[nodiscard]] Actions on_chunk_refused(std::uint64_t offset, const Error& error);

  [[nodiscard]] bool finished() const { return phase_ == Phase::done || phase_ == Phase::failed; }
  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }

 private:
  enum class Phase { opening, sending, done, failed };
  [[nodiscard]] Actions adopt(const protocol::BlobState& state);
  [[nodiscard]] Actions reopen();
  [[nodiscard]] Actions reopen_or_give_up(const Error& error);
  [[nodiscard]] Actions give_up(Error error);
  void read_more(Actions& actions);

  protocol::BlobOpen blob_;
  std::uint32_t chunk_bytes_;
  Phase phase_ = Phase::opening;
  std::uint64_t durable_ = 0;
  std::uint64_t next_ = 0;  // first byte not yet asked for
  std::uint32_t credit_ = 0;
  std::uint32_t reopened_ = 0;  // without progress in between
  std::set<std::uint64_t> under_way_;
};

}  // namespace cloister::transport
