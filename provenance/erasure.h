// Erasing the words that people wrote into a record, such that they are gone and every proof holds.
//
// The leaf stays: it proves that something with that hash was signed at that place. So does all
// that programs act on: kind, actor, order, inputs, subjects, permits. What goes are the reasons
// that people typed, and the record's id: its random bits are what keeps a short sentence from
// being guessed and tried against the hash in the leaf. The rest, the *remains*, stands where the
// payload stood. Its signature cannot be checked any more, so the erasure is a signed record
// itself, names the hash of the remains, and every audit, report and export says under which record
// the words went. (The coordinator's own view of a study says only that they are gone.)
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "provenance/ledger.h"

namespace cloister::provenance {

inline constexpr std::string_view erased_words = "[erased]";

// An erase.executed record whose details.what is "words". (Others tell of destroyed key wraps.)
struct Erasure {
  Digest record;  // leaf hash of the record whose words are gone: the only subject
  RecordKind kind = RecordKind::access_logged;  // of that record
  Digest payload;                               // SHA-256 of what was signed: gives the leaf again
  Digest remains;                               // SHA-256 of what is left
};
// Nothing if this record is no erasure of words; "erasure.format" if it is none that can be read.
[[nodiscard]] Result<std::optional<Erasure>> erasure_in(const Record& record);

// What is left of a record; the remains of remains are themselves. "erasure.kind": everybody checks
// the signature of such a record for as long as the consortium lasts (keys, policies, plans).
// "erasure.nothing": nobody wrote anything into it.
[[nodiscard]] Result<Record> remains_of(Record record, const Digest& leaf_hash);

// The record that erases the words of this one: to be completed and signed. Errors of remains_of;
// "erasure.done" if its words are gone already.
[[nodiscard]] Result<Record> erasure_of(const StoredRecord& stored);

// The erasure of this record's words, if the ledger holds one.
[[nodiscard]] Result<std::optional<ErasedBy>> erased_by(const LedgerReader& reader,
                                                        const Digest& leaf_hash);

}  // namespace cloister::provenance
