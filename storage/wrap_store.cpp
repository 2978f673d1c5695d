#include "storage/wrap_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"

namespace cloister::storage {
namespace {

constexpr std::size_t wrap_bytes_max = 4096;

// Overwrites before unlinking. A file that is gone already is fine.
Result<void> destroy(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return {};
    return tl::unexpected<Error>(system_error(errno, "destroy", path));
  }
  struct stat info {};
  if (::fstat(file.number(), &info) != 0) {
    return tl::unexpected<Error>(system_error(errno, "destroy", path));
  }
  const Bytes zeros(static_cast<std::size_t>(info.st_size));
  if (auto over = write_all(file, zeros, path); !over) return over;
  if (::fsync(file.number()) != 0 || ::unlink(path.c_str()) != 0) {
    return tl::unexpected<Error>(system_error(errno, "destroy", path));
  }
  return {};
}

}  // namespace

Result<WrapStore> WrapStore::open(const std::filesystem::path& folder) {
  if (auto made = make_folder(folder); !made) return pass(made);
  if (::chmod(folder.c_str(), 0700) != 0) {
    return tl::unexpected<Error>(system_error(errno, "set the permissions of", folder));
  }
  return WrapStore(folder);
}

std::filesystem::path WrapStore::path_of(const Digest& object, const MemberId& reader) const {
  return folder_ / (to_hex(object) + "." + reader.text());
}

Result<void> WrapStore::put(const Digest& object, const MemberId& reader, BytesView wrap) {
  if (reader.empty() || wrap.empty() || wrap.size() > wrap_bytes_max) {
    return fail(Kind::invalid, "wrap.format", "A key wrap has a reader and 1 to 4096 bytes.");
  }
  const auto present = get(object, reader);
  if (present && std::equal(present->begin(), present->end(), wrap.begin(), wrap.end())) return {};
  if (present) {
    return fail(Kind::conflict, "wrap.exists",
                fmt::format("Another wrap of {} for '{}' is here.", short_hex(object), reader),
                "Erase the object's wraps first if that is meant.");
  }
  if (present.error().kind != Kind::not_found) return pass(present);
  return write_file(path_of(object, reader), wrap, FileMode::owner_only);
}

Result<Bytes> WrapStore::get(const Digest& object, const MemberId& reader) const {
  auto wrap = read_file(path_of(object, reader), wrap_bytes_max);
  if (!wrap && wrap.error().kind == Kind::not_found) {
    return fail(Kind::not_found, "wrap.not_found",
                fmt::format("There is no key of {} for '{}': it was never here, or was destroyed.",
                            short_hex(object), reader),
                "If it was destroyed, the content cannot be read any more.");
  }
  return wrap;
}

Result<std::vector<MemberId>> WrapStore::readers(const Digest& object) const {
  std::vector<MemberId> all;
  const std::string prefix = to_hex(object) + ".";
  std::error_code error;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    // A temporary neighbour of a crashed put() has a name that is no id; erase() takes it as well.
    if (auto reader = MemberId::parse(name.substr(prefix.size()))) all.push_back(*reader);
  }
  if (error) return tl::unexpected<Error>(system_error(error.value(), "read", folder_));
  std::sort(all.begin(), all.end());
  return all;
}

Result<std::vector<MemberId>> WrapStore::erase(const Digest& object) {
  const auto destroyed = readers(object);
  if (!destroyed) return destroyed;
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (at->path().filename().string().starts_with(to_hex(object) + ".")) {
      paths.push_back(at->path());
    }
  }
  if (error) return tl::unexpected<Error>(system_error(error.value(), "read", folder_));
  for (const auto& path : paths) {
    if (auto gone = destroy(path); !gone) return pass(gone);
  }
  if (auto synced = sync_folder(folder_); !synced) return pass(synced);
  return destroyed;
}

}  // namespace cloister::storage
