#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace cloister {
namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

Result<void> write_all(const Descriptor& file, BytesView content,
                       const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t written = ::write(file.number(), content.data() + done, content.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return tl::unexpected<Error>(system_error(errno, "write", path));
    done += static_cast<std::size_t>(written);
  }
  if (::fsync(file.number()) != 0) return tl::unexpected<Error>(system_error(errno, "sync", path));
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number() < 0 || ::fsync(descriptor.number()) != 0) {
    return tl::unexpected<Error>(system_error(errno, "sync", folder));
  }
  return {};
}

}  // namespace

Error system_error(int error_number, std::string_view doing, const std::filesystem::path& path) {
  Kind kind = Kind::unavailable;
  std::string_view code = "file.io";
  std::string next;
  switch (error_number) {
    case ENOENT:
      kind = Kind::not_found, code = "file.not_found", next = "Check the path.";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = Kind::forbidden, code = "file.permission",
      next =
          "Check the owner and the permissions of the folder, and that the disk is not read-only.";
      break;
    case ENOSPC:
    case EDQUOT:
      kind = Kind::exhausted, code = "file.disk_full",
      next = "Free space on this disk, then run the command again; nothing was half-written.";
      break;
    default:
      break;
  }
  return Error{
      kind, std::string(code),
      fmt::format("Could not {} '{}': {}.", doing, path.string(), std::strerror(error_number)),
      next};
}

Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) return tl::unexpected<Error>(system_error(errno, "open", path));
  Bytes content;
  Bytes buffer(1 << 16);
  while (true) {
    const ssize_t count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
    if (count == 0) return content;
    append(content, BytesView(buffer).first(static_cast<std::size_t>(count)));
    if (content.size() > limit) {
      return fail(
          Kind::exhausted, "file.too_large",
          fmt::format("'{}' is larger than the {} bytes expected here.", path.string(), limit),
          "Check that this is the right file.");
    }
  }
}

Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit) {
  return read_file(path, limit).map([](const Bytes& bytes) { return std::string(as_text(bytes)); });
}

Result<void> write_file(const std::filesystem::path& path, BytesView content, FileMode mode) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::string name = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.number() < 0) return tl::unexpected<Error>(system_error(errno, "write", path));
  auto abandon = [&](Error error) -> Result<void> {
    ::unlink(name.c_str());
    return tl::unexpected<Error>(std::move(error));
  };
  if (::fchmod(file.number(), static_cast<mode_t>(mode)) != 0) {
    return abandon(system_error(errno, "set the permissions of", path));
  }
  if (auto written = write_all(file, content, path); !written) return abandon(written.error());
  if (::rename(name.c_str(), path.c_str()) != 0)
    return abandon(system_error(errno, "replace", path));
  return sync_folder(folder);
}

Result<void> write_text(const std::filesystem::path& path, std::string_view content,
                        FileMode mode) {
  return write_file(path, as_bytes(content), mode);
}

Result<void> make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return tl::unexpected<Error>(system_error(error.value(), "make the folder", path));
  return {};
}

}  // namespace cloister
