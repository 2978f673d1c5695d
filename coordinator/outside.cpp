#include "coordinator/outside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"

namespace cloister::coordinator {
namespace {

constexpr std::size_t block_bytes = 4096;

std::string padded(const std::string& note) {
  return note + std::string(block_bytes - note.size(), '\n');
}

std::string without_padding(std::string block) {
  const auto last = block.find_last_not_of('\n');
  block.resize(last == std::string::npos ? 0 : last + 1);
  return block + '\n';
}

}  // namespace

Result<std::vector<std::string>> notes_in(const std::filesystem::path& file) {
  const auto text = read_text(file, provenance::note_bytes_max);
  if (!text) return pass(text);
  if (text->size() != 2 * block_bytes) return std::vector<std::string>{*text};
  return std::vector<std::string>{without_padding(text->substr(0, block_bytes)),
                                  without_padding(text->substr(block_bytes))};
}

Result<provenance::TreeHead> newest_head(const std::vector<std::string>& notes,
                                         const provenance::NoteKey& log_key) {
  std::optional<provenance::TreeHead> newest;
  Error why{Kind::corrupt, "ledger.checkpoint", "It is empty.", ""};
  for (const std::string& text : notes) {
    const auto note = provenance::parse_note(text);
    const auto checkpoint = note ? provenance::open_checkpoint(*note, log_key)
                                 : Result<provenance::Checkpoint>(pass(note));
    if (!checkpoint) {
      why = checkpoint.error();
    } else if (!newest || checkpoint->head.size > newest->size) {
      newest = checkpoint->head;
    }
  }
  if (newest) return *newest;
  return tl::unexpected<Error>(why);
}

Result<std::vector<std::string>> OutsideFile::read() const { return notes_in(path_); }

Result<void> OutsideFile::keep(const std::string& note) {
  if (note.size() > block_bytes) return write_text(path_, note);  // a log of a very long name
  if (!is_in_place()) return begin(note);
  const std::string block = padded(note);
  const std::uint64_t offset = second_is_older_ ? block_bytes : 0;
  if (auto ok = write_at(file_, as_bytes(block), offset, path_); !ok) return ok;
  if (::fdatasync(file_.number()) != 0)
    return tl::unexpected<Error>(system_error(errno, "sync", path_));
  second_is_older_ = !second_is_older_;
  return {};
}

// Whether the open file is still the one under this name: somebody may have put another one there.
bool OutsideFile::is_in_place() const {
  struct stat open {
  }, named{};
  return file_.is_open() && ::fstat(file_.number(), &open) == 0 &&
         ::stat(path_.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev && static_cast<std::size_t>(open.st_size) == 2 * block_bytes;
}

// Both blocks at once, in a new file under the old one's name: from then on every byte of it has
// its place on the disk.
Result<void> OutsideFile::begin(const std::string& note) {
  if (auto ok = write_text(path_, padded(note) + padded(note)); !ok) return ok;
  file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file_.is_open()) return tl::unexpected<Error>(system_error(errno, "open", path_));
  return {};
}

}  // namespace cloister::coordinator
