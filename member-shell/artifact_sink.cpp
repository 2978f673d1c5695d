#include "member-shell/artifact_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/new_file.h"

namespace cloister::member_shell {
namespace {

namespace fs = std::filesystem;
using member::KeepAs;
using member::Kept;

// Weights and maps are sealed whole: they are small beside shards, which stream.
constexpr std::uint64_t vault_bytes_max = 2ULL << 30;

// A file that gets its name when its content is known.
class Unnamed {
 public:
  static Result<Unnamed> create(Places& places, const fs::path& folder) {
    if (auto ok = make_folder(folder); !ok) return pass(ok);
    fs::path path = places.fresh(folder);
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "create", path));
    return Unnamed(std::move(file), std::move(path));
  }
  Unnamed(Unnamed&& other) noexcept
      : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})) {}
  Unnamed& operator=(Unnamed&&) = delete;
  ~Unnamed() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Result<void> write(BytesView bytes) { return write_all(file_, bytes, path_); }
  Result<void> name(const fs::path& name) {
    if (::fsync(file_.number()) != 0 || ::rename(path_.c_str(), name.c_str()) != 0) {
      return tl::unexpected<Error>(system_error(errno, "write", name));
    }
    path_.clear();
    return sync_folder(name.parent_path());
  }

 private:
  Unnamed(Descriptor file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}
  Descriptor file_;
  fs::path path_;
};

class VaultSink final : public ArtifactSink {
 public:
  VaultSink(Places& places, std::string name) : places_(places), name_(std::move(name)) {}
  ~VaultSink() override { crypto::wipe(content_); }
  Result<void> write(BytesView piece) override {
    append(content_, piece);
    return {};
  }
  Result<Kept> finish() override {
    auto commitment = places_.keep_in_vault(content_);
    if (!commitment) return pass(commitment);
    return Kept{name_, KeepAs::vault, *commitment, content_.size(), {}};
  }

 private:
  Places& places_;
  std::string name_;
  Bytes content_;
};

class SealedSink final : public ArtifactSink {
 public:
  SealedSink(Places& places, Unnamed file, const member::KeepRule& rule, const ArtifactHead& head)
      : places_(places),
        file_(std::move(file)),
        rule_(rule),
        name_(head.name),
        key_(crypto::new_object_key(places.entropy())),
        writer_(key_, {.context = rule.context, .plain_size = head.bytes}, places.entropy()) {}
  ~SealedSink() override { crypto::wipe(plain_); }

  Result<void> begin() { return put(writer_.header()); }

  Result<void> write(BytesView piece) override {
    while (!piece.empty()) {
      const auto wanted = static_cast<std::size_t>(writer_.next_size()) - plain_.size();
      const BytesView part = piece.first(std::min(piece.size(), wanted));
      append(plain_, part);
      piece = piece.subspan(part.size());
      if (plain_.size() < writer_.next_size()) return {};
      if (auto ok = seal(); !ok) return ok;
    }
    return {};
  }

  Result<Kept> finish() override {
    if (!writer_.finished()) {  // an empty object has one empty chunk
      if (auto ok = seal(); !ok) return pass(ok);
    }
    const Digest digest = hash_.finish();
    auto wrap = crypto::wrap_key(key_, rule_.context, *rule_.seal_key, places_.entropy());
    if (!wrap) return pass(wrap);
    if (auto ok = file_.name(places_.outbox(digest)); !ok) return pass(ok);
    return Kept{name_, KeepAs::sealed, digest, bytes_, std::move(*wrap)};
  }

 private:
  Result<void> seal() {
    auto frame = writer_.next(plain_);
    crypto::wipe(plain_);
    plain_.clear();
    if (!frame) return pass(frame);
    return put(*frame);
  }
  Result<void> put(BytesView bytes) {
    hash_.add(bytes);
    bytes_ += bytes.size();
    return file_.write(bytes);
  }

  Places& places_;
  Unnamed file_;
  member::KeepRule rule_;
  std::string name_;
  crypto::SecretBytes key_;
  crypto::SealWriter writer_;
  crypto::Sha256 hash_;
  Bytes plain_;
  std::uint64_t bytes_ = 0;
};

// A mask that a person asked for: written where they want it, and nowhere else.
class OutputSink final : public ArtifactSink {
 public:
  OutputSink(NewFile file, const ArtifactHead& head) : file_(std::move(file)), head_(head) {}
  Result<void> write(BytesView piece) override {
    hash_.add(piece);
    return file_.write(piece);
  }
  Result<Kept> finish() override {
    if (auto ok = file_.commit(); !ok) return pass(ok);
    return Kept{head_.name, KeepAs::open, hash_.finish(), head_.bytes, {}};
  }

 private:
  NewFile file_;
  ArtifactHead head_;
  crypto::Sha256 hash_;
};

// Models and reports.
class PlainSink final : public ArtifactSink {
 public:
  PlainSink(Places& places, Unnamed file, const ArtifactHead& head, KeepAs as)
      : places_(places), file_(std::move(file)), head_(head), as_(as) {}
  Result<void> write(BytesView piece) override {
    hash_.add(piece);
    return file_.write(piece);
  }
  Result<Kept> finish() override {
    const Digest digest = hash_.finish();
    const fs::path path =
        as_ == KeepAs::report ? places_.report(head_.job, head_.name) : places_.model(digest);
    if (auto ok = file_.name(path); !ok) return pass(ok);
    return Kept{head_.name, as_, digest, head_.bytes, {}};
  }

 private:
  Places& places_;
  Unnamed file_;
  ArtifactHead head_;
  KeepAs as_;
  crypto::Sha256 hash_;
};

const member::KeepRule* rule_for(const std::string& name,
                                 const std::vector<member::KeepRule>& rules) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const auto& rule) { return name.starts_with(rule.prefix); });
  return found == rules.end() ? nullptr : &*found;
}

Result<std::unique_ptr<ArtifactSink>> sealed_sink(Places& places, const ArtifactHead& head,
                                                  const member::KeepRule& rule) {
  auto file = Unnamed::create(places, places.home() / "outbox");
  if (!file) return pass(file);
  auto sink = std::make_unique<SealedSink>(places, std::move(*file), rule, head);
  if (auto ok = sink->begin(); !ok) return pass(ok);
  return sink;
}

}  // namespace

Result<std::unique_ptr<ArtifactSink>> open_sink(Places& places, const ArtifactHead& head,
                                                const std::vector<member::KeepRule>& rules) {
  const member::KeepRule* rule = rule_for(head.name, rules);
  const KeepAs as = rule == nullptr ? KeepAs::vault : rule->as;
  if (as == KeepAs::sealed) return sealed_sink(places, head, *rule);
  if (as == KeepAs::vault) {
    if (head.bytes > vault_bytes_max) {
      return fail(Kind::exhausted, "vault.too_large",
                  fmt::format("The artifact '{}' is too large for the vault.", head.name),
                  "Lower the study's budget.");
    }
    return std::make_unique<VaultSink>(places, head.name);
  }
  if (as == KeepAs::open && !head.save_as.empty()) {
    auto file = NewFile::create(head.save_as, FileMode::owner_only);
    if (!file) return pass(file);
    return std::make_unique<OutputSink>(std::move(*file), head);
  }
  const fs::path folder = as == KeepAs::report ? places.report(head.job, head.name).parent_path()
                                               : places.home() / "models";
  auto file = Unnamed::create(places, folder);
  if (!file) return pass(file);
  return std::make_unique<PlainSink>(places, std::move(*file), head, as);
}

}  // namespace cloister::member_shell
