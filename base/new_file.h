// A file that appears under its name only when it is complete: written beside it under a temporary
// name, synced, renamed. Given up without commit(), it leaves nothing.
#pragma once

#include <filesystem>
#include <string>

#include "base/descriptor.h"
#include "base/file.h"

namespace cloister {

class NewFile {
 public:
  [[nodiscard]] static Result<NewFile> create(const std::filesystem::path& path, FileMode mode);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  [[nodiscard]] Result<void> write(BytesView content);
  // Syncs the content, puts it in the place of `path`, and syncs the folder.
  [[nodiscard]] Result<void> commit();

 private:
  NewFile(Descriptor file, std::string name, std::filesystem::path path)
      : file_(std::move(file)), name_(std::move(name)), path_(std::move(path)) {}
  Descriptor file_;
  std::string name_;  // temporary; empty once committed or moved from
  std::filesystem::path path_;
};

}  // namespace cloister
