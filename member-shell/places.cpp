#include "member-shell/places.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "member/contexts.h"

namespace cloister::member_shell {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t vault_bytes_max = 4ULL << 30;

Source from_secret(crypto::SecretBytes secret) {
  auto content = std::make_shared<crypto::SecretBytes>(std::move(secret));
  auto at = std::make_shared<std::size_t>(0);
  return {content->size(), [content, at](std::span<std::uint8_t> out) -> Result<std::size_t> {
            const std::size_t count = std::min(out.size(), content->size() - *at);
            std::copy_n(content->view().begin() + static_cast<std::ptrdiff_t>(*at), count,
                        out.begin());
            *at += count;
            return count;
          }};
}

Result<std::shared_ptr<Descriptor>> open_file(const fs::path& path) {
  auto file = std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file->is_open()) return tl::unexpected<Error>(system_error(errno, "open", path));
  return file;
}

Result<std::size_t> read_some(const Descriptor& file, std::span<std::uint8_t> out,
                              const fs::path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::read(file.number(), out.data() + done, out.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<Source> file_source(const fs::path& path) {
  auto file = open_file(path);
  if (!file) return pass(file);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return tl::unexpected<Error>(system_error(error.value(), "read", path));
  return Source{size, [file = *file, path](std::span<std::uint8_t> out) {
                  return read_some(*file, out, path);
                }};
}

// Opens a sealed object frame by frame, so that no plaintext is ever on a disk.
class Opening {
 public:
  Opening(std::shared_ptr<Descriptor> file, fs::path path, crypto::SealReader reader)
      : file_(std::move(file)), path_(std::move(path)), reader_(std::move(reader)) {}
  ~Opening() { crypto::wipe(plain_); }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  Result<std::size_t> read(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      if (taken_ == plain_.size()) {
        if (reader_.finished()) break;
        if (auto ok = refill(); !ok) return pass(ok);
        continue;
      }
      const std::size_t count = std::min(out.size() - done, plain_.size() - taken_);
      std::copy_n(plain_.begin() + static_cast<std::ptrdiff_t>(taken_), count,
                  out.begin() + static_cast<std::ptrdiff_t>(done));
      taken_ += count;
      done += count;
    }
    return done;
  }

 private:
  Result<void> refill() {
    Bytes frame(reader_.next_size());
    const auto count = read_some(*file_, frame, path_);
    if (!count) return pass(count);
    frame.resize(*count);
    auto opened = reader_.next(frame);
    if (!opened) return pass(opened);
    crypto::wipe(plain_);
    plain_ = std::move(*opened);
    taken_ = 0;
    return {};
  }

  std::shared_ptr<Descriptor> file_;
  fs::path path_;
  crypto::SealReader reader_;
  Bytes plain_;
  std::size_t taken_ = 0;
};

// What a crash left half written.
void remove_parts(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with(".part-")) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

Places::Places(fs::path home, const MemberId& self, const crypto::SealKey& own,
               crypto::Entropy& entropy)
    : home_(std::move(home)),
      own_(own),
      entropy_(entropy),
      vault_(own, entropy),
      context_(member::vault_context(self)) {}

Result<std::unique_ptr<Places>> Places::open(const fs::path& home, const MemberId& self,
                                             const crypto::SealKey& own, crypto::Entropy& entropy) {
  std::unique_ptr<Places> places(new Places(home, self, own, entropy));
  for (const char* folder :
       {"vault", "vault/checkpoints", "outbox", "scratch", "models", "reports"}) {
    if (auto ok = make_folder(home / folder); !ok) return pass(ok);
    std::error_code ignored;
    fs::permissions(home / folder, fs::perms::owner_all, ignored);
    remove_parts(home / folder);
  }
  auto secret = places->secret("site-secret", 32);
  if (!secret) return pass(secret);
  places->site_secret_ = std::move(*secret);
  return places;
}

fs::path Places::vault(const Digest& commitment) const {
  return home_ / "vault" / to_hex(commitment);
}
fs::path Places::outbox(const Digest& digest) const { return home_ / "outbox" / to_hex(digest); }
fs::path Places::scratch(const Digest& digest) const { return home_ / "scratch" / to_hex(digest); }
fs::path Places::model(const Digest& digest) const { return home_ / "models" / to_hex(digest); }
fs::path Places::report(const JobId& job, const std::string& name) const {
  return home_ / "reports" / job.text() / name;
}
fs::path Places::fresh(const fs::path& folder) {
  return folder / fmt::format(".part-{}-{}", getpid(), ++next_fresh_);
}

Digest Places::commitment(BytesView content) const {
  return crypto::hmac_sha256(site_secret_, content);
}

Result<Digest> Places::keep_in_vault(BytesView content) {
  const Digest name = commitment(content);
  if (auto ok = vault_.seal_to_file(vault(name), content, context_); !ok) return pass(ok);
  return name;
}

Result<crypto::SecretBytes> Places::open_from_vault(const Digest& commitment) const {
  return vault_.open_from_file(vault(commitment), context_, vault_bytes_max);
}

Result<crypto::SecretBytes> Places::secret(const std::string& name, std::uint32_t bytes) {
  const fs::path path =
      home_ / "vault" / fmt::format("secret-{}", to_hex(crypto::sha256(as_bytes(name))));
  std::error_code ignored;
  if (fs::exists(path, ignored)) return vault_.open_from_file(path, context_, 1U << 20);
  auto secret = crypto::SecretBytes::random(bytes, entropy_);
  if (auto ok = vault_.seal_to_file(path, secret.view(), context_); !ok) return pass(ok);
  return secret;
}

Result<void> Places::keep_checkpoint(const JobId& job, BytesView content) {
  return vault_.seal_to_file(home_ / "vault/checkpoints" / job.text(), content, context_);
}

Result<std::optional<crypto::SecretBytes>> Places::checkpoint(const JobId& job) const {
  const fs::path path = home_ / "vault/checkpoints" / job.text();
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::optional<crypto::SecretBytes>{};
  auto content = vault_.open_from_file(path, context_, vault_bytes_max);
  if (!content) return pass(content);
  return std::optional<crypto::SecretBytes>(std::move(*content));
}

void Places::forget_checkpoint(const JobId& job) {
  std::error_code ignored;
  fs::remove(home_ / "vault/checkpoints" / job.text(), ignored);
}

void Places::discard(const Digest& digest) {
  std::error_code ignored;
  fs::remove(scratch(digest), ignored);
  fs::remove(outbox(digest), ignored);
}

Result<fs::path> Places::sendable(const Digest& digest) const {
  std::error_code ignored;
  for (const fs::path& path : {outbox(digest), model(digest)}) {
    if (fs::is_regular_file(path, ignored)) return path;
  }
  return fail(
      Kind::not_found, "blob.source",
      fmt::format("The sealed object {} is not on this machine any more.", short_hex(digest)),
      "Retry the job that makes it.");
}

Result<Source> Places::blob_source(const member::FromBlob& from) const {
  const auto key = crypto::unwrap_key(from.wrap, from.context, own_);
  if (!key) return pass(key);
  std::error_code ignored;
  const fs::path path =
      fs::exists(scratch(from.digest), ignored) ? scratch(from.digest) : outbox(from.digest);
  auto file = open_file(path);
  if (!file) return pass(file);
  Bytes header(crypto::seal_header_size);
  const auto count = read_some(**file, header, path);
  if (!count) return pass(count);
  header.resize(*count);
  auto reader = crypto::SealReader::open(*key, from.context, header);
  if (!reader) return pass(reader);
  const std::uint64_t size = reader->plain_size();
  auto opening = std::make_shared<Opening>(*file, path, std::move(*reader));
  return Source{size, [opening](std::span<std::uint8_t> out) { return opening->read(out); }};
}

Result<Source> Places::source(const member::WorkerInput& input) {
  if (const auto* from = std::get_if<member::FromMemory>(&input.source)) {
    return from_secret(crypto::SecretBytes::copy_of(from->content));
  }
  if (const auto* from = std::get_if<member::FromVault>(&input.source)) {
    auto content = open_from_vault(from->commitment);
    if (!content) return pass(content);
    return from_secret(std::move(*content));
  }
  if (const auto* from = std::get_if<member::FromSecret>(&input.source)) {
    auto content = secret(from->name, from->bytes);
    if (!content) return pass(content);
    return from_secret(std::move(*content));
  }
  if (const auto* from = std::get_if<member::FromOpen>(&input.source)) {
    return file_source(model(from->digest));
  }
  return blob_source(std::get<member::FromBlob>(input.source));
}

}  // namespace cloister::member_shell
