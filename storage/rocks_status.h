// Inside this room only: what RocksDB says, in our words.
#pragma once

#include <rocksdb/status.h>

#include <filesystem>

#include "base/result.h"

namespace cloister::storage {

[[nodiscard]] Error store_error(const rocksdb::Status& status, const std::filesystem::path& folder);

}  // namespace cloister::storage
