// A person's passphrase, from a file, an environment variable or the terminal.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace cloister::crypto {

// 1 to 1024 bytes. No formatter; wiped when given up.
class Passphrase {
 public:
  [[nodiscard]] static Result<Passphrase> from_text(std::string_view text);
  // The first line of a file that only its owner can read.
  [[nodiscard]] static Result<Passphrase> from_file(const std::filesystem::path& path);
  // The variable stays visible to this user's other processes: prefer a file.
  [[nodiscard]] static Result<Passphrase> from_environment(std::string_view variable);
  // Asks on the terminal without echo; "passphrase.no_terminal" where there is none.
  [[nodiscard]] static Result<Passphrase> ask(std::string_view prompt);

  [[nodiscard]] BytesView view() const { return secret_.view(); }

 private:
  explicit Passphrase(SecretBytes secret) : secret_(std::move(secret)) {}
  SecretBytes secret_;
};

}  // namespace cloister::crypto
