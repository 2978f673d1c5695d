// C2SP signed notes, checkpoints and cosignatures.
//
//   note       = text ending in LF, an empty line, then lines "— <name> <base64(keyid4 || sig)>"
//   keyid      = first 4 bytes of SHA-256(name || 0x0A || type || public key)
//   checkpoint = origin LF decimal size LF base64(root) LF
//   cosignature/v1 (type 0x04) = u64be time || Ed25519("cosignature/v1\ntime <t>\n" || checkpoint)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/sign.h"
#include "provenance/merkle.h"

namespace cloister::provenance {

enum class NoteKeyType : std::uint8_t { ed25519 = 0x01, cosignature = 0x04 };

inline constexpr std::size_t note_bytes_max = 64U << 10;
inline constexpr std::size_t note_signatures_max = 64;

// A key that can sign notes, as it is written in trust files:
// "<name>+<8 hexadecimal digits of keyid>+<base64(type || key)>".
struct NoteKey {
  std::string name;
  NoteKeyType type = NoteKeyType::ed25519;
  crypto::PublicKey public_key{};

  [[nodiscard]] std::uint32_t id() const;
  [[nodiscard]] std::string vkey() const;
  friend bool operator==(const NoteKey&, const NoteKey&) = default;
};
// Non-empty, valid UTF-8, no white space, no control characters, no '+'.
[[nodiscard]] bool is_note_key_name(std::string_view name);
[[nodiscard]] Result<NoteKey> parse_vkey(std::string_view text);

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  Bytes signature;  // 64 bytes for type 0x01, 8 + 64 for type 0x04
  friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

struct Note {
  std::string text;  // ends in LF
  std::vector<NoteSignature> signatures;
  friend bool operator==(const Note&, const Note&) = default;
};

[[nodiscard]] std::string to_text(const Note& note);
[[nodiscard]] std::string to_line(const NoteSignature& signature);  // with its LF
// "note.format" and "note.too_large".
[[nodiscard]] Result<Note> parse_note(std::string_view text);
[[nodiscard]] Result<NoteSignature> parse_note_signature(std::string_view line);  // without LF

[[nodiscard]] NoteSignature sign_note(std::string_view text, std::string_view name,
                                      const crypto::SecretKey& key);
[[nodiscard]] NoteSignature cosign(std::string_view checkpoint_text, std::string_view name,
                                   const crypto::SecretKey& key, Instant at);

enum class NoteCheck { valid, invalid, absent };
// `absent` if no line carries this key's name and id; `invalid` if one does and fails (a note with
// a bad signature of a known key must be rejected as a whole).
[[nodiscard]] NoteCheck check_note(const Note& note, const NoteKey& key);

struct Checkpoint {
  std::string origin;
  TreeHead head;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};
[[nodiscard]] std::string to_text(const Checkpoint& checkpoint);
// The three lines and nothing more: extension lines are refused ("checkpoint.format").
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

// Origin = name of the log's key. The log signs only after the tree is durable.
[[nodiscard]] Note sign_checkpoint(const Checkpoint& checkpoint, const crypto::SecretKey& log_key);
// Parses the note, checks the log's signature and that its name is the origin.
[[nodiscard]] Result<Checkpoint> open_checkpoint(const Note& note, const NoteKey& log);

// When a valid cosignature of this key says it was made.
[[nodiscard]] Result<Instant> cosigned_at(const Note& note, const NoteKey& witness);

}  // namespace cloister::provenance
