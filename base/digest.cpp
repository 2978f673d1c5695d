#include "base/digest.h"

#include <algorithm>

namespace cloister {

std::string to_hex(const Digest& digest) { return to_hex(digest.view()); }

std::string short_hex(const Digest& digest) { return to_hex(digest.view().first(6)); }

Result<Digest> digest_from_hex(std::string_view text) {
  auto bytes = from_hex(text);
  if (!bytes || bytes->size() != 32) {
    return fail(Kind::invalid, "digest.format",
                "A SHA-256 digest is 64 lower-case hexadecimal digits.",
                "Copy the whole of it; `--json` shows digests in full.");
  }
  return digest_from_bytes(*bytes);
}

Result<Digest> digest_from_bytes(BytesView bytes) {
  if (bytes.size() != 32) {
    return fail(Kind::invalid, "digest.length", "A SHA-256 digest has 32 bytes.");
  }
  Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

}  // namespace cloister
