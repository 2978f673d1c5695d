#include "storage/rocks_status.h"

namespace cloister::storage {
namespace {

struct Words {
  Kind kind;
  std::string_view code;
  std::string what;
  std::string next;
};

Words words_for(const rocksdb::Status& status, const std::string& folder) {
  const std::string text = status.ToString();
  const auto says = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (status.IsNoSpace() || says("No space left")) {
    return {Kind::exhausted, "store.disk_full",
            fmt::format("The disk that holds '{}' is full.", folder),
            "Free space on it and start again; nothing was half-written."};
  }
  // RocksDB has no code for this one; the words are those of 7.8's "While lock file" messages.
  if (status.IsIOError() && (says("lock file") || says("lock hold"))) {
    return {Kind::conflict, "store.locked",
            fmt::format("Another process has the store '{}' open.", folder),
            "Stop the other process, or give this one a folder of its own."};
  }
  if (status.IsCorruption()) {
    return {Kind::corrupt, "store.corrupt",
            fmt::format("The store '{}' is damaged: {}.", folder, text),
            "Keep a copy of the folder as evidence, then restore the latest backup."};
  }
  if (says("Permission denied") || says("Read-only file system")) {
    return {Kind::forbidden, "store.permission",
            fmt::format("The store '{}' cannot be written: {}.", folder, text),
            "Check the owner and the permissions of the folder."};
  }
  if (status.IsInvalidArgument() && says("does not exist")) {
    return {Kind::not_found, "store.not_found", fmt::format("There is no store in '{}'.", folder),
            "Check the path."};
  }
  return {Kind::unavailable, "store.io", fmt::format("The store '{}' failed: {}.", folder, text),
          "Check the disk, then start again."};
}

}  // namespace

Error store_error(const rocksdb::Status& status, const std::filesystem::path& folder) {
  Words words = words_for(status, folder.string());
  return Error{words.kind, std::string(words.code), std::move(words.what), std::move(words.next)};
}

}  // namespace cloister::storage
