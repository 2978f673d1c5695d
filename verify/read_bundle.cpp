#include "verify/read_bundle.h"

#include "base/file.h"

namespace cloister::verify {
namespace fs = std::filesystem;

namespace {

tl::unexpected<Error> too_large() {
  return fail(Kind::exhausted, "bundle.too_large", "The bundle is larger than this program reads.",
              "Ask for a bundle about one question instead of the whole log.");
}

}  // namespace

Result<provenance::BundleFiles> read_bundle(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(Kind::not_found, "bundle.not_found",
                fmt::format("'{}' is no folder.", folder.string()),
                "Name the folder that holds the bundle's README.md and checkpoint.");
  }
  if (!fs::exists(folder / "README.md", error) && !fs::exists(folder / "checkpoint", error)) {
    return fail(Kind::not_found, "bundle.not_found",
                fmt::format("'{}' holds no bundle: neither README.md nor checkpoint is there.",
                            folder.string()),
                "Name the folder that holds them.");
  }
  provenance::BundleFiles files;
  std::uint64_t total = 0;
  auto entry = fs::recursive_directory_iterator(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) continue;
    const std::string path = entry->path().lexically_relative(folder).generic_string();
    if (!fs::is_regular_file(status)) {
      return fail(Kind::invalid, "bundle.not_plain",
                  fmt::format("'{}' in the bundle is no plain file.", path),
                  "Ask for the bundle again: a bundle holds plain files and folders only.");
    }
    auto content = read_file(entry->path(), bundle_file_bytes_max);
    if (!content) return pass(content);
    total += content->size();
    if (total > bundle_bytes_max || files.size() == bundle_files_max) return too_large();
    files.emplace(path, std::move(*content));
  }
  if (error) return tl::unexpected<Error>(system_error(error.value(), "read", folder));
  return files;
}

}  // namespace cloister::verify
