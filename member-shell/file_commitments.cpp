#include "member-shell/file_commitments.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/descriptor.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::member_shell {
namespace {

namespace fs = std::filesystem;

Result<Digest> digest_of(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "open", path));
  crypto::Sha256 hash;
  std::array<std::uint8_t, 256U << 10> buffer;
  for (;;) {
    const ssize_t count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
    if (count == 0) return hash.finish();
    hash.add(BytesView(buffer).first(static_cast<std::size_t>(count)));
  }
}

struct Committing {
  transport::EventLoop& loop;
  Places& places;
  fs::path root;
  Committed done;
  std::vector<std::string> files;
  std::vector<Digest> commitments;
};

void next(const std::shared_ptr<Committing>& work) {
  if (work->commitments.size() == work->files.size()) {
    std::sort(work->commitments.begin(), work->commitments.end());
    work->done(std::move(work->commitments));
    return;
  }
  const std::string& name = work->files[work->commitments.size()];
  const auto content = digest_of(work->root / name);
  if (!content) {
    work->done(fail(Kind::unavailable, "data.changed",
                    "An image or mask that was registered cannot be read any more.",
                    "Restore the data folder, then retry the job."));
    return;
  }
  Bytes claim = to_bytes("cloister/file/v1\n" + name);
  claim.push_back(0);
  append(claim, content->view());
  work->commitments.push_back(work->places.commitment(claim));
  work->loop.after(Duration(0), [work] { next(work); });
}

}  // namespace

void commit_files(transport::EventLoop& loop, Places& places, const fs::path& data_root,
                  const Digest& site_map, Committed done) {
  auto work =
      std::make_shared<Committing>(Committing{loop, places, data_root, std::move(done), {}, {}});
  const auto content = places.open_from_vault(site_map);
  const auto json = content
                        ? provenance::parse_json(as_text(content->view()),
                                                 {.bytes_max = 64U << 20, .values_max = 10'000'000})
                        : Result<provenance::Json>(tl::unexpected<Error>(content.error()));
  const provenance::Json* cases = json ? json->find("cases") : nullptr;
  std::set<std::string> files;  // a 4-D file may hold several cases
  if (cases != nullptr && cases->items() != nullptr) {
    for (const auto& one : *cases->items()) {
      for (const char* key : {"image", "mask"}) {
        const std::string name = provenance::text_or_empty(one, key);
        if (!name.empty()) files.insert(name);
      }
    }
  }
  work->files.assign(files.begin(), files.end());
  loop.after(Duration(0), [work, error = json ? std::optional<Error>() : json.error()] {
    if (error) {
      work->done(tl::unexpected<Error>(*error));
    } else {
      next(work);
    }
  });
}

}  // namespace cloister::member_shell
