#include "transport/blob_upload.h"

#include <algorithm>

#include "base/ensure.h"
#include "protocol/limits.h"

namespace cloister::transport {
namespace {

// Times that the coordinator may lose its place without a byte of progress in between.
constexpr std::uint32_t reopened_max = 10;

// Built in place: g++ 12 warns of uninitialised members when a variant is moved in.
template <class One>
BlobUpload::Actions only(One one) {
  BlobUpload::Actions actions;
  actions.emplace_back(std::in_place_type<One>, std::move(one));
  return actions;
}

}  // namespace

BlobUpload::BlobUpload(protocol::BlobOpen blob, std::uint32_t chunk_bytes)
    : blob_(std::move(blob)), chunk_bytes_(chunk_bytes) {
  ensure(chunk_bytes >= 1 && chunk_bytes <= protocol::limits::chunk_bytes_max, "a chunk's size");
}

BlobUpload::Actions BlobUpload::start() { return only(BlobUpload::Open{blob_}); }

BlobUpload::Actions BlobUpload::on_read(std::uint64_t offset, Bytes bytes) {
  // Reads of before a reopening are of no use any more.
  if (phase_ != Phase::sending || !under_way_.contains(offset)) return {};
  protocol::BlobChunk chunk{
      .digest = blob_.digest, .offset = offset, .length = static_cast<std::uint32_t>(bytes.size())};
  return only(Send{std::move(chunk), std::move(bytes)});
}

BlobUpload::Actions BlobUpload::on_state(const protocol::BlobState& state) {
  if (phase_ != Phase::opening) return {};
  phase_ = Phase::sending;
  durable_ = 0;  // the coordinator decides where it goes on; it may have lost some
  next_ = std::min(state.durable, blob_.size);
  return adopt(state);
}

BlobUpload::Actions BlobUpload::on_sent(std::uint64_t offset, const protocol::BlobState& state) {
  if (phase_ != Phase::sending || under_way_.erase(offset) == 0) return {};
  return adopt(state);
}

BlobUpload::Actions BlobUpload::on_open_refused(const Error& error) {
  return phase_ == Phase::opening ? reopen_or_give_up(error) : Actions{};
}

BlobUpload::Actions BlobUpload::on_chunk_refused(std::uint64_t offset, const Error& error) {
  if (phase_ != Phase::sending || !under_way_.contains(offset)) return {};
  return reopen_or_give_up(error);
}

BlobUpload::Actions BlobUpload::reopen_or_give_up(const Error& error) {
  return error.kind == Kind::stale ? reopen() : give_up(error);
}

BlobUpload::Actions BlobUpload::adopt(const protocol::BlobState& state) {
  if (state.digest != blob_.digest || state.size != blob_.size) {
    return give_up({Kind::corrupt, "blob.other", "The coordinator answered about another blob.",
                    "Check that the coordinator has the same version as this program."});
  }
  Actions actions;
  if (state.durable > durable_) {
    durable_ = state.durable;
    reopened_ = 0;
    actions.emplace_back(Progress{durable_, blob_.size});
  }
  if (state.complete) {
    phase_ = Phase::done;
    under_way_.clear();
    actions.emplace_back(Done{});
    return actions;
  }
  credit_ = std::clamp(state.credit, 1U, protocol::limits::chunk_credit);
  read_more(actions);
  // All is sent and answered, and still not complete: ask where it stands.
  if (under_way_.empty()) return reopen();
  return actions;
}

void BlobUpload::read_more(Actions& actions) {
  while (next_ < blob_.size && under_way_.size() < credit_) {
    const auto length =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk_bytes_, blob_.size - next_));
    actions.emplace_back(Read{next_, length});
    under_way_.insert(next_);
    next_ += length;
  }
}

BlobUpload::Actions BlobUpload::reopen() {
  if (++reopened_ > reopened_max) {
    return give_up(
        {Kind::conflict, "blob.no_progress",
         "The coordinator keeps losing its place in this upload.",
         "Look at the coordinator's log and the space on its disk, then retry the job."});
  }
  phase_ = Phase::opening;
  under_way_.clear();
  return only(BlobUpload::Open{blob_});
}

BlobUpload::Actions BlobUpload::give_up(Error error) {
  phase_ = Phase::failed;
  under_way_.clear();
  return only(Failed{std::move(error)});
}

}  // namespace cloister::transport
