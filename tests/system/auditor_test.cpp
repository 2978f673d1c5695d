// What an auditor's home remembers of the ledger, through real processes: the cases themselves are
// in tests/cli/seen_head_test.cpp.
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "crypto/identity.h"
#include "crypto/start.h"
#include "provenance/note.h"
#include "tests/cli/folder.h"
#include "tests/system/small_consortium.h"

using namespace cloister;
using namespace cloister::system_test;

namespace {

crypto::Identity coordinator_of(const SmallConsortium& all) {
  REQUIRE(crypto::start());
  const auto home = all.folder() / "heart" / "coordinator";
  const auto passphrase = crypto::Passphrase::from_file(home / "passphrase");
  REQUIRE(passphrase);
  auto identity = crypto::load_identity(home / "identity.key", *passphrase);
  REQUIRE(identity);
  return std::move(*identity);
}

provenance::Checkpoint checkpoint_in(const std::filesystem::path& file) {
  const auto text = read_text(file);
  REQUIRE(text);
  const auto note = provenance::parse_note(*text);
  REQUIRE(note);
  const auto checkpoint = provenance::parse_checkpoint(note->text);
  REQUIRE(checkpoint);
  return *checkpoint;
}

}  // namespace

TEST_CASE("an auditor's command refuses a ledger that does not hold what an earlier one saw",
          "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("aude", "auditor");
  const auto look = [&] { return all.as("aude", {"audit", "who", "0"}); };
  const auto file = all.home("aude") / "seen-head";
  const Said first = look();
  INFO(first.text);
  REQUIRE(first.status == 0);
  const auto seen = checkpoint_in(file);
  all.add_person("olivia", "study-owner");  // it grows

  // As if the coordinator had shown another ledger then, under its own signature.
  const auto coordinator = coordinator_of(all);
  const auto remember = [&](const provenance::Checkpoint& head) {
    const auto note = provenance::sign_checkpoint(head, coordinator.sign);
    REQUIRE(write_text(file, provenance::to_text(note)));
  };
  auto longer = seen;
  longer.head.size += 1'000;
  remember(longer);
  CHECK(look().code == "audit.rollback");
  auto other = seen;
  other.head.root = Digest{};
  remember(other);
  CHECK(look().code == "audit.fork");
  CHECK_FALSE(std::filesystem::is_empty(all.home("aude") / "evidence"));

  // Settled: what was remembered is moved away, and the next command begins anew.
  std::filesystem::rename(file, all.home("aude") / "seen-head.settled");
  CHECK(look().status == 0);
  CHECK(checkpoint_in(file).head.size > seen.head.size);
}
