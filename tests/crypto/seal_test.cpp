#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/prng.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/scratch_key.h"
#include "crypto/seal.h"
#include "crypto/sealed_file.h"
#include "crypto/sealed_object.h"
#include "crypto/start.h"
#include "crypto/vault.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::crypto;

namespace {

const bool started = start().has_value();

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

// A sealed object with the smallest chunks, cut into its header and frames.
struct Cut {
  Bytes header;
  std::vector<Bytes> frames;
};

Cut seal_cut(const Bytes& plain, const SecretBytes& key, const Digest& context) {
  SeededEntropy entropy(11);
  SealWriter writer(
      key, {.context = context, .plain_size = plain.size(), .chunk_size = seal_chunk_min}, entropy);
  Cut cut{writer.header(), {}};
  BytesView left = plain;
  while (!writer.finished()) {
    const auto size = writer.next_size();
    cut.frames.push_back(*writer.next(left.first(size)));
    left = left.subspan(size);
  }
  return cut;
}

Bytes joined(const Cut& cut) {
  Bytes all = cut.header;
  for (const Bytes& frame : cut.frames) append(all, frame);
  return all;
}

}  // namespace

TEST_CASE("a seal opens for its reader only and not after any change", "[crypto]") {
  REQUIRE(started);
  SeededEntropy entropy(6);
  const auto reader = SealKey::generate(entropy);
  const auto other = SealKey::generate(entropy);
  for (const std::string_view message : {"", "x", "a longer message"}) {
    Bytes sealed = *seal_to(reader.public_key(), as_bytes(message), entropy);
    CHECK(sealed.size() == message.size() + 48);
    CHECK(as_text(open_seal(reader, sealed)->view()) == message);
    CHECK(open_seal(other, sealed).error().code == "seal.open");
    for (auto& byte : sealed) {
      byte ^= 0x80;
      CHECK_FALSE(open_seal(reader, sealed).has_value());
      byte ^= 0x80;
    }
    CHECK_FALSE(open_seal(reader, BytesView(sealed).first(sealed.size() - 1)).has_value());
  }
  CHECK(seal_to(SealPublicKey{}, as_bytes("x"), entropy).error().code == "seal.reader");
}

TEST_CASE("a key wrap is bound to its object", "[crypto]") {
  SeededEntropy entropy(7);
  const auto reader = SealKey::generate(entropy);
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("shard", {"study", "site-a", "0001"});
  const Bytes wrap = *wrap_key(key, context, reader.public_key(), entropy);
  CHECK(wrap.size() == wrap_bytes);
  CHECK(equal_secrets(unwrap_key(wrap, context, reader)->view(), key.view()));
  const Digest elsewhere = seal_context("shard", {"study", "site-a", "0002"});
  CHECK(unwrap_key(wrap, elsewhere, reader).error().code == "seal.open");
  CHECK(unwrap_key(BytesView(wrap).first(119), context, reader).error().code == "seal.open");
}

TEST_CASE("contexts with the same letters in other parts differ", "[crypto]") {
  CHECK(seal_context("a", {"bc"}) != seal_context("ab", {"c"}));
  CHECK(seal_context("a", {"b", "c"}) != seal_context("a", {"bc"}));
  CHECK(seal_context("a", {}) != seal_context("a", {""}));
}

TEST_CASE("a sealed object survives every size around its chunk borders", "[crypto]") {
  SeededEntropy entropy(8);
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("test", {});
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{65535}, std::size_t{65536}, std::size_t{65537},
        std::size_t{131072}, std::size_t{300000}}) {
    const Bytes plain = pattern(size);
    const Bytes sealed = joined(seal_cut(plain, key, context));
    CHECK(sealed.size() == sealed_size(size, seal_chunk_min));
    CHECK(open_bytes(sealed, key, context).value() == plain);
    const Bytes at_once = seal_bytes(plain, key, context, entropy);
    CHECK(at_once.size() == sealed_size(size));
    CHECK(open_bytes(at_once, key, context).value() == plain);
  }
}

TEST_CASE("cut, swapped, repeated, appended or altered chunks are detected", "[crypto]") {
  SeededEntropy entropy(9);
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("test", {});
  const Cut good = seal_cut(pattern(65536 * 3), key, context);
  REQUIRE(good.frames.size() == 3);
  auto opens = [&](const Cut& cut) { return open_bytes(joined(cut), key, context).has_value(); };
  REQUIRE(opens(good));

  Cut cut = good;
  cut.frames.pop_back();
  CHECK_FALSE(opens(cut));
  cut = good;
  std::swap(cut.frames[0], cut.frames[1]);
  CHECK_FALSE(opens(cut));
  cut = good;
  cut.frames[1] = cut.frames[0];
  CHECK_FALSE(opens(cut));
  cut = good;
  cut.frames.push_back(good.frames[2]);
  CHECK_FALSE(opens(cut));
  cut = good;
  cut.frames.erase(cut.frames.begin());
  CHECK_FALSE(opens(cut));
  // A shorter object by its header's own word: the frames are bound to the true size.
  cut = good;
  cut.frames.pop_back();
  cut.header[21] = 0x02;
  CHECK_FALSE(opens(cut));

  CHECK_FALSE(open_bytes(joined(good), key, seal_context("other", {})).has_value());
  CHECK_FALSE(open_bytes(joined(good), new_object_key(entropy), context).has_value());
}

TEST_CASE("every single changed byte of a small sealed object is detected", "[crypto]") {
  SeededEntropy entropy(10);
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("test", {});
  Bytes sealed = seal_bytes(as_bytes("a code of one slice"), key, context, entropy);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    sealed[at] ^= 0x01;
    INFO("byte " << at);
    CHECK(open_bytes(sealed, key, context).error().code == "seal.open");
    sealed[at] ^= 0x01;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CHECK_FALSE(open_bytes(BytesView(sealed).first(size), key, context).has_value());
  }
  sealed.push_back(0);
  CHECK_FALSE(open_bytes(sealed, key, context).has_value());
}

TEST_CASE("a header may claim anything and costs nothing", "[crypto]") {
  SeededEntropy entropy(12);
  const auto key = new_object_key(entropy);
  Prng prng(1);
  Bytes header = seal_bytes({}, key, Digest{}, entropy);
  header.resize(seal_header_size);
  for (int run = 0; run < 2000; ++run) {
    Bytes wild = header;
    for (int i = 0; i < 3; ++i) {
      wild[8 + prng.below(16)] = static_cast<std::uint8_t>(prng.next());
    }
    const auto reader = SealReader::open(key, Digest{}, wild);
    if (reader) CHECK(reader->next_size() <= seal_chunk_max + seal_frame_overhead);
    CHECK_FALSE(open_bytes(wild, key, Digest{}).has_value());
  }
}

TEST_CASE("the bytes of a sealed object and a key wrap are as documented", "[crypto]") {
  // Golden: a change here changes docs/formats.md and the version in the magic.
  SeededEntropy entropy(42);
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("shard", {"study-1", "site-a", "shard-1"});
  CHECK(to_hex(context) == "4bbd081c35f81ad8412f58b890d7df5469f230f1256c3a003d6ce3c593f2eed1");
  const Bytes sealed = seal_bytes(as_bytes("abc"), key, context, entropy);
  CHECK(to_hex(sealed) ==
        "434c5345414c3100000000000004000000000000000000036e9bfed8380024b8c0036b8b8e6b32eba435391040"
        "98d2563d5b"
        "904c69e253dfc00c20a9fe9a93bdce8f8465");
  const auto reader = SealKey::generate(entropy);
  const Bytes wrap = *wrap_key(key, context, reader.public_key(), entropy);
  CHECK(to_hex(sha256(wrap)) == "0aa751d4f0ceff56eda2f7db7343988275cc33c85592758903cde2a1a249e8c3");
  const Bytes large = seal_bytes(pattern(600000), key, context, entropy);
  CHECK(to_hex(sha256(large)) ==
        "d01cd028af97f76abf6cd8e21d3d5d2bc4026cb87ceb79cb1b2901fa1b90fbb1");
}

TEST_CASE("a file is sealed and opened through disk, and a bad one leaves nothing", "[crypto]") {
  const test::TempFolder folder;
  SystemEntropy entropy;
  const auto key = new_object_key(entropy);
  const Digest context = seal_context("test", {});
  const Bytes plain = pattern(700001);
  REQUIRE(write_file(folder.path() / "plain", plain).has_value());
  const auto sealed =
      seal_file(folder.path() / "plain", folder.path() / "sealed", key, context, entropy);
  REQUIRE(sealed.has_value());
  Bytes bytes = *read_file(folder.path() / "sealed");
  CHECK(bytes.size() == sealed->size);
  CHECK(sha256(bytes) == sealed->digest);
  REQUIRE(open_file(folder.path() / "sealed", folder.path() / "again", key, context).has_value());
  CHECK(read_file(folder.path() / "again").value() == plain);

  bytes.back() ^= 1;
  REQUIRE(write_file(folder.path() / "sealed", bytes).has_value());
  CHECK_FALSE(
      open_file(folder.path() / "sealed", folder.path() / "third", key, context).has_value());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
  }
  CHECK(files == 3);  // plain, sealed, again; no temporary, no third
}

TEST_CASE("a vault keeps content for its owner and its purpose only", "[crypto]") {
  const test::TempFolder folder;
  SystemEntropy entropy;
  const auto own = SealKey::generate(entropy);
  const auto other = SealKey::generate(entropy);
  const Vault vault(own, entropy);
  const Digest context = seal_context("image-decoder", {"study-1"});
  const Bytes plain = pattern(300000);
  const auto path = folder.path() / "decoder";
  REQUIRE(vault.seal_to_file(path, plain, context).has_value());
  CHECK(equal_secrets(vault.open_from_file(path, context)->view(), plain));
  CHECK_FALSE(vault.open_from_file(path, seal_context("image-decoder", {"study-2"})).has_value());
  CHECK_FALSE(Vault(other, entropy).open_from_file(path, context).has_value());
  CHECK_FALSE(vault.open_from_file(path, context, 1000).has_value());
  const Bytes object = *vault.seal({}, context);
  CHECK(vault.open(object, context)->empty());
  CHECK_FALSE(vault.open(BytesView(object).first(object.size() - 1), context).has_value());
  CHECK_FALSE(vault.open({}, context).has_value());
}

TEST_CASE("bytes under a scratch key are hidden, come back from any block, and differ by place",
          "[crypto]") {
  SeededEntropy entropy(3);
  const ScratchKey key(entropy);
  const Bytes clear = pattern(1000);
  Bytes bytes = clear;
  key.apply(128, bytes);
  CHECK(bytes != clear);
  Bytes elsewhere = clear;
  key.apply(192, elsewhere);
  CHECK(elsewhere != bytes);
  key.apply(192, std::span(bytes).subspan(64));
  CHECK(std::equal(bytes.begin() + 64, bytes.end(), clear.begin() + 64));
  key.apply(128, std::span(bytes).first(64));
  CHECK(bytes == clear);
  Bytes under_another = clear;
  ScratchKey(entropy).apply(128, under_another);
  key.apply(128, bytes);
  CHECK(under_another != bytes);
}
