#include "base/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file.h"

namespace cloister {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

int Descriptor::release() { return std::exchange(number_, -1); }

Result<void> write_all(const Descriptor& file, BytesView content,
                       const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t written = ::write(file.number(), content.data() + done, content.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return tl::unexpected<Error>(system_error(errno, "write", path));
    done += static_cast<std::size_t>(written);
  }
  return {};
}

Result<std::size_t> read_at(const Descriptor& file, std::span<std::uint8_t> out,
                            std::uint64_t offset, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(file.number(), out.data() + done, out.size() - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> write_at(const Descriptor& file, BytesView content, std::uint64_t offset,
                      const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::pwrite(file.number(), content.data() + done, content.size() - done,
                                   static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return tl::unexpected<Error>(system_error(count < 0 ? errno : ENOSPC, "write", path));
    }
    done += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open() || ::fsync(descriptor.number()) != 0) {
    return tl::unexpected<Error>(system_error(errno, "sync", folder));
  }
  return {};
}

}  // namespace cloister
