// Versions that cross process borders.
#pragma once

#include <cstdint>
#include <string_view>

namespace cloister {

// Of the program, from CMake's project().
[[nodiscard]] std::string_view program_version();

// Of the messages between processes. A peer with another major version is told what to upgrade.
inline constexpr std::uint32_t protocol_version = 1;
// Oldest protocol version that this build still talks to.
inline constexpr std::uint32_t protocol_version_oldest = 1;
// Of what is stored on disk (RocksDB, key files, manifests).
inline constexpr std::uint32_t storage_version = 1;

}  // namespace cloister
