#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/ensure.h"
#include "base/file.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "crypto/private_file.h"

namespace cloister::crypto {
namespace {

constexpr std::string_view magic{"CLKEYS1\0", 8};
constexpr std::uint64_t file_size_max = 4096;
constexpr std::uint64_t passes_max = 10;
constexpr std::uint64_t memory_max = 1ULL << 30;
constexpr std::size_t secrets_size = 96;  // seed, sealing secret, CURVE secret
constexpr std::size_t salt_size = crypto_pwhash_SALTBYTES;
constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;

tl::unexpected<Error> bad_format(const std::filesystem::path& path, std::string_view why) {
  return fail(Kind::invalid, "keyfile.format",
              fmt::format("'{}' is not a Cloister key file: {}.", path.string(), why),
              "Check the path, or restore the file from a good copy.");
}

struct Cost {
  std::uint64_t passes = 0;
  std::uint64_t memory = 0;  // bytes
};

Cost cost_of(KeyFileCost cost) {
  switch (cost) {
    case KeyFileCost::moderate:
      return {crypto_pwhash_argon2id_OPSLIMIT_MODERATE, crypto_pwhash_argon2id_MEMLIMIT_MODERATE};
    case KeyFileCost::random_passphrase:
    case KeyFileCost::fast_for_tests_only:
      return {crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
              crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE};
  }
  return {};
}

// Everything but the encrypted secrets; all of it is authenticated.
struct ClearPart {
  Cost cost;
  Bytes salt;
  Bytes nonce;
  PublicIdentity who;
};

void append_text(Bytes& out, std::string_view text) {
  out.push_back(static_cast<std::uint8_t>(text.size()));  // ids have at most 64 characters
  append(out, as_bytes(text));
}

Bytes to_bytes(const ClearPart& part) {
  Bytes out = cloister::to_bytes(magic);
  append(out, be64(part.cost.passes));
  append(out, be64(part.cost.memory));
  append(out, part.salt);
  append(out, part.nonce);
  append_text(out, part.who.id.text());
  append_text(out, part.who.role);
  append(out, part.who.sign.view());
  append(out, part.who.seal.view());
  append(out, part.who.curve.view());
  return out;
}

// Takes from the front of what is left; empty views once something was missing.
class Cursor {
 public:
  explicit Cursor(BytesView bytes) : left_(bytes) {}
  BytesView take(std::size_t count) {
    if (left_.size() < count) {
      short_ = true;
      left_ = {};
    }
    if (short_) return {};
    const BytesView taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }
  std::uint64_t number() {
    const BytesView eight = take(8);
    return eight.empty() ? 0 : read_be64(eight);
  }
  std::string_view text() {
    const BytesView length = take(1);
    return length.empty() ? std::string_view() : as_text(take(length[0]));
  }
  template <std::size_t Size>
  std::array<std::uint8_t, Size> array() {
    std::array<std::uint8_t, Size> out{};
    const BytesView bytes = take(Size);
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  }
  [[nodiscard]] bool ran_short() const { return short_; }
  [[nodiscard]] BytesView left() const { return left_; }

 private:
  BytesView left_;
  bool short_ = false;
};

struct KeyFile {
  ClearPart clear;
  BytesView bound;   // the bytes of the clear part
  BytesView sealed;  // the encrypted secrets
};

// Pure: `bytes` may be anything. None: not a key file that this version reads.
std::optional<KeyFile> parse(BytesView bytes) {
  Cursor cursor(bytes);
  const BytesView start = cursor.take(magic.size());
  if (as_text(start) != magic) return std::nullopt;
  KeyFile file;
  file.clear.cost = {cursor.number(), cursor.number()};
  const BytesView salt = cursor.take(salt_size);
  const BytesView nonce = cursor.take(nonce_size);
  file.clear.salt.assign(salt.begin(), salt.end());
  file.clear.nonce.assign(nonce.begin(), nonce.end());
  const auto id = MemberId::parse(cursor.text());
  file.clear.who.role = cursor.text();
  file.clear.who.sign.bytes = cursor.array<32>();
  file.clear.who.seal.bytes = cursor.array<32>();
  file.clear.who.curve.bytes = cursor.array<32>();
  if (cursor.ran_short() || !id || !is_valid_id(file.clear.who.role)) return std::nullopt;
  file.clear.who.id = *id;
  file.sealed = cursor.left();
  file.bound = bytes.first(bytes.size() - file.sealed.size());
  const Cost& cost = file.clear.cost;
  const bool sane = cost.passes >= 1 && cost.passes <= passes_max &&
                    cost.memory >= crypto_pwhash_argon2id_MEMLIMIT_MIN && cost.memory <= memory_max;
  if (!sane || file.sealed.size() != secrets_size + tag_size) return std::nullopt;
  return file;
}

Result<SecretBytes> stretch(const Passphrase& passphrase, const ClearPart& clear) {
  SecretBytes key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  const BytesView typed = passphrase.view();
  if (crypto_pwhash(key.writable().data(), key.size(), as_text(typed).data(), typed.size(),
                    clear.salt.data(), clear.cost.passes, clear.cost.memory,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Kind::exhausted, "keyfile.memory",
                fmt::format("Not enough memory to open the key file ({} MiB are needed).",
                            clear.cost.memory >> 20),
                "Stop other programs or raise the memory limit of this one.");
  }
  return key;
}

SecretBytes secrets_of(const Identity& identity) {
  SecretBytes secrets(secrets_size);
  const SecretBytes seed = identity.sign.seed();
  auto out = secrets.writable().begin();
  out = std::copy(seed.view().begin(), seed.view().end(), out);
  out = std::copy(identity.seal.secret().begin(), identity.seal.secret().end(), out);
  std::copy(identity.curve.secret().begin(), identity.curve.secret().end(), out);
  return secrets;
}

Result<void> check_replaceable(const std::filesystem::path& path, const MemberId& id) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const auto present = read_public_identity(path);
  if (present && present->id == id) return {};
  return fail(Kind::conflict, "keyfile.exists",
              fmt::format("'{}' exists and is not a key file of '{}'.", path.string(), id),
              "Choose another path, or move that file away.");
}

}  // namespace

Identity generate_identity(const MemberId& id, std::string role, Entropy& entropy) {
  ensure(is_valid_id(role), "a role is a word like an id");
  auto sign = SecretKey::generate(entropy);
  auto seal = SealKey::generate(entropy);
  auto curve = CurveKey::generate(entropy);
  return {id, std::move(role), std::move(sign), std::move(seal), std::move(curve)};
}

PublicIdentity public_part(const Identity& identity) {
  return {identity.id, identity.role, identity.sign.public_key(), identity.seal.public_key(),
          identity.curve.public_key()};
}

Result<void> save_identity(const std::filesystem::path& path, const Identity& identity,
                           const Passphrase& passphrase, KeyFileCost cost, Entropy& entropy) {
  if (auto free = check_replaceable(path, identity.id); !free) return free;
  const ClearPart clear{cost_of(cost), entropy.bytes(salt_size), entropy.bytes(nonce_size),
                        public_part(identity)};
  const auto key = stretch(passphrase, clear);
  if (!key) return pass(key);
  Bytes content = to_bytes(clear);
  const SecretBytes secrets = secrets_of(identity);
  Bytes sealed(secrets.size() + tag_size);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, secrets.view().data(),
                                             secrets.size(), content.data(), content.size(),
                                             nullptr, clear.nonce.data(), key->view().data());
  append(content, sealed);
  return write_file(path, content, FileMode::owner_only);
}

Result<Identity> load_identity(const std::filesystem::path& path, const Passphrase& passphrase) {
  const auto content = read_private_file(path, file_size_max, "keyfile");
  if (!content) return pass(content);
  const auto file = parse(content->view());
  if (!file) return bad_format(path, "its structure is another one");
  const auto key = stretch(passphrase, file->clear);
  if (!key) return pass(key);
  SecretBytes secrets(secrets_size);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          secrets.writable().data(), nullptr, nullptr, file->sealed.data(), file->sealed.size(),
          file->bound.data(), file->bound.size(), file->clear.nonce.data(),
          key->view().data()) != 0) {
    return fail(
        Kind::unauthenticated, "keyfile.passphrase",
        fmt::format("The passphrase does not open '{}' (or the file was altered).", path.string()),
        "Type it again; if it is certainly right, restore the file from a good copy.");
  }
  auto part = [&](std::size_t at) { return SecretBytes::copy_of(secrets.view().subspan(at, 32)); };
  auto sign = SecretKey::from_seed(part(0));
  auto seal = SealKey::from_secret(part(32));
  auto curve = CurveKey::from_secret(part(64));
  const PublicIdentity& who = file->clear.who;
  Identity identity{who.id, who.role, std::move(*sign), std::move(*seal), std::move(*curve)};
  if (public_part(identity) != who) return bad_format(path, "its keys do not belong together");
  return identity;
}

Result<PublicIdentity> read_public_identity(const std::filesystem::path& path) {
  const auto content = read_file(path, file_size_max);
  if (!content) return pass(content);
  const auto file = parse(*content);
  if (!file) return bad_format(path, "its structure is another one");
  return file->clear.who;
}

}  // namespace cloister::crypto
