#include "crypto/vault.h"

#include <algorithm>

#include "base/file.h"
#include "crypto/sealed_object.h"

namespace cloister::crypto {

Result<Bytes> Vault::seal(BytesView plain, const Digest& context) const {
  const SecretBytes key = new_object_key(entropy_);
  auto object = wrap_key(key, context, own_.public_key(), entropy_);
  if (!object) return object;
  append(*object, seal_bytes(plain, key, context, entropy_));
  return object;
}

Result<SecretBytes> Vault::open(BytesView object, const Digest& context) const {
  const auto wrap = object.first(std::min(object.size(), wrap_bytes));
  const auto key = unwrap_key(wrap, context, own_);
  if (!key) return pass(key);
  BytesView left = object.subspan(wrap.size());
  const auto take = [&left](std::span<std::uint8_t> out) -> Result<std::size_t> {
    const std::size_t count = std::min(out.size(), left.size());
    std::copy_n(left.begin(), count, out.begin());
    left = left.subspan(count);
    return count;
  };
  // The content can never be longer than what holds it.
  SecretBytes plain(left.size());
  std::size_t size = 0;
  const auto put = [&](BytesView bytes) -> Result<void> {
    std::copy(bytes.begin(), bytes.end(), plain.writable().begin() + static_cast<long>(size));
    size += bytes.size();
    return {};
  };
  if (auto done = open_stream(take, put, *key, context); !done) return pass(done);
  plain.shrink(size);
  return plain;
}

Result<void> Vault::seal_to_file(const std::filesystem::path& path, BytesView plain,
                                 const Digest& context) const {
  const auto object = seal(plain, context);
  if (!object) return pass(object);
  return write_file(path, *object, FileMode::owner_only);
}

Result<SecretBytes> Vault::open_from_file(const std::filesystem::path& path, const Digest& context,
                                          std::uint64_t limit) const {
  const auto object = read_file(path, wrap_bytes + sealed_size(limit));
  if (!object) return pass(object);
  return open(*object, context);
}

}  // namespace cloister::crypto
