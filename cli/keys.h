// Key files and the passphrases that open them.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "crypto/identity.h"

namespace cloister::cli {

// Where a passphrase comes from: the file if one is named, else CLOISTER_PASSPHRASE, else the
// terminal.
struct PassphraseSource {
  std::filesystem::path file;
  bool fast_for_tests_only = false;  // cheap Argon2id for key files that are written
};

[[nodiscard]] Result<crypto::Passphrase> passphrase_for(const std::filesystem::path& key_file,
                                                        const PassphraseSource& source);
// Asks twice on a terminal.
[[nodiscard]] Result<crypto::Passphrase> new_passphrase(const std::filesystem::path& key_file,
                                                        const PassphraseSource& source);

[[nodiscard]] Result<crypto::Identity> open_key(const std::filesystem::path& key_file,
                                                const PassphraseSource& source);
// Makes keys and writes their file. An existing file is refused ("keyfile.exists").
[[nodiscard]] Result<crypto::Identity> make_key(const std::filesystem::path& key_file,
                                                const crypto::PublicIdentity& who,
                                                const PassphraseSource& source);

// The same for a process: its passphrase is random and lies beside it, readable by its owner only.
// That protects copies and backups of the key file, not the machine itself.
[[nodiscard]] Result<crypto::Identity> make_process_key(const std::filesystem::path& home,
                                                        const crypto::PublicIdentity& who);
// What opening a person's new key shall cost.
[[nodiscard]] crypto::KeyFileCost cost_for(const PassphraseSource& source);

}  // namespace cloister::cli
