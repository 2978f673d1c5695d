#include "protocol/blob.pb.h"
#include "protocol/codec_messages.h"
#include "protocol/limits.h"

namespace cloister::protocol::codec {
namespace {

constexpr auto chunk_max = static_cast<std::uint32_t>(limits::chunk_bytes_max);

using google::protobuf::RepeatedPtrField;

void write_wraps(const std::vector<KeyWrap>& from, RepeatedPtrField<v1::KeyWrap>& to) {
  for (const KeyWrap& wrap : from) {
    v1::KeyWrap& one = *to.Add();
    one.set_shard(to_string(wrap.shard));
    one.set_wrap(to_string(wrap.wrap));
  }
}

std::vector<KeyWrap> read_wraps(const RepeatedPtrField<v1::KeyWrap>& from, Fields& fields) {
  std::vector<KeyWrap> to;
  if (!fields.count("wraps", from.size(), limits::wraps_max)) return to;
  for (const v1::KeyWrap& wrap : from) {
    to.push_back({.shard = fields.digest("shard", wrap.shard()),
                  .wrap = fields.bytes("wrap", wrap.wrap(), limits::wrap_bytes_max)});
  }
  return to;
}

}  // namespace

void write(const BlobOpen& from, v1::BlobOpen& to) {
  to.set_digest(to_string(from.digest));
  to.set_size(from.size);
  to.set_job(from.job.text());
}

BlobOpen read(const v1::BlobOpen& from, Fields& fields) {
  return BlobOpen{.digest = fields.digest("digest", from.digest()),
                  .size = fields.at_most("size", from.size(), limits::blob_bytes_max),
                  .job = fields.id<JobId>("job", from.job())};
}

void write(const BlobState& from, v1::BlobState& to) {
  to.set_digest(to_string(from.digest));
  to.set_size(from.size);
  to.set_durable(from.durable);
  to.set_complete(from.complete);
  to.set_credit(from.credit);
}

BlobState read(const v1::BlobState& from, Fields& fields) {
  return BlobState{.digest = fields.digest("digest", from.digest()),
                   .size = fields.at_most("size", from.size(), limits::blob_bytes_max),
                   .durable = fields.at_most("durable", from.durable(), from.size()),
                   .complete = from.complete(),
                   .credit = from.credit()};
}

void write(const BlobChunk& from, v1::BlobChunk& to) {
  to.set_digest(to_string(from.digest));
  to.set_offset(from.offset);
  to.set_length(from.length);
}

BlobChunk read(const v1::BlobChunk& from, Fields& fields) {
  return BlobChunk{.digest = fields.digest("digest", from.digest()),
                   .offset = fields.at_most("offset", from.offset(), limits::blob_bytes_max),
                   .length = fields.at_most("length", from.length(), chunk_max)};
}

void write(const BlobGet& from, v1::BlobGet& to) {
  to.set_digest(to_string(from.digest));
  to.set_offset(from.offset);
  to.set_length(from.length);
}

BlobGet read(const v1::BlobGet& from, Fields& fields) {
  return BlobGet{.digest = fields.digest("digest", from.digest()),
                 .offset = fields.at_most("offset", from.offset(), limits::blob_bytes_max),
                 .length = fields.at_most("length", from.length(), chunk_max)};
}

void write(const BlobData& from, v1::BlobData& to) {
  to.set_digest(to_string(from.digest));
  to.set_size(from.size);
  to.set_offset(from.offset);
}

BlobData read(const v1::BlobData& from, Fields& fields) {
  return BlobData{.digest = fields.digest("digest", from.digest()),
                  .size = fields.at_most("size", from.size(), limits::blob_bytes_max),
                  .offset = fields.at_most("offset", from.offset(), from.size())};
}

void write(const PutWraps& from, v1::PutWraps& to) {
  to.set_study(from.study.text());
  to.set_job(from.job.text());
  to.set_recipient(from.recipient.text());
  write_wraps(from.wraps, *to.mutable_wraps());
}

PutWraps read(const v1::PutWraps& from, Fields& fields) {
  return PutWraps{.study = fields.id<StudyId>("study", from.study()),
                  .job = fields.id<JobId>("job", from.job()),
                  .recipient = fields.id<MemberId>("recipient", from.recipient()),
                  .wraps = read_wraps(from.wraps(), fields)};
}

void write(const GetWraps& from, v1::GetWraps& to) {
  for (const Digest& shard : from.shards) to.add_shards(to_string(shard));
}

GetWraps read(const v1::GetWraps& from, Fields& fields) {
  GetWraps to;
  if (!fields.count("shards", from.shards_size(), limits::wraps_max)) return to;
  for (const std::string& shard : from.shards()) to.shards.push_back(fields.digest("shard", shard));
  return to;
}

void write(const Wraps& from, v1::Wraps& to) { write_wraps(from.wraps, *to.mutable_wraps()); }

Wraps read(const v1::Wraps& from, Fields& fields) {
  return Wraps{.wraps = read_wraps(from.wraps(), fields)};
}

}  // namespace cloister::protocol::codec
