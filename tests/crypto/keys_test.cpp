#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <type_traits>

#include "base/file.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/identity.h"
#include "crypto/sign.h"
#include "crypto/start.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::crypto;

namespace {
const bool started = start().has_value();

Passphrase words(std::string_view text) { return *Passphrase::from_text(text); }
}  // namespace

TEST_CASE("secrets cannot be copied, compared or formatted", "[crypto]") {
  REQUIRE(started);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<SecretBytes>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<SecretKey>);
  STATIC_REQUIRE_FALSE(fmt::is_formattable<SecretBytes>::value);
  STATIC_REQUIRE_FALSE(fmt::is_formattable<Passphrase>::value);
  SecretBytes a = SecretBytes::copy_of(as_bytes("abc"));
  const SecretBytes b = std::move(a);
  CHECK(as_text(b.view()) == "abc");
  CHECK(equal_secrets(b.view(), b.clone().view()));
}

TEST_CASE("seeded entropy repeats itself and system entropy does not", "[crypto]") {
  SeededEntropy one(1);
  SeededEntropy same(1);
  SeededEntropy other(2);
  const Bytes first = one.bytes(32);
  CHECK(first == same.bytes(32));
  CHECK(first != one.bytes(32));
  CHECK(first != other.bytes(32));
  SystemEntropy system;
  CHECK(system.bytes(32) != system.bytes(32));
}

TEST_CASE("SHA-256 and HMAC give the published values", "[crypto]") {
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  hash.add(as_bytes("a"));
  hash.add(as_bytes("bc"));
  CHECK(hash.finish() == sha256(as_bytes("abc")));
  CHECK(hash.finish() == sha256({}));
  // RFC 4231, test case 2.
  const auto key = SecretBytes::copy_of(as_bytes("Jefe"));
  CHECK(to_hex(hmac_sha256(key, as_bytes("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an Ed25519 key signs as in RFC 8032 and any changed byte is refused", "[crypto]") {
  // RFC 8032, section 7.1, test 2.
  const auto seed = SecretBytes::copy_of(
      *from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  const auto key = SecretKey::from_seed(seed);
  REQUIRE(key.has_value());
  CHECK(to_hex(key->public_key().view()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes message{0x72};
  Signature signature = key->sign(message);
  CHECK(to_hex(BytesView(signature)) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
        "f11d"
        "8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(verify(key->public_key(), message, signature));
  for (auto& byte : signature) {
    byte ^= 1;
    CHECK_FALSE(verify(key->public_key(), message, signature));
    byte ^= 1;
  }
  CHECK_FALSE(verify(key->public_key(), Bytes{0x73}, signature));
  CHECK_FALSE(verify(key->public_key(), message, BytesView(signature).first(63)));
  CHECK_FALSE(verify(PublicKey{}, message, signature));  // a point of small order
  CHECK_FALSE(SecretKey::from_seed(SecretBytes(31)).has_value());
}

TEST_CASE("a public key survives its DER and PEM forms and damaged ones are refused", "[crypto]") {
  SeededEntropy entropy(3);
  const auto key = SecretKey::generate(entropy);
  const PublicKey& public_key = key.public_key();
  const Bytes der = spki_der(public_key);
  CHECK(to_hex(BytesView(der).first(12)) == "302a300506032b6570032100");
  CHECK(to_base64(der).starts_with("MCowBQYDK2VwAyEA"));
  CHECK(public_key_from_spki(der).value() == public_key);
  CHECK(public_key_from_pem(to_pem(public_key)).value() == public_key);
  CHECK_FALSE(public_key_from_spki(BytesView(der).first(43)).has_value());
  Bytes other_algorithm = der;
  other_algorithm[8] ^= 1;
  CHECK_FALSE(public_key_from_spki(other_algorithm).has_value());
  for (std::string_view bad : {"", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
                               "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n"}) {
    CHECK_FALSE(public_key_from_pem(bad).has_value());
  }
}

TEST_CASE("a fingerprint is read aloud in groups and typed back loosely", "[crypto]") {
  SeededEntropy entropy(4);
  const PublicKey key = SecretKey::generate(entropy).public_key();
  CHECK(key_id(key) == to_hex(sha256(spki_der(key))));
  std::string print = fingerprint(key);
  CHECK(print.size() == 49);
  CHECK(fingerprint_matches(key, print));
  for (auto& c : print) c = c == ' ' ? '-' : static_cast<char>(std::toupper(c));
  CHECK(fingerprint_matches(key, print));
  CHECK_FALSE(fingerprint_matches(key, print.substr(0, 44)));
  CHECK_FALSE(fingerprint_matches(key, ""));
}

TEST_CASE("CURVE keys survive Z85 and impossible texts are refused", "[crypto]") {
  SeededEntropy entropy(5);
  const auto key = CurveKey::generate(entropy);
  const std::string text = to_z85(key.public_key());
  CHECK(text.size() == 40);
  CHECK(curve_public_key_from_z85(text).value() == key.public_key());
  // ZeroMQ RFC 32: 864FD26FB559F75B is HelloWorld.
  CurvePublicKey hello;
  const Bytes eight = *from_hex("864fd26fb559f75b");
  std::copy(eight.begin(), eight.end(), hello.bytes.begin());
  CHECK(to_z85(hello).starts_with("HelloWorld00000"));
  CHECK_FALSE(curve_public_key_from_z85(text.substr(1)).has_value());
  CHECK_FALSE(curve_public_key_from_z85(std::string(40, '#')).has_value());  // above 2^32
  CHECK_FALSE(curve_public_key_from_z85(std::string(40, '"')).has_value());
}

TEST_CASE("a key file gives back its identity to the right passphrase only", "[crypto]") {
  const test::TempFolder folder;
  const auto path = folder.path() / "site-a.key";
  SystemEntropy entropy;
  const auto identity = generate_identity(MemberId::trusted("site-a"), "site", entropy);
  REQUIRE(save_identity(path, identity, words("correct horse"), KeyFileCost::fast_for_tests_only,
                        entropy)
              .has_value());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(read_public_identity(path).value() == public_part(identity));

  const auto loaded = load_identity(path, words("correct horse"));
  REQUIRE(loaded.has_value());
  CHECK(public_part(*loaded) == public_part(identity));
  CHECK(loaded->sign.sign(as_bytes("x")) == identity.sign.sign(as_bytes("x")));
  CHECK(equal_secrets(loaded->curve.secret(), identity.curve.secret()));
  CHECK(load_identity(path, words("wrong")).error().code == "keyfile.passphrase");

  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(load_identity(path, words("correct horse")).error().code == "keyfile.permissions");
}

TEST_CASE("a damaged key file is refused wherever the damage is", "[crypto]") {
  const test::TempFolder folder;
  const auto path = folder.path() / "k";
  SystemEntropy entropy;
  const auto identity = generate_identity(MemberId::trusted("a"), "site", entropy);
  REQUIRE(save_identity(path, identity, words("p"), KeyFileCost::fast_for_tests_only, entropy)
              .has_value());
  const Bytes good = *read_file(path);
  for (const std::size_t at : {std::size_t{0}, std::size_t{30}, std::size_t{45}, std::size_t{65},
                               std::size_t{80}, good.size() - 1}) {
    Bytes bad = good;
    bad[at] ^= 1;
    REQUIRE(write_file(path, bad, FileMode::owner_only).has_value());
    CHECK_FALSE(load_identity(path, words("p")).has_value());
  }
  for (std::size_t size = 0; size < good.size(); size += 7) {
    REQUIRE(write_file(path, BytesView(good).first(size), FileMode::owner_only).has_value());
    CHECK(load_identity(path, words("p")).error().code == "keyfile.format");
  }
  Bytes greedy = good;
  greedy[16] = 0x7f;  // asks for 2^62 bytes and more
  REQUIRE(write_file(path, greedy, FileMode::owner_only).has_value());
  CHECK(load_identity(path, words("p")).error().code == "keyfile.format");
}

TEST_CASE("a key file never replaces another member's or a stranger's file", "[crypto]") {
  const test::TempFolder folder;
  const auto path = folder.path() / "k";
  SystemEntropy entropy;
  const auto a = generate_identity(MemberId::trusted("a"), "site", entropy);
  const auto b = generate_identity(MemberId::trusted("b"), "site", entropy);
  const auto save = [&](const Identity& who) {
    return save_identity(path, who, words("p"), KeyFileCost::fast_for_tests_only, entropy);
  };
  REQUIRE(save(a).has_value());
  CHECK(save(a).has_value());
  CHECK(save(b).error().code == "keyfile.exists");
  REQUIRE(write_text(path, "my thesis").has_value());
  CHECK(save(a).error().code == "keyfile.exists");
}

TEST_CASE("a passphrase comes from the first line of a private file or a variable", "[crypto]") {
  const test::TempFolder folder;
  const auto path = folder.path() / "pass";
  REQUIRE(write_text(path, "open sesame\r\nnot this\n", FileMode::owner_only).has_value());
  CHECK(as_text(Passphrase::from_file(path)->view()) == "open sesame");
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  CHECK(Passphrase::from_file(path).error().code == "passphrase.permissions");
  CHECK(Passphrase::from_file(folder.path() / "none").error().code == "file.not_found");
  CHECK(Passphrase::from_file(folder.path()).error().code == "passphrase.format");
  ::setenv("CLOISTER_TEST_PASSPHRASE", "abc", 1);
  CHECK(as_text(Passphrase::from_environment("CLOISTER_TEST_PASSPHRASE")->view()) == "abc");
  CHECK(Passphrase::from_environment("CLOISTER_NOT_SET").error().code == "passphrase.variable");
  CHECK(Passphrase::from_text("").error().code == "passphrase.length");
}
