// The file outside the ledger: two blocks in turn, and what a power cut or a person leaves of them.
#include "coordinator/outside.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "consortium.h"
#include "crypto/start.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

struct Beside {
  [[nodiscard]] std::string signed_note(std::uint64_t size) const {
    const provenance::Checkpoint checkpoint{origin, {size, Digest{}}};
    return provenance::to_text(provenance::sign_checkpoint(checkpoint, key));
  }
  [[nodiscard]] Result<std::uint64_t> newest() const {
    const auto notes = notes_in(file);
    if (!notes) return pass(notes);
    const auto head =
        newest_head(*notes, {origin, provenance::NoteKeyType::ed25519, key.public_key()});
    if (!head) return pass(head);
    return head->size;
  }
  // As a power cut leaves a block that was being written.
  void tear(std::size_t block) const {
    std::string text = read_text(file).value();
    text.replace(block * 4096 + 20, 60, 60, '\0');
    REQUIRE(write_text(file, text));
  }

  bool is_ready = crypto::start().has_value();  // before the key below
  std::filesystem::path folder = fresh_folder("outside");
  std::filesystem::path file = folder / "checkpoint";
  std::string origin = "cloister.example/test";
  crypto::SeededEntropy entropy{7};
  crypto::SecretKey key = crypto::SecretKey::generate(entropy);
  ~Beside() { std::filesystem::remove_all(folder); }
};

}  // namespace

TEST_CASE("the newest checkpoint outside is found after each one that is kept", "[coordinator]") {
  Beside beside;
  OutsideFile outside(beside.file);
  CHECK(outside.read().error().kind == Kind::not_found);
  for (std::uint64_t size = 1; size < 9; ++size) {
    REQUIRE(outside.keep(beside.signed_note(size)));
    CHECK(beside.newest().value() == size);
    CHECK(std::filesystem::file_size(beside.file) == 8192);
  }
  OutsideFile next_life(beside.file);  // the first one of a life makes the file anew
  REQUIRE(next_life.keep(beside.signed_note(9)));
  CHECK(beside.newest().value() == 9);
}

TEST_CASE("a checkpoint outside that was torn leaves the one before it", "[coordinator]") {
  Beside beside;
  OutsideFile outside(beside.file);
  REQUIRE(outside.keep(beside.signed_note(1)));
  REQUIRE(outside.keep(beside.signed_note(2)));  // into the first block
  REQUIRE(outside.keep(beside.signed_note(3)));  // into the second
  beside.tear(1);
  CHECK(beside.newest().value() == 2);
  beside.tear(0);
  REQUIRE_FALSE(beside.newest());
  CHECK(beside.newest().error().kind == Kind::invalid);
}

TEST_CASE("a file with one note alone counts, and one that was put in its place is written on",
          "[coordinator]") {
  Beside beside;
  OutsideFile outside(beside.file);
  REQUIRE(outside.keep(beside.signed_note(5)));
  REQUIRE(write_text(beside.file, beside.signed_note(4)));  // what a person copied back
  CHECK(beside.newest().value() == 4);
  REQUIRE(outside.keep(beside.signed_note(6)));
  CHECK(beside.newest().value() == 6);
}
