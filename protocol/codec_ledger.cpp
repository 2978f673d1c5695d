#include "protocol/codec_messages.h"
#include "protocol/ledger.pb.h"
#include "protocol/limits.h"

namespace cloister::protocol::codec {

void write(const Submit& from, v1::Submit& to) {
  for (const Bytes& envelope : from.envelopes) to.add_envelopes(to_string(envelope));
}

Submit read(const v1::Submit& from, Fields& fields) {
  Submit to;
  if (!fields.count("envelopes", from.envelopes_size(), limits::records_max)) return to;
  for (const std::string& envelope : from.envelopes()) {
    to.envelopes.push_back(fields.bytes("envelopes", envelope, limits::envelope_bytes_max));
  }
  return to;
}

void write(const Receipts& from, v1::Receipts& to) {
  for (const Receipt& receipt : from.receipts) {
    v1::Receipt& one = *to.add_receipts();
    one.set_index(receipt.index);
    one.set_leaf_hash(to_string(receipt.leaf_hash));
  }
  to.set_checkpoint(to_string(from.checkpoint));
}

Receipts read(const v1::Receipts& from, Fields& fields) {
  Receipts to;
  if (!fields.count("receipts", from.receipts_size(), limits::records_max)) return to;
  for (const v1::Receipt& receipt : from.receipts()) {
    to.receipts.push_back(
        {.index = receipt.index(), .leaf_hash = fields.digest("leaf_hash", receipt.leaf_hash())});
  }
  to.checkpoint = fields.bytes("checkpoint", from.checkpoint(), limits::checkpoint_bytes_max);
  return to;
}

void write(const FetchRecords& from, v1::FetchRecords& to) {
  to.set_from(from.from);
  to.set_count(from.count);
}

FetchRecords read(const v1::FetchRecords& from, Fields& fields) {
  return FetchRecords{
      .from = from.from(),
      .count = fields.at_most<std::uint32_t>("count", from.count(), limits::records_max)};
}

void write(const Records& from, v1::Records& to) {
  for (const LedgerEntry& entry : from.entries) {
    v1::LedgerEntry& one = *to.add_entries();
    one.set_index(entry.index);
    one.set_leaf(to_string(entry.leaf));
    one.set_envelope(to_string(entry.envelope));
  }
  to.set_checkpoint(to_string(from.checkpoint));
}

Records read(const v1::Records& from, Fields& fields) {
  Records to;
  if (!fields.count("entries", from.entries_size(), limits::records_max)) return to;
  for (const v1::LedgerEntry& entry : from.entries()) {
    to.entries.push_back(
        {.index = entry.index(),
         .leaf = fields.bytes("leaf", entry.leaf(), limits::envelope_bytes_max),
         .envelope = fields.bytes("envelope", entry.envelope(), limits::envelope_bytes_max)});
  }
  to.checkpoint = fields.bytes("checkpoint", from.checkpoint(), limits::checkpoint_bytes_max);
  return to;
}

void write(const FetchSigner& from, v1::FetchSigner& to) { to.set_member(from.member.text()); }

FetchSigner read(const v1::FetchSigner& from, Fields& fields) {
  return FetchSigner{.member = fields.id<MemberId>("member", from.member())};
}

void write(const SignerState& from, v1::SignerState& to) {
  to.set_last_seq(from.last_seq);
  to.set_last_leaf(optional_to_string(from.last_leaf));
}

SignerState read(const v1::SignerState& from, Fields& fields) {
  return SignerState{.last_seq = from.last_seq(),
                     .last_leaf = fields.optional_digest("last_leaf", from.last_leaf())};
}

}  // namespace cloister::protocol::codec
