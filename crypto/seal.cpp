#include "crypto/seal.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/entropy.h"

namespace cloister::crypto {
namespace {

constexpr std::string_view wrap_magic{"CLWRAP1\0", 8};
constexpr std::size_t wrap_plain_bytes = 8 + 32 + key_bytes;
static_assert(wrap_plain_bytes + crypto_box_SEALBYTES == wrap_bytes);

tl::unexpected<Error> not_opened(std::string_view what) {
  return fail(
      Kind::corrupt, "seal.open",
      fmt::format("{} cannot be opened: it is for another key or another purpose, or it was "
                  "altered.",
                  what),
      "Check that the right identity is used; otherwise ask the sender to send it again.");
}

}  // namespace

SealKey SealKey::generate(Entropy& entropy) {
  return *from_secret(SecretBytes::random(crypto_box_SECRETKEYBYTES, entropy));
}

Result<SealKey> SealKey::from_secret(const SecretBytes& thirty_two) {
  if (thirty_two.size() != crypto_box_SECRETKEYBYTES) {
    return fail(Kind::invalid, "key.seal", "A sealing key has 32 bytes.");
  }
  SealPublicKey public_key;
  crypto_scalarmult_base(public_key.bytes.data(), thirty_two.view().data());
  return SealKey(thirty_two.clone(), public_key);
}

Result<SealPublicKey> seal_public_key_from_bytes(BytesView thirty_two) {
  SealPublicKey key;
  if (thirty_two.size() != key.bytes.size()) {
    return fail(Kind::invalid, "key.seal", "A public sealing key has 32 bytes.");
  }
  std::copy(thirty_two.begin(), thirty_two.end(), key.bytes.begin());
  return key;
}

// crypto_box_seal itself takes its one-time key from the system; this is the same construction with
// the one-time key from `entropy`: nonce = BLAKE2b-24(one-time public || reader), then crypto_box.
Result<Bytes> seal_to(const SealPublicKey& reader, BytesView message, Entropy& entropy) {
  const SealKey once = SealKey::generate(entropy);
  std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce{};
  crypto_generichash_state hash;
  crypto_generichash_init(&hash, nullptr, 0, nonce.size());
  crypto_generichash_update(&hash, once.public_key().bytes.data(), 32);
  crypto_generichash_update(&hash, reader.bytes.data(), 32);
  crypto_generichash_final(&hash, nonce.data(), nonce.size());

  Bytes sealed(message.size() + crypto_box_SEALBYTES);
  std::copy(once.public_key().bytes.begin(), once.public_key().bytes.end(), sealed.begin());
  if (crypto_box_easy(sealed.data() + 32, message.data(), message.size(), nonce.data(),
                      reader.bytes.data(), once.secret().data()) != 0) {
    return fail(Kind::invalid, "seal.reader", "The reader's sealing key is not usable.",
                "Ask the reader for a new key.");
  }
  return sealed;
}

Result<SecretBytes> open_seal(const SealKey& reader, BytesView sealed) {
  if (sealed.size() < crypto_box_SEALBYTES) return not_opened("The seal");
  SecretBytes message(sealed.size() - crypto_box_SEALBYTES);
  std::uint8_t none = 0;  // libsodium wants a place to write even for an empty message
  std::uint8_t* const out = message.empty() ? &none : message.writable().data();
  if (crypto_box_seal_open(out, sealed.data(), sealed.size(), reader.public_key().bytes.data(),
                           reader.secret().data()) != 0) {
    return not_opened("The seal");
  }
  return message;
}

Result<Bytes> wrap_key(const SecretBytes& key, const Digest& context, const SealPublicKey& reader,
                       Entropy& entropy) {
  if (key.size() != key_bytes) {
    return fail(Kind::invalid, "seal.key", "The key of a sealed object has 32 bytes.");
  }
  SecretBytes plain(wrap_plain_bytes);
  const auto out = plain.writable();
  std::copy(wrap_magic.begin(), wrap_magic.end(), out.begin());
  std::copy(context.bytes.begin(), context.bytes.end(), out.begin() + 8);
  std::copy(key.view().begin(), key.view().end(), out.begin() + 40);
  return seal_to(reader, plain.view(), entropy);
}

Result<SecretBytes> unwrap_key(BytesView wrap, const Digest& context, const SealKey& reader) {
  if (wrap.size() != wrap_bytes) return not_opened("The key wrap");
  const auto plain = open_seal(reader, wrap);
  if (!plain) return not_opened("The key wrap");
  const BytesView view = plain->view();
  const bool ours = equal_secrets(view.first(8), as_bytes(wrap_magic)) &&
                    equal_secrets(view.subspan(8, 32), context.view());
  if (!ours) return not_opened("The key wrap");
  return SecretBytes::copy_of(view.subspan(40));
}

}  // namespace cloister::crypto
