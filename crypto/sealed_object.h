// The sealed object: content of any size under one random key, in authenticated chunks
// (libsodium's secretstream, XChaCha20-Poly1305). Byte layout: docs/formats.md, "Sealed object".
//
// Every chunk is bound to {context, chunk size, whole size, its index, the number of chunks}, and
// the last one carries the FINAL tag: cutting, re-ordering, repeating, appending, or moving chunks
// or whole objects elsewhere is detected. Memory is one chunk, whatever the size. No input or
// output happens here; see sealed_file.h.
//
//   SealWriter writer(key, {.context = c, .plain_size = n}, entropy);
//   out(writer.header()); while (!writer.finished()) out(*writer.next(chunk of
//   writer.next_size()));
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace cloister::crypto {

class Entropy;

inline constexpr std::uint64_t seal_chunk_min = 64ULL << 10;
inline constexpr std::uint64_t seal_chunk_max = 1ULL << 20;
inline constexpr std::uint64_t seal_chunk_default = 256ULL << 10;
inline constexpr std::uint64_t seal_header_size = 48;
inline constexpr std::uint64_t seal_frame_overhead = 17;
inline constexpr std::uint64_t seal_plain_max = 1ULL << 44;  // 16 TiB: a surprise, not a shard

struct SealOptions {
  Digest context;                                 // what this object is: see seal_context()
  std::uint64_t plain_size = 0;                   // exact, at most seal_plain_max
  std::uint64_t chunk_size = seal_chunk_default;  // seal_chunk_min..seal_chunk_max
};

// Names what an object is for, so that it opens nowhere else: SHA-256 over length-prefixed parts.
// Both sides compute it from what they know: seal_context("shard", {study, site, shard name}).
[[nodiscard]] Digest seal_context(std::string_view purpose,
                                  const std::vector<std::string_view>& parts);
// A fresh random key for one object.
[[nodiscard]] SecretBytes new_object_key(Entropy& entropy);
// Bytes of the sealed object that holds `plain_size` bytes.
[[nodiscard]] std::uint64_t sealed_size(std::uint64_t plain_size,
                                        std::uint64_t chunk_size = seal_chunk_default);

class SealWriter {
 public:
  // `key` is used during construction only. Options out of range are a programmer's mistake.
  SealWriter(const SecretBytes& key, const SealOptions& options, Entropy& entropy);
  SealWriter(SealWriter&&) noexcept;
  SealWriter& operator=(SealWriter&&) noexcept;
  ~SealWriter();

  [[nodiscard]] const Bytes& header() const;
  [[nodiscard]] bool finished() const;
  // Plain bytes wanted by the next call of next(); an empty object has one empty chunk.
  [[nodiscard]] std::uint64_t next_size() const;
  // One frame. Fails with "seal.size" if `plain` is not next_size() long or all is written.
  [[nodiscard]] Result<Bytes> next(BytesView plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class SealReader {
 public:
  // `header` comes from anyone: limits are checked before anything is allocated.
  [[nodiscard]] static Result<SealReader> open(const SecretBytes& key, const Digest& context,
                                               BytesView header);
  SealReader(SealReader&&) noexcept;
  SealReader& operator=(SealReader&&) noexcept;
  ~SealReader();

  // As claimed by the header; proven only once finished().
  [[nodiscard]] std::uint64_t plain_size() const;
  // Sealed bytes wanted by the next call of next(); 0 when finished.
  [[nodiscard]] std::uint64_t next_size() const;
  // Opens one frame. "seal.open": wrong key, wrong context or altered bytes. After a failure every
  // further call fails.
  [[nodiscard]] Result<Bytes> next(BytesView frame);
  // True once the FINAL chunk was opened. Content is complete only then.
  [[nodiscard]] bool finished() const;

 private:
  struct State;
  explicit SealReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whole objects in memory.
[[nodiscard]] Bytes seal_bytes(BytesView plain, const SecretBytes& key, const Digest& context,
                               Entropy& entropy);
[[nodiscard]] Result<Bytes> open_bytes(BytesView sealed, const SecretBytes& key,
                                       const Digest& context);

}  // namespace cloister::crypto
