#include "cli/keys.h"

#include <cstdlib>

#include "base/file.h"
#include "crypto/entropy.h"

namespace cloister::cli {
namespace {

constexpr const char* variable = "CLOISTER_PASSPHRASE";

Result<crypto::Identity> write_new(const std::filesystem::path& key_file,
                                   const crypto::PublicIdentity& who,
                                   const crypto::Passphrase& passphrase, crypto::KeyFileCost cost) {
  crypto::SystemEntropy entropy;
  crypto::Identity identity = crypto::generate_identity(who.id, who.role, entropy);
  if (auto saved = crypto::save_identity(key_file, identity, passphrase, cost, entropy); !saved) {
    return pass(saved);
  }
  return identity;
}

Result<void> must_be_new(const std::filesystem::path& key_file) {
  std::error_code ignored;
  if (!std::filesystem::exists(key_file, ignored)) return {};
  return fail(Kind::conflict, "keyfile.exists",
              fmt::format("There is a key file already: {}.", key_file.string()),
              "Keep using it, or choose another folder: a lost key cannot be made again.");
}

}  // namespace

Result<crypto::Passphrase> passphrase_for(const std::filesystem::path& key_file,
                                          const PassphraseSource& source) {
  if (!source.file.empty()) return crypto::Passphrase::from_file(source.file);
  if (std::getenv(variable) != nullptr) return crypto::Passphrase::from_environment(variable);
  auto asked = crypto::Passphrase::ask(fmt::format("Passphrase of {}: ", key_file.string()));
  if (!asked && asked.error().code == "passphrase.no_terminal") {
    asked.error().next =
        "Name a file that only you can read with --passphrase-file, or set CLOISTER_PASSPHRASE.";
  }
  return asked;
}

Result<crypto::Passphrase> new_passphrase(const std::filesystem::path& key_file,
                                          const PassphraseSource& source) {
  auto first = passphrase_for(key_file, source);
  if (!first || !source.file.empty() || std::getenv(variable) != nullptr) return first;
  auto again = crypto::Passphrase::ask("The same again: ");
  if (!again) return again;
  if (!crypto::equal_secrets(first->view(), again->view())) {
    return fail(Kind::invalid, "passphrase.differs", "The two passphrases are not the same.",
                "Run the command again.");
  }
  return first;
}

crypto::KeyFileCost cost_for(const PassphraseSource& source) {
  return source.fast_for_tests_only ? crypto::KeyFileCost::fast_for_tests_only
                                    : crypto::KeyFileCost::moderate;
}

Result<crypto::Identity> open_key(const std::filesystem::path& key_file,
                                  const PassphraseSource& source) {
  auto passphrase = passphrase_for(key_file, source);
  if (!passphrase) return pass(passphrase);
  return crypto::load_identity(key_file, *passphrase);
}

Result<crypto::Identity> make_key(const std::filesystem::path& key_file,
                                  const crypto::PublicIdentity& who,
                                  const PassphraseSource& source) {
  if (auto fresh = must_be_new(key_file); !fresh) return pass(fresh);
  auto passphrase = new_passphrase(key_file, source);
  if (!passphrase) return pass(passphrase);
  return write_new(key_file, who, *passphrase, cost_for(source));
}

Result<crypto::Identity> make_process_key(const std::filesystem::path& home,
                                          const crypto::PublicIdentity& who) {
  const auto key_file = home / "identity.key";
  if (auto fresh = must_be_new(key_file); !fresh) return pass(fresh);
  crypto::SystemEntropy entropy;
  const std::string words = to_hex(entropy.bytes(24));
  if (auto written = write_text(home / "passphrase", words + "\n", FileMode::owner_only); !written)
    return pass(written);
  auto passphrase = crypto::Passphrase::from_text(words);
  if (!passphrase) return pass(passphrase);
  return write_new(key_file, who, *passphrase, crypto::KeyFileCost::random_passphrase);
}

}  // namespace cloister::cli
