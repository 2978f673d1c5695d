// Messages that move blobs and key wraps. See protocol/messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "protocol/roles.h"

namespace cloister::protocol {

// --- Blobs: content-addressed, resumable to the chunk
// ---------------------------------------------------

struct BlobOpen {
  Digest digest;  // of the whole blob
  std::uint64_t size = 0;
  JobId job;  // under which job and quota it is sent
  friend bool operator==(const BlobOpen&, const BlobOpen&) = default;
};
struct BlobState {
  Digest digest;
  std::uint64_t size = 0;
  std::uint64_t durable = 0;  // contiguous bytes already on disk; == size and complete: done
  bool complete = false;      // hash checked
  std::uint32_t credit = 0;   // chunks that may be under way at once
  friend bool operator==(const BlobState&, const BlobState&) = default;
};
// The bytes travel in a frame of their own behind the envelope. What vouches for them is the digest
// of the whole in the signed BlobOpen, checked before the blob counts; on the way CURVE
// authenticates them.
struct BlobChunk {
  Digest digest;  // of the whole blob
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  friend bool operator==(const BlobChunk&, const BlobChunk&) = default;
};
struct BlobGet {
  Digest digest;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  friend bool operator==(const BlobGet&, const BlobGet&) = default;
};
// Answer to BlobGet; bytes in the payload frame. Whoever asked checks the whole against the digest.
struct BlobData {
  Digest digest;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const BlobData&, const BlobData&) = default;
};

// Wraps of shard keys: kept apart from the shards, so that destroying them erases the shards.
struct KeyWrap {
  Digest shard;  // of the sealed shard
  Bytes wrap;    // the shard key sealed to its recipient
  friend bool operator==(const KeyWrap&, const KeyWrap&) = default;
};
struct PutWraps {
  StudyId study;
  JobId job;
  MemberId recipient;
  std::vector<KeyWrap> wraps;
  friend bool operator==(const PutWraps&, const PutWraps&) = default;
};
struct GetWraps {
  std::vector<Digest> shards;
  friend bool operator==(const GetWraps&, const GetWraps&) = default;
};
struct Wraps {
  std::vector<KeyWrap> wraps;
  friend bool operator==(const Wraps&, const Wraps&) = default;
};

}  // namespace cloister::protocol
