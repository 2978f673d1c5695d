// Golden bytes of everything that outsiders read: the vectors of the specifications, and our own.
#include <catch2/catch.hpp>

#include "provenance/leaf.h"
#include "provenance/proof.h"
#include "provenance/tiles.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::key_from;

TEST_CASE("JSON is written as RFC 8785 writes it", "[provenance]") {
  const auto jcs = [](std::string_view text) { return to_jcs(parse_json(text).value()); };
  CHECK(jcs(R"({"b":[1, 2.50, true, null],"a":"\u20ac$\u000F\nA'B\"\\\\\"\/"})") ==
        "{\"a\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\",\"b\":[1,2.5,true,null]}");
  // The order of section 3.2.3: UTF-16 code units.
  CHECK(
      jcs("{\"\xe2\x82\xac\":1,\"\\r\":2,\"\xef\xac\xb3\":3,\"1\":4,\"\xf0\x9f\x98\x80\":5,"
          "\"\xc2\x80\":6,\"\xc3\xb6\":7}") ==
      "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,"
      "\"\xef\xac\xb3\":3}");
  // Numbers of appendix B that are within the exact range or no integers.
  CHECK(jcs("[5e-324,1e-7,0.000001,333333333.3333333,1e21,1e23,9.999999999999997e22]") ==
        "[5e-324,1e-7,0.000001,333333333.3333333,1e+21,1e+23,9.999999999999997e+22]");
  CHECK(jcs("[-0.0,1E2,4.50,-1]") == "[0,100,4.5,-1]");
  CHECK(jcs("[1.7976931348623157e308,295147905179352830000]") ==
        "[1.7976931348623157e+308,295147905179352830000]");
}

TEST_CASE("a leaf's bytes are canonical JSON", "[provenance]") {
  const Leaf leaf{LeafKind::dsse_0_0_2, digest_of("payload"), key_from(5).sign(Bytes{1, 2, 3}),
                  key_from(5).public_key()};
  const Bytes bytes = to_bytes(leaf);
  CHECK(to_jcs(parse_json(as_text(bytes)).value()) == as_text(bytes));
  CHECK(parse_leaf(bytes).value() == leaf);
}

TEST_CASE("JSON that could be read in two ways is refused", "[provenance]") {
  const auto code = [](std::string_view text) {
    const auto value = parse_json(text, {.bytes_max = 200, .depth_max = 4, .values_max = 10});
    return value ? std::string() : value.error().code;
  };
  CHECK(code(R"({"a":1,"a":2})") == "json.duplicate_key");
  CHECK(code(R"({"a":{"b":1,"b":1}})") == "json.duplicate_key");
  CHECK(code("[[[[[]]]]]") == "json.too_deep");
  CHECK(code("[1,2,3,4,5,6,7,8,9,10,11]") == "json.too_large");
  CHECK(code(std::string(201, ' ')) == "json.too_large");
  CHECK(code("9007199254740993") == "json.number");
  // What a reader takes it can read again once it is written: found by the fuzzer.
  CHECK(code("55555000000000000.00000000000445") == "json.number");
  CHECK(code("-9007199254740994.0") == "json.number");
  CHECK(parse_json(to_jcs(*parse_json("1e21"))) == *parse_json("1e21"));
  CHECK(code(std::string_view("{}\0{}", 5)) == "json.syntax");
  CHECK(code("1e999") != "");
  for (std::string_view bad : {"", "{", "[1,]", "{\"a\":1}x", "\"\xff\"", "NaN", "'a'", "01",
                               "\"\\ud800\"", "// c\n1", "{a:1}"}) {
    CHECK(code(bad) == "json.syntax");
  }
}

TEST_CASE("the pre-authentication encoding has its specified bytes", "[provenance]") {
  CHECK(as_text(pae("http://example.com/HelloWorld", as_bytes("hello world"))) ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(as_text(pae("", {})) == "DSSEv1 0  0 ");
}

TEST_CASE("an envelope survives its JSON, and other spellings of it verify alike", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const auto key = key_from(7);
  const Envelope envelope = sign_envelope("text/plain", to_bytes("\x3f\x3f>>~~"), key);
  CHECK(parse_envelope(to_json(envelope)).value() == envelope);
  CHECK(is_signed_by(envelope, key.public_key()));
  CHECK_FALSE(is_signed_by(envelope, key_from(8).public_key()));
  std::string urlsafe = to_json(envelope);
  for (char& c : urlsafe) c = c == '+' ? '-' : c;
  CHECK(parse_envelope(urlsafe).value().payload == envelope.payload);
  std::string more = to_json(envelope);
  more.insert(1, "\"unknown\":[1],");
  CHECK(parse_envelope(more).value() == envelope);
  more.insert(1, "\"payload\":\"AAAA\",");
  CHECK(parse_envelope(more).error().code == "json.duplicate_key");
  CHECK(parse_envelope(std::string(envelope_bytes_max + 1, ' ')).error().code ==
        "envelope.too_large");
}

TEST_CASE("an envelope in its canonical spelling is read as any other spelling of it",
          "[provenance]") {
  const auto key = key_from(3);
  for (const std::string& body : {std::string(), std::string("{}"), std::string(1000, 'x')}) {
    const std::string text =
        to_json(sign_envelope(statement_payload_type, cloister::to_bytes(body), key));
    const auto canonical = parse_envelope(text);
    const auto spaced = parse_envelope(" " + text);  // read by the general reader
    REQUIRE(canonical.has_value());
    REQUIRE(spaced.has_value());
    CHECK(*canonical == *spaced);
    // Every single change is judged alike by both readers.
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const char changed : {'A', '"', '\\', '}', '=', '-', '\n', '\xc3'}) {
        std::string one = text;
        one[at] = changed;
        const auto fast = parse_envelope(one);
        const auto general = parse_envelope(" " + one);
        REQUIRE(fast.has_value() == general.has_value());
        if (fast) REQUIRE(*fast == *general);
        if (!fast) REQUIRE(fast.error().code == general.error().code);
      }
    }
  }
}

TEST_CASE("a leaf is the canonical Rekor entry of four hundred bytes", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const auto key = key_from(7);
  const Envelope envelope = sign_envelope("text/plain", to_bytes("hello"), key);
  const Leaf leaf = leaf_of(envelope, key.public_key()).value();
  const Bytes bytes = to_bytes(leaf);
  CHECK(bytes.size() == 400);
  CHECK(as_text(bytes).starts_with(
      "{\"apiVersion\":\"0.0.2\",\"kind\":\"dsse\",\"spec\":{\"dsseV002\":{\"payloadHash\":{"
      "\"algorithm\":\"SHA2_256\",\"digest\":\"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\"}"));
  CHECK(as_text(bytes).find("\"rawBytes\":\"MCowBQYDK2VwAyEA") != std::string_view::npos);
  CHECK(parse_leaf(bytes).value() == leaf);
  CHECK(backs(leaf, envelope));
  Bytes spaced = bytes;
  spaced.insert(spaced.begin() + 1, ' ');
  CHECK(parse_leaf(spaced).error().code == "leaf.format");
  std::string other(as_text(bytes));
  other.replace(other.find("0.0.2"), 5, "0.0.3");
  CHECK(parse_leaf(as_bytes(other)).error().code == "leaf.kind");
}

TEST_CASE("verifier keys and notes agree with the specification's own example", "[provenance]") {
  const std::string vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
  const NoteKey key = parse_vkey(vkey).value();
  CHECK(key.name == "example.com/foo");
  CHECK(key.id() == 0x530d903a);
  CHECK(key.vkey() == vkey);
  for (std::string_view bad :
       {"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "a+b", "",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}) {
    CHECK(parse_vkey(bad).error().code == "note.vkey");
  }
}

TEST_CASE("a checkpoint with log signature and cosignature has stable bytes", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const auto log = key_from(1);
  const Checkpoint checkpoint{"example.com/log", {37, digest_of("root")}};
  Note note = sign_checkpoint(checkpoint, log);
  CHECK(note.text == "example.com/log\n37\n" + to_base64(digest_of("root").view()) + "\n");
  const auto site = key_from(2);
  note.signatures.push_back(cosign(note.text, "site.example/a", site, Instant(1'679'315'147'000)));
  const std::string text = to_text(note);
  CHECK(to_hex(digest_of(text)) ==
        "b30f8e6a8c0411ba49e9bbe79e5f78dccc63cabfd2b3e9bcf6c1666d5343c8aa");
  CHECK(parse_note(text).value() == note);
  const NoteKey log_key{"example.com/log", NoteKeyType::ed25519, log.public_key()};
  const NoteKey site_key{"site.example/a", NoteKeyType::cosignature, site.public_key()};
  CHECK(open_checkpoint(note, log_key).value() == checkpoint);
  CHECK(check_note(note, site_key) == NoteCheck::valid);
  CHECK(cosigned_at(note, site_key).value() == Instant(1'679'315'147'000));
  Note later = note;
  later.signatures.back().signature[7] ^= 1;  // the time is under the signature
  CHECK(check_note(later, site_key) == NoteCheck::invalid);
  // What is signed, for readers with nothing but openssl.
  CHECK(crypto::verify(site.public_key(), as_bytes("cosignature/v1\ntime 1679315147\n" + note.text),
                       BytesView(note.signatures[1].signature).subspan(8)));
}

TEST_CASE("notes that are not exactly notes are refused", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const std::string good = to_text(sign_checkpoint({"example.com/log", {1, {}}}, key_from(1)));
  REQUIRE(parse_note(good).has_value());
  const std::vector<std::string> bad{"",
                                     "\n",
                                     good.substr(0, good.size() - 1),
                                     "a\n" + std::string("\n"),
                                     good + "x",
                                     good + "\n",
                                     "\xff" + good,
                                     "\r\n" + good,
                                     good + "\xe2\x80\x94 name AAA\n",
                                     good + "- name AAAAAAAA\n"};
  for (const auto& text : bad) {
    const auto note = parse_note(text);
    CHECK((!note || !parse_checkpoint(note->text)));
  }
  for (std::string_view text : {"a\n01\n", "a\n-1\n", "a\n1\nAA==\n", "a\n1\n\n", "a b\n1\n"}) {
    CHECK_FALSE(parse_checkpoint(text).has_value());
  }
  const std::string root = to_base64(Digest{}.view());
  CHECK(parse_checkpoint("a\n1\n" + root + "\n").has_value());
  CHECK_FALSE(parse_checkpoint("a\n1\n" + root + "\nextension\n").has_value());
}

TEST_CASE("a trust policy reads and counts as its specification says", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const auto vkey = [](std::uint64_t seed, std::string name, NoteKeyType type) {
    return NoteKey{std::move(name), type, key_from(seed).public_key()}.vkey();
  };
  std::string text = "# a comment\n\n log " + vkey(1, "example.com/log", NoteKeyType::ed25519) +
                     " https://example.com\n";
  for (int i = 1; i <= 3; ++i) {
    const std::string n = std::to_string(i);
    text += "witness\tX" + n + " " +
            vkey(10 + static_cast<std::uint64_t>(i), "x" + n, NoteKeyType::cosignature) + "\n";
    text += "witness Y" + n + " " +
            vkey(20 + static_cast<std::uint64_t>(i), "y" + n, NoteKeyType::cosignature) + "\n";
  }
  text += "group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup both all X Y\nquorum both\n";
  const TlogPolicy policy = parse_tlog_policy(text).value();
  CHECK(parse_tlog_policy(to_text(policy)).value() == policy);
  CHECK(has_quorum({"X1", "X3", "Y2"}, policy));
  CHECK_FALSE(has_quorum({"X1", "Y1", "Y2", "Y3"}, policy));
  CHECK_FALSE(has_quorum({}, policy));
  for (std::string_view bad :
       {"", "quorum nobody\n", "quorum none\nquorum none\n", "quorum none", "log x\nquorum none\n",
        "group g 1 none\nquorum none\n", "something\nquorum none\n", "quorum none\x01\n",
        "quorum none x\n"}) {
    CHECK(parse_tlog_policy(bad).error().code == "policy.format");
  }
  CHECK_FALSE(parse_tlog_policy(text + "group z 1 X1\n").has_value());  // X1 counts once only
  CHECK(parse_tlog_policy("quorum none\n").has_value());
}

TEST_CASE("the default quorum makes any two quorums share an honest site", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const NoteKey log{"l", NoteKeyType::ed25519, key_from(1).public_key()};
  for (std::uint64_t n = 1; n <= 12; ++n) {
    std::vector<PolicyWitness> witnesses;
    for (std::uint64_t i = 0; i < n; ++i) {
      witnesses.push_back(
          {fmt::format("w{}", i),
           {fmt::format("w{}", i), NoteKeyType::cosignature, key_from(50 + i).public_key()}});
    }
    const TlogPolicy policy = default_policy(log, witnesses);
    REQUIRE(policy.groups.size() == 1);
    const std::uint64_t quorum = policy.groups[0].threshold;
    const std::uint64_t dishonest_max = (n - 1) / 3;
    CHECK(2 * quorum - n > dishonest_max);
    CHECK(quorum <= n - dishonest_max);  // the honest ones suffice
  }
  CHECK(default_policy(log, {}).quorum == "none");
}

TEST_CASE("tile paths and widths are those of the specification's examples", "[provenance]") {
  CHECK(tile_number(1234067) == "x001/x234/067");
  CHECK(tile_number(0) == "000");
  CHECK(tile_number(999) == "999");
  CHECK(tile_number(1000) == "x001/000");
  CHECK(tile_path({0, 1}, 12) == "tile/0/001.p/12");
  CHECK(entries_path(272, 256) == "tile/entries/272");
  const auto tiles = tiles_of(70'000);
  CHECK(tiles.size() == 273 + 1 + 1 + 1 + 1);
  CHECK(tiles[273] == TilePlace{{0, 273}, 112});
  CHECK(tiles[274] == TilePlace{{1, 0}, 256});
  CHECK(tiles[275] == TilePlace{{1, 1}, 17});
  CHECK(tiles[276] == TilePlace{{2, 0}, 1});
  CHECK(tiles_of(256) == std::vector<TilePlace>{{{0, 0}, 256}, {{1, 0}, 1}});
  CHECK(tiles_of(0).empty());
  const std::vector<Bytes> entries{to_bytes("ab"), {}, Bytes(300, 7)};
  CHECK(to_hex(BytesView(to_entry_bundle(entries)).first(8)) == "000261620000012c");
  CHECK(parse_entry_bundle(to_entry_bundle(entries)).value() == entries);
  CHECK_FALSE(parse_entry_bundle(as_bytes(std::string_view("\0", 1))).has_value());
  CHECK_FALSE(parse_entry_bundle(as_bytes(std::string_view("\0\2a", 3))).has_value());
}

TEST_CASE("proof files and witness requests survive their text", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  const Note note = sign_checkpoint({"example.com/log", {9, digest_of("r")}}, key_from(1));
  const TlogProof proof{to_bytes("x"), 3, {digest_of("1"), digest_of("2")}, note};
  const std::string text = to_text(proof);
  CHECK(text.starts_with("c2sp.org/tlog-proof@v1\nextra eA==\nindex 3\n" +
                         to_base64(digest_of("1").view()) + "\n"));
  CHECK(parse_tlog_proof(text).value() == proof);
  const AddCheckpoint request{4, {digest_of("1")}, note};
  CHECK(to_text(request).starts_with("old 4\n"));
  CHECK(parse_add_checkpoint(to_text(request)).value() == request);
  const AddCheckpoint first{0, {}, note};
  CHECK(parse_add_checkpoint(to_text(first)).value() == first);
  for (std::string_view bad :
       {"", "old 1\n", "old 01\n\n", "old x\n\n", "c2sp.org/tlog-proof@v1\n"}) {
    CHECK_FALSE(parse_add_checkpoint(bad).has_value());
    CHECK_FALSE(parse_tlog_proof(bad).has_value());
  }
}
