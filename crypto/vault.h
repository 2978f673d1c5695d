// What a member keeps sealed on its own disk: encoders, decoders, checkpoints.
//
// Each object has a random key of its own, wrapped to the member's own sealing key. Nothing is
// derived: destroying the wrap destroys the content. A vault object is wrap (120 bytes) || sealed
// object.
#pragma once

#include <filesystem>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "crypto/sealed_file.h"

namespace cloister::crypto {

class Entropy;

class Vault {
 public:
  // Both must outlive the vault.
  Vault(const SealKey& own, Entropy& entropy) : own_(own), entropy_(entropy) {}

  // `context` from seal_context(); the same is needed to open.
  [[nodiscard]] Result<Bytes> seal(BytesView plain, const Digest& context) const;
  [[nodiscard]] Result<SecretBytes> open(BytesView object, const Digest& context) const;

  // The same in a file (0600, all or nothing). `open_file` keeps the content in secure memory: it
  // never touches a disk in the clear. `limit` in bytes of content.
  [[nodiscard]] Result<void> seal_to_file(const std::filesystem::path& path, BytesView plain,
                                          const Digest& context) const;
  [[nodiscard]] Result<SecretBytes> open_from_file(const std::filesystem::path& path,
                                                   const Digest& context,
                                                   std::uint64_t limit = 1ULL << 30) const;

 private:
  const SealKey& own_;
  Entropy& entropy_;
};

}  // namespace cloister::crypto
