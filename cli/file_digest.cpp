#include "cli/file_digest.h"

#include <array>
#include <cerrno>
#include <fstream>

#include "base/file.h"
#include "crypto/hash.h"

namespace cloister::cli {

Result<Digest> file_digest(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return tl::unexpected<Error>(system_error(errno, "read", path));
  crypto::Sha256 hash;
  std::array<char, 1U << 16> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    hash.add(as_bytes(std::string_view(piece.data(), static_cast<std::size_t>(in.gcount()))));
  }
  if (in.bad()) return tl::unexpected<Error>(system_error(EIO, "read", path));
  return hash.finish();
}

}  // namespace cloister::cli
