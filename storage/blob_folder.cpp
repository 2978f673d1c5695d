#include "storage/blob_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file.h"

namespace cloister::storage::detail {
namespace {

constexpr std::size_t alignment = 4096;  // no disk asks for more
constexpr std::size_t block_size = 1 << 20;
constexpr std::string_view state_title = "cloister blob 1 ";

// Digits only, the whole text.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

Result<std::set<std::string>> names_in(const Descriptor& folder,
                                       const std::filesystem::path& path) {
  const int copy = ::openat(folder.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> entries(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!entries) return tl::unexpected<Error>(system_error(errno, "read", path));
  std::set<std::string> names;
  while (const dirent* entry = ::readdir(entries.get())) names.emplace(&entry->d_name[0]);
  return names;
}

std::optional<std::uint64_t> regular_size(const Descriptor& folder, const std::string& name) {
  struct stat info {};
  const int failed = ::fstatat(folder.number(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  if (failed != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(info.st_size);
}

// Whether writes to this open file pass the page cache from now on. False: they cannot.
bool set_direct(const Descriptor& file, bool wanted) {
  const int flags = ::fcntl(file.number(), F_GETFL);
  if (flags < 0 || ((flags & O_DIRECT) != 0) == wanted) return flags >= 0;
  return ::fcntl(file.number(), F_SETFL, flags ^ O_DIRECT) == 0;
}

void remove(const Descriptor& folder, const std::string& name) {
  ::unlinkat(folder.number(), name.c_str(), 0);
}

}  // namespace

void BlobFolder::charge(const MemberId& owner, std::uint64_t size) {
  used_by[owner] += size;
  used += size;
}

void BlobFolder::refund(const MemberId& owner, std::uint64_t size) {
  used_by[owner] -= size;
  used -= size;
}

std::filesystem::path BlobFolder::path_of(const MemberId& owner) const {
  return path / owner.text();
}

Error BlobFolder::error(int error_number, std::string_view doing, const MemberId& owner) const {
  return upload_error(system_error(error_number, doing, path_of(owner)));
}

Result<Descriptor> BlobFolder::open_owner(const MemberId& owner, bool create) const {
  const char* const name = owner.text().c_str();
  if (create && ::mkdirat(root.number(), name, 0700) == 0 && ::fsync(root.number()) != 0) {
    return tl::unexpected<Error>(error(errno, "sync", owner));
  }
  Descriptor folder(::openat(root.number(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.is_open()) return tl::unexpected<Error>(error(errno, "open the folder", owner));
  return folder;
}

Result<void> BlobFolder::load() {
  const auto names = names_in(root, path);
  if (!names) return pass(names);
  for (const std::string& name : *names) {
    const auto owner = MemberId::parse(name);
    struct stat info {};
    const bool folder = owner &&
                        ::fstatat(root.number(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISDIR(info.st_mode);
    if (!folder) continue;  // the lock, or something that is not ours
    if (auto loaded = load_owner(*owner); !loaded) return loaded;
  }
  return {};
}

Result<void> BlobFolder::load_owner(const MemberId& owner) {
  const auto folder = open_owner(owner, false);
  if (!folder) return pass(folder);
  const auto names = names_in(*folder, path_of(owner));
  if (!names) return pass(names);
  for (const std::string& name : *names) {
    const std::string hex = name.substr(0, 64);
    const auto digest = digest_from_hex(hex);
    if (!digest) continue;
    const std::string_view suffix = std::string_view(name).substr(64);
    if (suffix.empty()) {
      const auto size = regular_size(*folder, name);
      if (!size || !blobs.emplace(*digest, Blob{owner, *size}).second) continue;
      charge(owner, *size);
    } else if (suffix == part_suffix && !names->contains(hex)) {
      load_partial(*folder, owner, hex);
    } else if (suffix == part_suffix) {
      remove(*folder, name);
    } else if (suffix == state_suffix && !names->contains(hex + std::string(part_suffix))) {
      remove(*folder, name);  // finished, or never begun
    }
  }
  return {};
}

void BlobFolder::load_partial(const Descriptor& folder, const MemberId& owner,
                              const std::string& hex) {
  const std::string part = hex + std::string(part_suffix);
  const std::string state_name = hex + std::string(state_suffix);
  std::optional<PartialState> state;
  if (const auto file = open_file_at(folder, state_name, O_RDONLY)) {
    Bytes text(1 << 20);
    const std::size_t count = read_at(*file, text, 0, state_name).value_or(0);
    const auto parsed = parse_state(as_text(BytesView(text).first(count)));
    if (parsed) state = *parsed;
  }
  const auto present = regular_size(folder, part);
  const Digest digest = *digest_from_hex(hex);
  if (!state || !present || *present < state->durable || partials.contains(digest)) {
    remove(folder, part);
    remove(folder, state_name);
    return;
  }
  partials[digest] = Partial{{BlobTicket{digest, state->size, owner}, state->durable}, false};
  charge(owner, state->size);
}

Error upload_error(Error failed) {
  if (failed.kind != Kind::exhausted) return failed;
  failed.code = "blob.disk_full";
  failed.next = "Free space on this disk; the upload then goes on where it stopped.";
  return failed;
}

std::string first_state_line(std::uint64_t size) {
  return fmt::format("{}{}\n", state_title, size);
}

std::string durable_line(std::uint64_t durable) { return fmt::format("{}\n", durable); }

Result<PartialState> parse_state(std::string_view text) {
  PartialState state;
  bool first = true;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (first && line.starts_with(state_title)) line.remove_prefix(state_title.size());
    const auto value = number(line);
    if (first) {
      if (!value) break;
      state.size = *value;
      first = false;
    } else if (value && *value <= state.size) {
      state.durable = std::max(state.durable, *value);
    }
  }
  if (first) return fail(Kind::corrupt, "blob.state", "The state of an upload is unreadable.");
  return state;
}

Result<Descriptor> open_file_at(const Descriptor& folder, const std::string& name, int flags) {
  Descriptor file(::openat(folder.number(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "open", name));
  return file;
}

void BlockWriter::Free::operator()(void* memory) const { std::free(memory); }

BlockWriter::BlockWriter()
    : block_(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, block_size))) {}

Result<void> BlockWriter::write(const Descriptor& file, BytesView bytes, std::uint64_t offset,
                                const std::filesystem::path& path) {
  const bool aligned = block_ && offset % alignment == 0 && bytes.size() >= alignment;
  bool direct = aligned && set_direct(file, true);
  while (direct && bytes.size() >= alignment) {
    const std::size_t whole = std::min(bytes.size(), block_size) / alignment * alignment;
    std::copy_n(bytes.data(), whole, block_.get());
    // Not on this file system after all, or the disk is full: then the ordinary write says so.
    direct = write_at(file, BytesView(block_.get(), whole), offset, path).has_value();
    if (!direct) break;
    bytes = bytes.subspan(whole);
    offset += whole;
  }
  if (bytes.empty()) return {};
  set_direct(file, false);
  return write_at(file, bytes, offset, path);
}

}  // namespace cloister::storage::detail
