// Sealed objects from and to streams and files, flat in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/sealed_object.h"

namespace cloister::crypto {

// Fills the span from the front and says how many bytes; fewer than asked only at the end.
using ByteSource = std::function<Result<std::size_t>(std::span<std::uint8_t>)>;
// Takes all of the bytes or fails; the view is valid during the call.
using ByteSink = std::function<Result<void>(BytesView)>;

// Fails with "seal.size" if the source does not hold exactly options.plain_size bytes.
[[nodiscard]] Result<void> seal_stream(const ByteSource& from, const ByteSink& to,
                                       const SecretBytes& key, const SealOptions& options,
                                       Entropy& entropy);
// The sink sees chunks before the last one is checked: what it got counts only after success.
[[nodiscard]] Result<void> open_stream(const ByteSource& from, const ByteSink& to,
                                       const SecretBytes& key, const Digest& context);

struct SealedFile {
  std::uint64_t size = 0;
  Digest digest;  // SHA-256 of the sealed bytes, for the manifest
};

// Seals the file `from` into the file `to` (mode 0600, synced, renamed into place when complete).
[[nodiscard]] Result<SealedFile> seal_file(const std::filesystem::path& from,
                                           const std::filesystem::path& to, const SecretBytes& key,
                                           const Digest& context, Entropy& entropy);
// The reverse. Nothing appears at `to` unless the whole object was authentic.
[[nodiscard]] Result<void> open_file(const std::filesystem::path& from,
                                     const std::filesystem::path& to, const SecretBytes& key,
                                     const Digest& context);

}  // namespace cloister::crypto
