#include "coordinator/heads.h"

namespace cloister::coordinator {
namespace {

constexpr std::size_t heads_told_max = 64;

tl::unexpected<Error> refuse(const Member& member) {
  return fail(
      Kind::invalid, "head.cosignature",
      fmt::format("'{}' sent a cosignature that is not its own over this checkpoint.", member.id));
}

}  // namespace

Result<void> Heads::keep(const Member& member, const provenance::Note& checkpoint, BytesView line) {
  std::string_view text = as_text(line);
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto signature = provenance::parse_note_signature(text);
  const auto key = crypto::public_key_from_bytes(member.keys.sign);
  const auto parsed = provenance::parse_checkpoint(checkpoint.text);
  if (!signature || !key || !parsed || checkpoint.signatures.empty()) return refuse(member);
  const auto known = heads_.find(member.id);
  if (known != heads_.end() && known->second.text == checkpoint.text &&
      known->second.line == *signature)
    return {};  // said with every Poll: checked once
  const provenance::NoteKey witness{signature->name, provenance::NoteKeyType::cosignature, *key};
  const provenance::Note note{checkpoint.text, {*signature}};
  if (provenance::check_note(note, witness) != provenance::NoteCheck::valid) return refuse(member);
  heads_.insert_or_assign(member.id, Head{member.site, parsed->head.size, checkpoint.text,
                                          checkpoint.signatures.front(), std::move(*signature)});
  return {};
}

std::vector<Bytes> Heads::of_others(const Member& member) const {
  std::vector<Bytes> notes;
  for (const auto& [id, head] : heads_) {
    if (id == member.id || (!member.site.empty() && head.site == member.site)) continue;
    notes.push_back(
        to_bytes(provenance::to_text(provenance::Note{head.text, {head.log, head.line}})));
    if (notes.size() >= heads_told_max) break;
  }
  return notes;
}

std::vector<provenance::Note> Heads::of_sites(std::uint64_t size) const {
  std::vector<provenance::Note> notes;
  std::map<std::string, std::size_t> open;  // by text: the note that still has room
  for (const auto& [id, head] : heads_) {
    if (head.site.empty() || head.size < size) continue;
    const auto found = open.find(head.text);
    const bool has_room = found != open.end() &&
                          notes[found->second].signatures.size() < provenance::note_signatures_max;
    if (!has_room) {
      if (notes.size() >= heads_told_max) continue;
      open.insert_or_assign(head.text, notes.size());
      notes.push_back({head.text, {head.log}});
    }
    notes[open.at(head.text)].signatures.push_back(head.line);
  }
  return notes;
}

provenance::Note Heads::cosigned(const provenance::Note& checkpoint) const {
  provenance::Note note = checkpoint;
  for (const auto& [id, head] : heads_) {
    if (head.text == checkpoint.text && note.signatures.size() < provenance::note_signatures_max)
      note.signatures.push_back(head.line);
  }
  return note;
}

}  // namespace cloister::coordinator
