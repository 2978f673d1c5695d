#include "crypto/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"

namespace cloister::crypto {

Result<SecretBytes> read_private_file(const std::filesystem::path& path, std::uint64_t limit,
                                      std::string_view code_room) {
  // Checked on the open file, so that it cannot be exchanged in between. Non-blocking: a pipe in
  // the place of the file must not make us wait.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file.is_open() || ::fstat(file.number(), &info) != 0) {
    return tl::unexpected<Error>(system_error(errno, "open", path));
  }
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) > limit) {
    return fail(Kind::invalid, std::string(code_room) + ".format",
                fmt::format("'{}' is not a file of the kind expected here.", path.string()),
                "Check the path.");
  }
  if ((info.st_mode & 077) != 0) {
    return fail(Kind::forbidden, std::string(code_room) + ".permissions",
                fmt::format("Others can read '{}'.", path.string()),
                fmt::format("Run: chmod 600 '{}'; if others may have read it, make a new one.",
                            path.string()));
  }
  SecretBytes content(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count =
        ::read(file.number(), content.writable().data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
    if (count == 0) return SecretBytes::copy_of(content.view().first(done));
    done += static_cast<std::size_t>(count);
  }
  return content;
}

}  // namespace cloister::crypto
