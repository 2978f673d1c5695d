#include "provenance/note.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/lines.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view dash = "\xe2\x80\x94 ";  // U+2014 and a space

tl::unexpected<Error> bad_note(std::string what) {
  return fail(Kind::invalid, "note.format", std::move(what));
}
tl::unexpected<Error> bad_checkpoint() {
  return fail(Kind::invalid, "checkpoint.format",
              "The checkpoint is not an origin, a size and a root, one a line.");
}

Bytes be32(std::uint32_t value) {
  const Bytes eight = be64(value);
  return {eight.begin() + 4, eight.end()};
}

std::string cosigned_message(std::string_view text, std::uint64_t time) {
  return fmt::format("cosignature/v1\ntime {}\n{}", time, text);
}

bool verifies(const NoteSignature& signature, std::string_view text, const NoteKey& key) {
  const BytesView bytes = signature.signature;
  if (key.type == NoteKeyType::ed25519) {
    return crypto::verify(key.public_key, as_bytes(text), bytes);
  }
  if (bytes.size() != 8 + 64) return false;
  const std::uint64_t time = read_be64(bytes.first(8));
  if (time > static_cast<std::uint64_t>(INT64_MAX)) return false;
  return crypto::verify(key.public_key, as_bytes(cosigned_message(text, time)), bytes.subspan(8));
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n') || byte == 0x7f;
}

// White space beyond ASCII that Unicode knows, in UTF-8.
bool has_unicode_space(std::string_view text) {
  constexpr std::string_view spaces[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                         "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
                                         "\xe2\x81\x9f", "\xe3\x80\x80"};
  for (auto space : spaces) {
    if (text.find(space) != std::string_view::npos) return true;
  }
  for (char last = '\x80'; last <= '\x8a'; ++last) {  // U+2000..U+200A
    if (text.find(std::string("\xe2\x80") + last) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

bool is_note_key_name(std::string_view name) {
  if (name.empty() || name.size() > 256 || !is_utf8(name) || has_unicode_space(name)) return false;
  return std::none_of(name.begin(), name.end(),
                      [](char c) { return is_control(c) || c == '\n' || c == ' ' || c == '+'; });
}

std::uint32_t NoteKey::id() const {
  Bytes message = to_bytes(name);
  message.push_back('\n');
  message.push_back(static_cast<std::uint8_t>(type));
  append(message, public_key.view());
  const Digest digest = crypto::sha256(message);
  return static_cast<std::uint32_t>(read_be64(digest.view().first(8)) >> 32);
}

std::string NoteKey::vkey() const {
  Bytes typed{static_cast<std::uint8_t>(type)};
  append(typed, public_key.view());
  return fmt::format("{}+{:08x}+{}", name, id(), to_base64(typed));
}

Result<NoteKey> parse_vkey(std::string_view text) {
  auto bad = [] {
    return fail(Kind::invalid, "note.vkey", "The text is not a verifier key of a signed note.",
                "It reads NAME+KEYID+BASE64 and is copied as one word.");
  };
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad();
  const auto id = from_hex(text.substr(first + 1, second - first - 1));
  const auto typed = from_base64(text.substr(second + 1));
  NoteKey key;
  key.name = text.substr(0, first);
  if (!id || id->size() != 4 || !typed || !is_note_key_name(key.name)) return bad();
  if (typed->size() != 33 || (typed->front() != 0x01 && typed->front() != 0x04)) return bad();
  key.type = static_cast<NoteKeyType>(typed->front());
  key.public_key = crypto::public_key_from_bytes(BytesView(*typed).subspan(1)).value();
  if (be32(key.id()) != *id) return bad();
  return key;
}

std::string to_line(const NoteSignature& signature) {
  Bytes blob = be32(signature.key_id);
  append(blob, signature.signature);
  return fmt::format("{}{} {}\n", dash, signature.name, to_base64(blob));
}

std::string to_text(const Note& note) {
  std::string text = note.text + "\n";
  for (const auto& signature : note.signatures) text += to_line(signature);
  return text;
}

Result<NoteSignature> parse_note_signature(std::string_view line) {
  if (!line.starts_with(dash)) return bad_note("A signature line of a note does not begin right.");
  line.remove_prefix(dash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad_note("A signature line of a note is cut off.");
  const auto blob = from_base64(line.substr(space + 1));
  NoteSignature signature;
  signature.name = line.substr(0, space);
  if (!blob || blob->size() < 5 || !is_note_key_name(signature.name)) {
    return bad_note("A signature line of a note is not a name and base64.");
  }
  Bytes padded(4, 0);
  append(padded, BytesView(*blob).first(4));
  signature.key_id = static_cast<std::uint32_t>(read_be64(padded));
  signature.signature.assign(blob->begin() + 4, blob->end());
  return signature;
}

Result<Note> parse_note(std::string_view text) {
  if (text.size() > note_bytes_max) {
    return fail(Kind::exhausted, "note.too_large", "The signed note is too large.");
  }
  if (!is_utf8(text) || std::any_of(text.begin(), text.end(), is_control)) {
    return bad_note("The signed note is not plain UTF-8 text.");
  }
  // Signatures follow the last empty line.
  const std::size_t split = text.rfind("\n\n");
  if (split == std::string_view::npos || split == 0) {
    return bad_note("The signed note has no text or no signatures.");
  }
  Note note{std::string(text.substr(0, split + 1)), {}};
  std::string_view rest = text.substr(split + 2);
  if (rest.empty() || rest.back() != '\n') return bad_note("The signed note is cut off.");
  while (!rest.empty()) {
    auto signature = parse_note_signature(*take_line(rest));
    if (!signature) return pass(signature);
    if (note.signatures.size() == note_signatures_max) {
      return fail(Kind::exhausted, "note.too_large",
                  "The signed note carries too many signatures.");
    }
    note.signatures.push_back(std::move(*signature));
  }
  return note;
}

NoteSignature sign_note(std::string_view text, std::string_view name,
                        const crypto::SecretKey& key) {
  const NoteKey public_part{std::string(name), NoteKeyType::ed25519, key.public_key()};
  const crypto::Signature signature = key.sign(as_bytes(text));
  return {public_part.name, public_part.id(), Bytes(signature.begin(), signature.end())};
}

NoteSignature cosign(std::string_view checkpoint_text, std::string_view name,
                     const crypto::SecretKey& key, Instant at) {
  const NoteKey public_part{std::string(name), NoteKeyType::cosignature, key.public_key()};
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(0, at.unix_seconds()));
  const crypto::Signature signature = key.sign(as_bytes(cosigned_message(checkpoint_text, time)));
  NoteSignature out{public_part.name, public_part.id(), be64(time)};
  append(out.signature, signature);
  return out;
}

NoteCheck check_note(const Note& note, const NoteKey& key) {
  NoteCheck result = NoteCheck::absent;
  for (const auto& signature : note.signatures) {
    if (signature.name != key.name || signature.key_id != key.id()) continue;
    if (!verifies(signature, note.text, key)) return NoteCheck::invalid;
    result = NoteCheck::valid;
  }
  return result;
}

std::string to_text(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.size,
                     to_base64(checkpoint.head.root.view()));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto origin = take_line(text);
  const auto size_line = take_line(text);
  const auto root_line = take_line(text);
  if (!origin || !size_line || !root_line || !text.empty()) return bad_checkpoint();
  const auto size = decimal(*size_line);
  const auto root = digest_from_base64(*root_line);
  if (!is_note_key_name(*origin) || !size || !root) return bad_checkpoint();
  return Checkpoint{std::string(*origin), {*size, *root}};
}

Note sign_checkpoint(const Checkpoint& checkpoint, const crypto::SecretKey& log_key) {
  Note note{to_text(checkpoint), {}};
  note.signatures.push_back(sign_note(note.text, checkpoint.origin, log_key));
  return note;
}

Result<Checkpoint> open_checkpoint(const Note& note, const NoteKey& log) {
  auto checkpoint = parse_checkpoint(note.text);
  if (!checkpoint) return checkpoint;
  if (checkpoint->origin != log.name) {
    return fail(Kind::forbidden, "checkpoint.unknown_log",
                fmt::format("The checkpoint is of the log '{}', not of '{}'.", checkpoint->origin,
                            log.name));
  }
  switch (check_note(note, log)) {
    case NoteCheck::valid:
      return checkpoint;
    case NoteCheck::absent:
      return fail(Kind::unauthenticated, "checkpoint.unknown_log",
                  "The checkpoint is not signed by the log that is trusted here.");
    case NoteCheck::invalid:
      break;
  }
  return fail(Kind::unauthenticated, "note.bad_signature",
              "The log's signature on the checkpoint is wrong.");
}

Result<Instant> cosigned_at(const Note& note, const NoteKey& witness) {
  if (witness.type != NoteKeyType::cosignature || check_note(note, witness) != NoteCheck::valid) {
    return fail(Kind::unauthenticated, "note.bad_signature",
                fmt::format("The checkpoint carries no valid cosignature of '{}'.", witness.name));
  }
  for (const auto& signature : note.signatures) {
    if (signature.name != witness.name || signature.key_id != witness.id()) continue;
    const auto seconds = read_be64(BytesView(signature.signature).first(8));
    return Instant(static_cast<std::int64_t>(std::min<std::uint64_t>(seconds, INT64_MAX / 1000)) *
                   1000);
  }
  return fail(Kind::unauthenticated, "note.bad_signature", "The cosignature is missing.");
}

}  // namespace cloister::provenance
