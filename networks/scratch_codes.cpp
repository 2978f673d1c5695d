#include "networks/scratch_codes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/ensure.h"
#include "base/file.h"
#include "networks/views.h"
#include "tensorfile/half.h"

namespace cloister::networks {
namespace {

constexpr auto next_step =
    "Make room on the disk of the scratch folder, or give another folder; a training needs about "
    "as much there as its shards have.";

// A full disk alone is "full": there a job waits for room, and any other fault is told as it is.
tl::unexpected<Error> cannot(const Error& failed) {
  if (failed.kind == Kind::exhausted) {
    return fail(
        Kind::exhausted, "codes.scratch_full",
        fmt::format("The codes of this study do not fit into the scratch file. {}", failed.what),
        next_step);
  }
  return fail(Kind::unavailable, "codes.scratch",
              fmt::format("The scratch file of the codes cannot be used. {}", failed.what),
              next_step);
}

// Seen by nobody else and left behind by no crash.
Descriptor nameless_file(const std::filesystem::path& folder) {
  Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.is_open()) return file;
  std::string name = (folder / "codes-XXXXXX").string();
  file = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (file.is_open()) ::unlink(name.c_str());
  return file;
}

}  // namespace

// One record a pair: the image code's halves, then the mask code's. Their size is a multiple of 64
// whatever the grid, since a code has 128 channels.
struct ScratchCodes::File {
  Descriptor descriptor;
  std::filesystem::path folder;  // for messages
  Scramble scramble;
  CodeGrid grid;
  std::vector<std::vector<std::uint64_t>> records;  // by site: numbers of its records
  std::uint64_t count = 0;
  std::vector<std::uint16_t> record;  // present one, to and from the file

  [[nodiscard]] std::uint64_t record_bytes() const { return grid.floats() * 4; }
  [[nodiscard]] std::span<std::uint8_t> bytes() {
    return {reinterpret_cast<std::uint8_t*>(record.data()), record.size() * 2};
  }
  void scrambled(std::uint64_t offset) {
    if (scramble) scramble(offset, bytes());
  }
};

ScratchCodes::ScratchCodes(std::unique_ptr<File> file) : file_(std::move(file)) {}
ScratchCodes::ScratchCodes(ScratchCodes&&) noexcept = default;
ScratchCodes& ScratchCodes::operator=(ScratchCodes&&) noexcept = default;
ScratchCodes::~ScratchCodes() = default;

Result<ScratchCodes> ScratchCodes::create(int sites, const std::filesystem::path& folder,
                                          Scramble scramble) {
  auto file = std::make_unique<File>();
  file->descriptor = nameless_file(folder);
  if (!file->descriptor.is_open()) return cannot(system_error(errno, "make a file in", folder));
  file->folder = folder;
  file->scramble = std::move(scramble);
  file->records.resize(static_cast<std::size_t>(sites));
  return ScratchCodes(std::move(file));
}

Result<void> ScratchCodes::add_shard(int site, BytesView shard) {
  ensure(site >= 0 && site < sites(), "a site of the plan");
  File& file = *file_;
  const auto pairs = read_shard_of(file.grid, shard);
  if (!pairs) return pass(pairs);
  const std::size_t floats = file.grid.floats();
  for (std::size_t i = 0; i < pairs->slice.size(); ++i) {
    file.record.clear();
    for (const FloatTensor* codes : {&pairs->image_codes, &pairs->mask_codes}) {
      const auto halves = tensorfile::to_halves({codes->data.data() + i * floats, floats});
      file.record.insert(file.record.end(), halves.begin(), halves.end());
    }
    const std::uint64_t offset = file.count * file.record_bytes();
    file.scrambled(offset);
    const auto written = write_at(file.descriptor, file.bytes(), offset, file.folder);
    if (!written) return cannot(written.error());
    file.records[static_cast<std::size_t>(site)].push_back(file.count++);
  }
  return {};
}

int ScratchCodes::sites() const { return static_cast<int>(file_->records.size()); }
std::size_t ScratchCodes::samples(int site) const {
  return file_->records[static_cast<std::size_t>(site)].size();
}
int ScratchCodes::grid_height() const { return file_->grid.height; }
int ScratchCodes::grid_width() const { return file_->grid.width; }

Result<void> ScratchCodes::read(int site, std::size_t sample, std::span<float> image_code,
                                std::span<float> mask_code) {
  File& file = *file_;
  ensure(sample < samples(site), "a sample that is there");
  const std::size_t floats = file.grid.floats();
  file.record.resize(2 * floats);
  const std::uint64_t offset =
      file.records[static_cast<std::size_t>(site)][sample] * file.record_bytes();
  const auto got = read_at(file.descriptor, file.bytes(), offset, file.folder);
  if (!got) return cannot(got.error());
  if (*got < file.bytes().size()) return cannot(system_error(EIO, "read", file.folder));
  file.scrambled(offset);
  tensorfile::from_halves({file.record.data(), floats}, image_code);
  tensorfile::from_halves({file.record.data() + floats, floats}, mask_code);
  return {};
}

void ScratchCodes::expect(int site, std::size_t sample) {
  const std::uint64_t bytes = file_->record_bytes();
  const std::uint64_t offset = file_->records[static_cast<std::size_t>(site)][sample] * bytes;
  ::posix_fadvise(file_->descriptor.number(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  POSIX_FADV_WILLNEED);
}

}  // namespace cloister::networks
