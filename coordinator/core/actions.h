// What the coordinator's core wants done, in this order. Imperatives. Each request's token is
// answered exactly once: by Reply or AnswerPoll, or by the shell once it has performed one of the
// actions that carry a token.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "coordinator/core/events.h"
#include "coordinator/core/planner.h"

namespace cloister::coordinator {

struct Reply {
  Token token = 0;
  protocol::Reply reply;
};
// Add the newest checkpoint, the consistency proof from `head_size` to it and the peers' heads,
// then answer.
struct AnswerPoll {
  Token token = 0;
  MemberId member;
  std::uint64_t head_size = 0;
  protocol::Work work;
};
// Put before the sequencer with Coordinator::check() as the further rule, all records or none; tell
// the core of those placed; answer with Receipts once durable, or Refused.
struct Admit {
  Token token = 0;
  MemberId member;  // who sent them; asked about again when they are judged
  std::vector<Bytes> envelopes;
};
// Complete, sign and place a record of our own, before any other event is handed to the core.
struct Append {
  Draft draft;
};
struct ReadRecords {
  Token token = 0;
  MemberId member;
  protocol::FetchRecords range;
};
struct ReadSigner {
  Token token = 0;
  MemberId member;
};
// Answer with Told: the record's place, its proof in the tree of `size` records, and the
// checkpoints from there on that agents cosigned.
struct ReadWitnessed {
  Token token = 0;
  Digest record;
  std::uint64_t size = 0;
};
struct OpenBlob {
  Token token = 0;
  MemberId owner;
  protocol::BlobOpen open;
};
// Bytes of an upload that the same member opened.
struct WriteChunk {
  Token token = 0;
  MemberId owner;
  protocol::BlobChunk chunk;
};
struct ReadBlob {
  Token token = 0;
  protocol::BlobGet get;
};
struct StoreWraps {
  Token token = 0;
  protocol::PutWraps put;
};
struct ReadWraps {
  Token token = 0;
  MemberId reader;
  std::vector<Digest> blobs;
};
// Destroy every key wrap of these blobs, before the actions that follow: they were withdrawn.
struct EraseWraps {
  std::vector<Digest> blobs;
};
// Verify the member's cosignature over the checkpoint of this size and keep it for its peers.
struct KeepCosignature {
  MemberId member;
  std::uint64_t size = 0;
  Bytes line;
};
// Durable before the actions that follow.
struct KeepEnrolments {
  std::string json;
};
// The registry that the transport asks on every message.
struct BindMember {
  MemberId member;
  protocol::MemberKeys keys;
};
struct RevokeMember {
  MemberId member;
};

using Action = std::variant<Reply, AnswerPoll, Admit, Append, ReadRecords, ReadSigner,
                            ReadWitnessed, OpenBlob, WriteChunk, ReadBlob, StoreWraps, ReadWraps,
                            EraseWraps, KeepCosignature, KeepEnrolments, BindMember, RevokeMember>;
using Actions = std::vector<Action>;

}  // namespace cloister::coordinator
