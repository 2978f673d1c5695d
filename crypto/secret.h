// Memory for secrets: guarded pages, locked where the system allows it, wiped when given up.
//
// Move-only, so that no copy is made by accident; no formatter and no comparison, so that logging
// one or branching on one does not compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace cloister::crypto {

class Entropy;

class SecretBytes {
 public:
  SecretBytes() = default;                 // empty
  explicit SecretBytes(std::size_t size);  // zeros
  [[nodiscard]] static SecretBytes random(std::size_t size, Entropy& entropy);
  // Copies; wiping the original is up to the caller (see `wipe`).
  [[nodiscard]] static SecretBytes copy_of(BytesView secret);

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  // Views are valid until this object is moved from or destroyed.
  [[nodiscard]] BytesView view() const { return {data_, size_}; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Gives up the end; `size` must not be larger than size().
  void shrink(std::size_t size);
  [[nodiscard]] SecretBytes clone() const { return copy_of(view()); }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Overwrites in a way that the compiler may not leave out.
void wipe(std::span<std::uint8_t> memory);
// Compares without telling by its duration where the difference is. Sizes are not secret.
[[nodiscard]] bool equal_secrets(BytesView a, BytesView b);

}  // namespace cloister::crypto
