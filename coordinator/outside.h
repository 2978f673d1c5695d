// The newest signed checkpoint, kept outside the ledger's database: what a database that was put
// back from an old backup, or lost its last writes, is held against.
//
// The file has two blocks, each a note (docs/formats.md) with line ends behind it up to 4,096
// bytes. The older one is overwritten in place and synced, so that a checkpoint costs one flush of
// the disk and no commit of the file system's journal, as a new file under the same name would; a
// power cut in the middle spoils at most the block that nobody was told of yet. A file with one
// note alone is fine too: copies of it, and homes of earlier versions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"
#include "provenance/note.h"

namespace cloister::coordinator {

// The file on disk, or a simulated one. One thread at a time.
class Outside {
 public:
  virtual ~Outside() = default;
  // What may be the newest one: any of them may be torn. Kind::not_found if none was kept yet.
  [[nodiscard]] virtual Result<std::vector<std::string>> read() const = 0;
  // Durable when it returns.
  [[nodiscard]] virtual Result<void> keep(const std::string& note) = 0;
};

class OutsideFile final : public Outside {
 public:
  explicit OutsideFile(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] Result<std::vector<std::string>> read() const override;
  [[nodiscard]] Result<void> keep(const std::string& note) override;

 private:
  [[nodiscard]] Result<void> begin(const std::string& note);
  [[nodiscard]] bool is_in_place() const;

  std::filesystem::path path_;
  Descriptor file_;  // from the first keep() on
  bool second_is_older_ = false;
};

// The notes in such a file, or in one that holds a single note.
[[nodiscard]] Result<std::vector<std::string>> notes_in(const std::filesystem::path& file);

// The largest head that the log's key signed among these notes. If none is: what is wrong with one.
[[nodiscard]] Result<provenance::TreeHead> newest_head(const std::vector<std::string>& notes,
                                                       const provenance::NoteKey& log_key);

}  // namespace cloister::coordinator
