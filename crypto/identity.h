// The keys of one member, and the passphrase-protected file that holds them.
//
// Three keys, three purposes, never mixed: signing (evidence), sealing (what others seal to us),
// CURVE (connections). File layout: docs/formats.md, "Key file".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "crypto/curve_key.h"
#include "crypto/passphrase.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

namespace cloister::crypto {

class Entropy;

struct PublicIdentity {
  MemberId id;
  std::string role;  // "site", "coordinator", "trainer", "root", "person"; an id-like word
  PublicKey sign;
  SealPublicKey seal;
  CurvePublicKey curve;
  friend bool operator==(const PublicIdentity&, const PublicIdentity&) = default;
};

struct Identity {
  MemberId id;
  std::string role;
  SecretKey sign;
  SealKey seal;
  CurveKey curve;
};

[[nodiscard]] Identity generate_identity(const MemberId& id, std::string role, Entropy& entropy);
[[nodiscard]] PublicIdentity public_part(const Identity& identity);

// Argon2id (RFC 9106). The cost is stored in the file; a file that asks for more than 1 GiB or ten
// passes is refused rather than obeyed.
enum class KeyFileCost {
  moderate,  // 3 passes over 256 MiB: passphrases that people choose
  // 2 passes over 64 MiB: passphrases drawn at random with 128 bits or more, which no cost makes
  // harder to guess. A daemon opens its key at every start.
  random_passphrase,
  fast_for_tests_only,  // as for random ones, for people's keys in the demo and tests
};

// Writes all or nothing, mode 0600. Replaces an existing file only if it is a key file of the same
// member ("keyfile.exists" otherwise).
[[nodiscard]] Result<void> save_identity(const std::filesystem::path& path,
                                         const Identity& identity, const Passphrase& passphrase,
                                         KeyFileCost cost, Entropy& entropy);
// "keyfile.permissions" if others can read the file, "keyfile.passphrase" if the passphrase is
// wrong (or the file was altered: the two cannot be told apart), "keyfile.format" if it is no key
// file.
[[nodiscard]] Result<Identity> load_identity(const std::filesystem::path& path,
                                             const Passphrase& passphrase);
// The public part stands in the clear and needs no passphrase. It is a claim until load_identity
// succeeds.
[[nodiscard]] Result<PublicIdentity> read_public_identity(const std::filesystem::path& path);

}  // namespace cloister::crypto
