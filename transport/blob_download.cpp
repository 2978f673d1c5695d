#include "transport/blob_download.h"

#include <algorithm>

#include "base/ensure.h"
#include "protocol/limits.h"

namespace cloister::transport {
namespace {

Error inconsistent(std::string_view detail) {
  return {Kind::corrupt, "blob.inconsistent", fmt::format("The coordinator sent {}.", detail),
          "Fetch it again; if this repeats, check the coordinator's disk."};
}

// Built in place: g++ 12 warns of uninitialised members when a variant is moved in.
template <class One>
BlobDownload::Actions only(One one) {
  BlobDownload::Actions actions;
  actions.emplace_back(std::in_place_type<One>, std::move(one));
  return actions;
}

}  // namespace

BlobDownload::BlobDownload(const Digest& digest, std::uint64_t size_max, std::uint32_t chunk_bytes)
    : digest_(digest), size_max_(size_max), chunk_bytes_(chunk_bytes) {
  ensure(chunk_bytes >= 1 && chunk_bytes <= protocol::limits::chunk_bytes_max, "a chunk's size");
}

void BlobDownload::already_there(BytesView bytes) {
  ensure(phase_ == Phase::first && asked_.empty(), "what is there is said before the start");
  hash_.add(bytes);
  written_ += bytes.size();
  next_ = written_;
}

BlobDownload::Actions BlobDownload::start() {
  asked_.insert(next_);
  return only(BlobDownload::Get{{.digest = digest_, .offset = next_, .length = chunk_bytes_}});
}

BlobDownload::Actions BlobDownload::on_data(std::uint64_t asked_offset,
                                            const protocol::BlobData& data, Bytes payload) {
  if (finished() || !asked_.contains(asked_offset)) return {};
  if (data.digest != digest_ || data.offset != asked_offset) {
    return give_up(inconsistent("other bytes than asked for"));
  }
  if (phase_ == Phase::first) {
    if (data.size > size_max_) {
      return give_up(
          {Kind::exhausted, "blob.too_large",
           fmt::format("The blob has {} bytes; at most {} are expected.", data.size, size_max_),
           "Raise the limit if that size is right."});
    }
    size_ = data.size;
    phase_ = Phase::running;
  }
  const std::uint64_t expected =
      asked_offset > size_ ? 0 : std::min<std::uint64_t>(chunk_bytes_, size_ - asked_offset);
  if (data.size != size_ || asked_offset > size_ || payload.size() != expected) {
    return give_up(inconsistent("another length than the blob has"));
  }
  asked_.erase(asked_offset);
  next_ = std::max(next_, asked_offset + expected);
  early_[asked_offset] = std::move(payload);
  Actions actions;
  hand_on(actions);
  if (!finished()) ask_more(actions);
  return actions;
}

void BlobDownload::hand_on(Actions& actions) {
  while (!early_.empty() && early_.begin()->first == written_) {
    Bytes bytes = std::move(early_.begin()->second);
    early_.erase(early_.begin());
    hash_.add(bytes);
    const std::uint64_t offset = written_;
    written_ += bytes.size();
    if (bytes.empty()) break;  // an empty blob, or all was there already
    actions.emplace_back(Write{offset, std::move(bytes)});
  }
  actions.emplace_back(Progress{written_, size_});
  if (written_ < size_) return;
  if (hash_.finish() == digest_) {
    phase_ = Phase::done;
    actions.emplace_back(Done{});
  } else {
    phase_ = Phase::failed;
    actions.emplace_back(Failed{inconsistent("bytes that are not what their digest promises")});
  }
}

void BlobDownload::ask_more(Actions& actions) {
  while (next_ < size_ && asked_.size() + early_.size() < protocol::limits::chunk_credit) {
    const auto length =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk_bytes_, size_ - next_));
    actions.emplace_back(Get{{.digest = digest_, .offset = next_, .length = length}});
    asked_.insert(next_);
    next_ += length;
  }
}

BlobDownload::Actions BlobDownload::on_refused(const Error& error) {
  return finished() ? Actions{} : give_up(error);
}

BlobDownload::Actions BlobDownload::give_up(Error error) {
  phase_ = Phase::failed;
  early_.clear();
  asked_.clear();
  return only(Failed{std::move(error)});
}

}  // namespace cloister::transport
