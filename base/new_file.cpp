#include "base/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace cloister {

Result<NewFile> NewFile::create(const std::filesystem::path& path, FileMode mode) {
  std::string name = path.string() + ".XXXXXX";
  Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "write", path));
  NewFile created(std::move(file), std::move(name), path);
  if (::fchmod(created.file_.number(), static_cast<mode_t>(mode)) != 0) {
    return tl::unexpected<Error>(system_error(errno, "set the permissions of", path));
  }
  return created;
}

NewFile::NewFile(NewFile&& other) noexcept
    : file_(std::move(other.file_)),
      name_(std::exchange(other.name_, {})),
      path_(std::move(other.path_)) {}

NewFile::~NewFile() {
  if (!name_.empty()) ::unlink(name_.c_str());
}

Result<void> NewFile::write(BytesView content) { return write_all(file_, content, path_); }

Result<void> NewFile::commit() {
  if (::fsync(file_.number()) != 0) {
    return tl::unexpected<Error>(system_error(errno, "sync", path_));
  }
  if (::rename(name_.c_str(), path_.c_str()) != 0) {
    return tl::unexpected<Error>(system_error(errno, "replace", path_));
  }
  name_.clear();
  return sync_folder(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace cloister
