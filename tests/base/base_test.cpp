#include <fcntl.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/plain.h"
#include "base/prng.h"
#include "base/time.h"
#include "tests/support/temp_folder.h"

using namespace cloister;

TEST_CASE("base64 has one spelling for each value", "[base]") {
  for (std::string_view text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    const std::string encoded = to_base64(as_bytes(text));
    REQUIRE(as_text(from_base64(encoded).value()) == text);
  }
  CHECK(to_base64(as_bytes("foob")) == "Zm9vYg==");
  for (std::string_view bad :
       {"Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "====", "A===", "Zm-_"}) {
    CHECK_FALSE(from_base64(bad).has_value());
  }
  CHECK(from_base64_any("Zm9vYg").has_value());
  CHECK(from_base64_any("-_-_").has_value());
}

TEST_CASE("base64 of every length comes back, and no other character is taken", "[base]") {
  Bytes bytes;
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string text = to_base64(bytes);
    REQUIRE(text.size() == (size + 2) / 3 * 4);
    REQUIRE(from_base64(text).value() == bytes);
    REQUIRE(from_base64_any(text).value() == bytes);
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const char bad : {'\0', '!', '\xff', '\x80', ' ', '"', '\\'}) {
        std::string changed = text;
        changed[at] = bad;
        REQUIRE_FALSE(from_base64(changed).has_value());
        REQUIRE_FALSE(from_base64_any(changed).has_value());
      }
    }
    bytes.push_back(static_cast<std::uint8_t>(size * 37 + 201));
  }
  // Bits that no byte takes must be zero.
  CHECK_FALSE(from_base64("AB==").has_value());
  CHECK_FALSE(from_base64("AAB=").has_value());
  CHECK_FALSE(from_base64_any("A").has_value());
  CHECK_FALSE(from_base64_any("AA=A").has_value());
  CHECK_FALSE(from_base64("-_-_").has_value());
}

TEST_CASE("hexadecimal and digests refuse upper case and wrong lengths", "[base]") {
  CHECK(to_hex(as_bytes("\x01\xfe")) == "01fe");
  CHECK_FALSE(from_hex("01FE").has_value());
  CHECK_FALSE(from_hex("1").has_value());
  CHECK_FALSE(digest_from_hex("00").has_value());
  CHECK(digest_from_hex(std::string(64, '0')).value().is_zero());
}

TEST_CASE("a time survives its text form and impossible dates are refused", "[base]") {
  const Instant at(1'795'419'565'123);
  CHECK(instant_from_rfc3339(to_rfc3339(at)).value() == at);
  CHECK_FALSE(instant_from_rfc3339("2026-02-30T00:00:00.000Z").has_value());
  CHECK_FALSE(instant_from_rfc3339("2026-02-03 00:00:00.000Z").has_value());
}

TEST_CASE("names that could leave a folder are no ids", "[base]") {
  CHECK(SiteId::parse("site-a").has_value());
  for (std::string_view bad : {"", "-a", "a-", "..", "a/b", "A", "a b", "\xc3\xa9"}) {
    CHECK_FALSE(SiteId::parse(bad).has_value());
  }
}

TEST_CASE("a version 7 UUID carries its time and version", "[base]") {
  const std::array<std::uint8_t, 10> random{0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff};
  CHECK(uuid_v7(Instant(0x0123456789ab), random) == "01234567-89ab-7fff-bfff-ffffffffffff");
}

TEST_CASE("bytes are written and read at their place, and the end of the file is no error",
          "[base]") {
  const test::TempFolder folder;
  const auto path = folder.path() / "file";
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(write_at(file, as_bytes("world"), 6, path));
  REQUIRE(write_at(file, as_bytes("hello "), 0, path));
  Bytes out(20);
  REQUIRE(read_at(file, out, 3, path).value() == 8);
  CHECK(as_text(BytesView(out).first(8)) == "lo world");
  CHECK(read_at(file, out, 11, path).value() == 0);
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  CHECK(write_at(full, as_bytes("x"), 0, "/dev/full").error().kind == Kind::exhausted);
  CHECK(read_at(full, out, 0, "/dev/full").error().kind == Kind::unavailable);  // not for reading
}

TEST_CASE("a file is replaced as a whole and a missing one is named", "[base]") {
  const auto folder = std::filesystem::temp_directory_path() / "cloister-base-test";
  REQUIRE(make_folder(folder).has_value());
  REQUIRE(write_text(folder / "a", "one").has_value());
  REQUIRE(write_text(folder / "a", "two").has_value());
  CHECK(read_text(folder / "a").value() == "two");
  CHECK(read_file(folder / "a", 2).error().code == "file.too_large");
  CHECK(read_file(folder / "none").error().code == "file.not_found");
  std::filesystem::remove_all(folder);
}

TEST_CASE("the generator repeats itself from its seed", "[base]") {
  Prng a(7);
  Prng b(7);
  for (int i = 0; i < 100; ++i) REQUIRE(a.next() == b.next());
  CHECK(Prng(7).next() != Prng(8).next());
  for (int i = 0; i < 1000; ++i) REQUIRE(a.below(10) < 10);
}

TEST_CASE("what others wrote cannot move a cursor, begin a line or turn what follows", "[base]") {
  CHECK(plain_line("Größe – 心脏 ✓ {ok}") == "Größe – 心脏 ✓ {ok}");
  CHECK(plain_line("a\x1b[2Jb\rc\nPROVED\td\x7f") == "a?[2Jb?c?PROVED d?");
  CHECK(plain_line("\xc2\x9b"
                   "2J") == "?2J");  // CSI in one character
  CHECK(plain_line("x\xe2\x80\xae"
                   "y\xe2\x81\xa6"
                   "z") == "x?y?z");                                    // U+202E, U+2066
  CHECK(plain_line("\xe2\x80\xa8") == "?");                             // U+2028
  CHECK(plain_line("\xff\xc0\x80\xed\xa0\x80\xe2\x82") == "????????");  // no UTF-8
  CHECK(plain_lines("a\nb\x1b\n") == "a\nb?\n");
  CHECK(plain_line("").empty());
}
