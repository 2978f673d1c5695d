// The witness rule: sites cosign what extends what they saw, and nothing else.
#include "provenance/witness.h"

#include <catch2/catch.hpp>

#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::key_from;

namespace {

const std::string origin = "example.com/log";

// A log in memory that can also lie.
struct Log {
  crypto::SecretKey key = key_from(1);
  std::vector<Digest> leaves;

  void grow(std::size_t size, std::string_view salt = "") {
    while (leaves.size() < size) {
      leaves.push_back(leaf_hash(as_bytes(fmt::format("{}{}", salt, leaves.size()))));
    }
  }
  [[nodiscard]] Note head(std::size_t size) const {
    const LeafHashes nodes(leaves);
    return sign_checkpoint({origin, {size, tree_root(nodes, size).value()}}, key);
  }
  [[nodiscard]] AddCheckpoint request(std::size_t from, std::size_t to) const {
    return {from, consistency_proof(LeafHashes(leaves), from, to).value(), head(to)};
  }
  [[nodiscard]] NoteKey public_key() const {
    return {origin, NoteKeyType::ed25519, key.public_key()};
  }
};

const Instant now(1'700'000'000'000);

}  // namespace

TEST_CASE("a witness follows an honest log and signs each step", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  Log log;
  log.grow(50);
  const Witness witness("site.example/a", log.public_key());
  const auto key = key_from(2);
  const NoteKey public_key{"site.example/a", NoteKeyType::cosignature, key.public_key()};
  std::optional<Note> last;
  std::size_t from = 0;
  for (std::size_t size : {1U, 5U, 5U, 17U, 32U, 50U}) {
    const auto request = parse_add_checkpoint(to_text(log.request(from, size))).value();
    const auto reply = witness.check(last, request, key, now);
    REQUIRE(reply_status(reply) == 200);
    const auto& good = std::get<Cosigned>(reply);
    CHECK(check_note(good.head, public_key) == NoteCheck::valid);
    Note sent = request.checkpoint;
    sent.signatures.push_back(
        parse_note_signature(
            std::string_view(reply_body(reply)).substr(0, reply_body(reply).size() - 1))
            .value());
    CHECK(check_note(sent, public_key) == NoteCheck::valid);
    last = good.head;
    from = size;
  }
}

TEST_CASE("a witness refuses rollback, forks, strangers and wrong proofs", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  Log log;
  log.grow(20);
  const Witness witness("site.example/a", log.public_key());
  const auto key = key_from(2);
  const std::optional<Note> last = log.head(10);
  const auto ask = [&](const AddCheckpoint& request) {
    return witness.check(last, request, key, now);
  };
  CHECK(reply_status(ask(log.request(10, 20))) == 200);

  const auto wrong_start = ask(log.request(5, 20));
  CHECK(reply_status(wrong_start) == 409);
  CHECK(reply_body(wrong_start) == "10\n");

  const auto rollback = ask(log.request(5, 8));
  CHECK(reply_status(rollback) == 409);
  CHECK(std::get<WrongOldSize>(rollback).rollback.has_value());

  Log fork;
  fork.grow(7);
  fork.grow(20, "lie");
  const auto same_size = ask(fork.request(10, 10));
  CHECK(reply_status(same_size) == 409);
  REQUIRE(std::get<Refused>(same_size).evidence.has_value());
  const auto longer = ask(fork.request(10, 20));
  CHECK(reply_status(longer) == 422);
  REQUIRE(std::get<Refused>(longer).evidence.has_value());
  const std::string text = to_text(*std::get<Refused>(longer).evidence);
  CHECK(text.find(to_text(*last)) != std::string::npos);
  CHECK(text.find(to_text(fork.head(20))) != std::string::npos);

  AddCheckpoint bad = log.request(10, 20);
  bad.proof[0].bytes[0] ^= 1;
  CHECK(reply_status(ask(bad)) == 422);
  bad = log.request(10, 20);
  bad.checkpoint.signatures[0].signature[0] ^= 1;
  CHECK(reply_status(ask(bad)) == 403);
  Log stranger;
  stranger.key = key_from(3);
  stranger.grow(20);
  CHECK(reply_status(ask(stranger.request(10, 20))) == 403);
  bad = log.request(10, 20);
  bad.checkpoint = sign_checkpoint({"example.com/other", {20, {}}}, log.key);
  CHECK(reply_status(ask(bad)) == 404);
  bad = log.request(10, 20);
  bad.old_size = 21;
  CHECK(reply_status(ask(bad)) == 400);
}

TEST_CASE("a fork shows as soon as two sites compare what they saw", "[provenance]") {
  REQUIRE(crypto::start().has_value());
  Log log;
  log.grow(20);
  Log fork;
  fork.grow(7);
  fork.grow(20, "lie");
  const Witness witness("site.example/a", log.public_key());
  CHECK(witness.compare(log.head(20), fork.head(20)).value().has_value());
  CHECK_FALSE(witness.compare(log.head(20), log.head(20)).value().has_value());
  CHECK(witness.compare(log.head(20), log.head(12)).error().kind == Kind::stale);
  const auto proof = log.request(12, 20).proof;
  CHECK_FALSE(witness.compare(log.head(20), log.head(12), proof).value().has_value());
  CHECK(witness.compare(log.head(20), fork.head(12), proof).value().has_value());
  CHECK_FALSE(witness.compare(log.head(7), fork.head(20), fork.request(7, 20).proof)
                  .value()
                  .has_value());  // up to 7 they are one log
  CHECK_FALSE(witness.compare(log.head(20), Note{"x", {}}).has_value());
}
