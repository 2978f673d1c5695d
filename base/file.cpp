#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/new_file.h"

namespace cloister {
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
  if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "open", path));
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
  auto file = NewFile::create(path, mode);
  if (!file) return pass(file);
  if (auto written = file->write(content); !written) return written;
  return file->commit();
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
