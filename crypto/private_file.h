// Inside this room only: files that nobody but their owner may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace cloister::crypto {

// The whole file into secure memory. Fails with "<code_room>.permissions" if group or others have
// any access, and for anything that is no regular file.
[[nodiscard]] Result<SecretBytes> read_private_file(const std::filesystem::path& path,
                                                    std::uint64_t limit,
                                                    std::string_view code_room);

}  // namespace cloister::crypto
