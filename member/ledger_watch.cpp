#include "member/ledger_watch.h"

#include <algorithm>

#include "base/ensure.h"
#include "crypto/hash.h"

namespace cloister::member {
namespace {

const std::string head_key = "head";
const std::string halted_key = "halted";

// Which log this is gets pinned with the first head: its name stands in every later one.
Result<provenance::NoteKey> log_key(const provenance::Note& note, const crypto::PublicKey& log) {
  const auto checkpoint = provenance::parse_checkpoint(note.text);
  if (!checkpoint) return pass(checkpoint);
  return provenance::NoteKey{checkpoint->origin, provenance::NoteKeyType::ed25519, log};
}

Result<std::vector<Digest>> proof_of(const protocol::Work& work) {
  std::vector<Digest> proof;
  for (const Bytes& hash : work.consistency) {
    const auto digest = digest_from_bytes(hash);
    if (!digest) return pass(digest);
    proof.push_back(*digest);
  }
  return proof;
}

// Heads that other sites cosigned: of the same size they must be ours. Other sizes are compared
// when our own head gets there.
bool may_contradict(const provenance::Note& theirs, const provenance::Note& ours) {
  if (theirs.text == ours.text) return false;
  const auto head = provenance::parse_checkpoint(theirs.text);
  const auto own = provenance::parse_checkpoint(ours.text);
  return head && own && head->head.size == own->head.size;
}

}  // namespace

LedgerWatch::LedgerWatch(std::string name, const crypto::SecretKey& key, const Stored& stored)
    : name_(std::move(name)), key_(key) {
  if (const auto why = stored.find(halted_key); why != stored.end()) {
    halted_why_ = as_text(why->second);
  }
  if (const auto head = stored.find(head_key); head != stored.end()) {
    const auto note = provenance::parse_note(as_text(head->second));
    ensure(note.has_value(), "a stored head is a note");
    adopt(*note);
  }
}

// Remembers a head that was checked; its last signature is our own.
void LedgerWatch::adopt(const provenance::Note& note) {
  const auto checkpoint = provenance::parse_checkpoint(note.text);
  ensure(checkpoint.has_value(), "a checked head is a checkpoint");
  head_text_ = provenance::to_text(note);
  head_size_ = checkpoint->head.size;
  cosignature_ = to_bytes(provenance::to_line(note.signatures.back()));
}

Actions LedgerWatch::on_work(const protocol::Work& work, const crypto::PublicKey& log,
                             Instant now) {
  if (halted() || work.checkpoint.empty()) return {};
  const auto note = provenance::parse_note(as_text(work.checkpoint));
  if (!note) return {Notice{NoticeLevel::warn, note.error().code, note.error().what}};
  const auto known =
      head_text_.empty() ? std::nullopt : std::optional(provenance::parse_note(head_text_).value());
  auto origin = log_key(known ? *known : *note, log);
  const auto proof = proof_of(work);
  if (!origin) return {Notice{NoticeLevel::warn, origin.error().code, origin.error().what}};
  if (!proof) return {Notice{NoticeLevel::warn, proof.error().code, proof.error().what}};
  if (known && note->text == known->text) return compare_peers(work, *origin, *known);
  const provenance::Witness witness(name_, *origin);
  // The witness calls an old size above the offered one malformed; here it is a rollback to be
  // shown.
  const auto offered = provenance::parse_checkpoint(note->text);
  if (!offered) return {Notice{NoticeLevel::warn, offered.error().code, offered.error().what}};
  const std::uint64_t old_size = std::min(head_size_, offered->head.size);
  const auto reply = witness.check(known, {old_size, *proof, *note}, key_, now);
  if (const auto* good = std::get_if<provenance::Cosigned>(&reply)) {
    adopt(good->head);
    Actions actions{Persist{head_key, to_bytes(head_text_)}};
    Actions more = compare_peers(work, *origin, good->head);
    actions.insert(actions.end(), more.begin(), more.end());
    return actions;
  }
  if (const auto* wrong = std::get_if<provenance::WrongOldSize>(&reply)) {
    return wrong->rollback ? halt(*wrong->rollback) : Actions{};  // overtaken: ask again
  }
  const auto& refused = std::get<provenance::Refused>(reply);
  if (refused.evidence) return halt(*refused.evidence);
  return {Notice{NoticeLevel::warn, refused.error.code, refused.error.what}};
}

// Signatures are checked of what would be evidence, and of nothing else: sixty-odd heads come with
// every answer, nearly all of them our own words or of another size.
Actions LedgerWatch::compare_peers(const protocol::Work& work, const provenance::NoteKey& log,
                                   const provenance::Note& ours) {
  const provenance::Witness witness(name_, log);
  for (const Bytes& bytes : work.peer_heads) {
    const auto theirs = provenance::parse_note(as_text(bytes));
    if (!theirs || !may_contradict(*theirs, ours)) continue;
    const auto compared = witness.compare(ours, *theirs);
    if (compared && *compared) return halt(**compared);
  }
  return {};
}

Actions LedgerWatch::halt(const provenance::ForkEvidence& evidence) {
  halted_why_ = fmt::format("The ledger contradicts itself: {}.", evidence.reason);
  const std::string text = provenance::to_text(evidence);
  const std::string name = fmt::format("fork-{}.txt", short_hex(crypto::sha256(as_bytes(text))));
  return {Persist{halted_key, to_bytes(halted_why_)}, SaveEvidence{name, text},
          Notice{NoticeLevel::warn, "ledger.fork",
                 halted_why_ +
                     " Nothing is signed, sent or started until a person decides; the "
                     "evidence is in " +
                     name + "."}};
}

Actions LedgerWatch::halt_because(const std::string& why) {
  if (halted()) return {};
  halted_why_ = why;
  return {Persist{halted_key, to_bytes(halted_why_)},
          Notice{NoticeLevel::warn, "ledger.halted", halted_why_}};
}

Actions LedgerWatch::forgive() {
  halted_why_.clear();
  head_text_.clear();
  head_size_ = 0;
  cosignature_.clear();
  return {Persist{head_key, std::nullopt}, Persist{halted_key, std::nullopt}};
}

}  // namespace cloister::member
