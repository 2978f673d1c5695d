#include "member-shell/places.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "member-shell/artifact_sink.h"
#include "member/contexts.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::member;
using namespace cloister::member_shell;

namespace {

struct Machine {
  Machine() { places = Places::open(folder.path(), self, own, entropy).value(); }
  bool ready = crypto::start().has_value();  // before the keys below are made
  test::TempFolder folder;
  crypto::SeededEntropy entropy{1};
  MemberId self = MemberId::trusted("agent-a");
  crypto::SealKey own = crypto::SealKey::generate(entropy);
  crypto::SealKey reader = crypto::SealKey::generate(entropy);
  std::unique_ptr<Places> places;

  Kept keep(const std::string& name, const Bytes& content, const std::vector<KeepRule>& rules,
            std::size_t piece = 1000) {
    auto sink =
        open_sink(*places, {JobId::trusted("job"), name, content.size(), {}}, rules).value();
    for (std::size_t at = 0; at < content.size(); at += piece) {
      const std::size_t count = std::min(piece, content.size() - at);
      REQUIRE(sink->write(BytesView(content).subspan(at, count)).has_value());
    }
    return sink->finish().value();
  }
  Bytes read(const WorkerInput& input) {
    const Source source = places->source(input).value();
    Bytes all(source.bytes);
    REQUIRE(source.read(all).value() == source.bytes);
    return all;
  }
};

Bytes some_bytes(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 % 251);
  return bytes;
}

// Whether any file below the folder holds these bytes.
bool is_on_disk(const std::filesystem::path& folder, const Bytes& needle) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const Bytes content = read_file(entry.path()).value();
    if (std::search(content.begin(), content.end(), needle.begin(), needle.end()) != content.end())
      return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a shard of any size is sealed to its reader while it streams", "[member-shell]") {
  Machine site;
  const Digest context = shard_context(StudyId::trusted("heart"), "site-a");
  const std::vector<KeepRule> rules{
      {"shards/", KeepAs::sealed, MemberId::trusted("trainer"), site.reader.public_key(), context}};
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{262'144},
                                 std::size_t{262'145}, std::size_t{1'500'000}}) {
    const Bytes content = some_bytes(size);
    const Kept kept = site.keep("shards/000001.safetensors", content, rules, 100'003);
    const Bytes sealed = read_file(site.places->outbox(kept.digest)).value();
    REQUIRE(kept.as == KeepAs::sealed);
    REQUIRE(kept.bytes == sealed.size());
    REQUIRE(kept.digest == crypto::sha256(sealed));
    const auto key = crypto::unwrap_key(kept.wrap, context, site.reader).value();
    REQUIRE(crypto::open_bytes(sealed, key, context).value() == content);
    REQUIRE_FALSE(crypto::unwrap_key(kept.wrap, context, site.own).has_value());
  }
}

TEST_CASE("a reader's machine opens a fetched shard into a pipe", "[member-shell]") {
  Machine site;
  const Digest context = shard_context(StudyId::trusted("heart"), "site-a");
  const Bytes content = some_bytes(700'000);
  const std::vector<KeepRule> rules{
      {"", KeepAs::sealed, site.self, site.own.public_key(), context}};
  const Kept kept = site.keep("shards/1", content, rules);
  std::filesystem::rename(site.places->outbox(kept.digest), site.places->scratch(kept.digest));
  CHECK(site.read({"shard", FromBlob{kept.digest, kept.wrap, context}}) == content);
  CHECK_FALSE(
      site.places->source({"shard", FromBlob{kept.digest, kept.wrap, Digest{}}}).has_value());
}

TEST_CASE("weights, secrets and checkpoints are never readable on the disk", "[member-shell]") {
  Machine site;
  const Bytes weights = some_bytes(5000);
  const Kept kept = site.keep("image-encoder", weights, {});
  CHECK(kept.as == KeepAs::vault);
  CHECK(kept.digest == site.places->commitment(weights));
  CHECK(kept.digest != crypto::sha256(weights));  // a commitment tells nobody what it is of
  CHECK(site.read({"image-encoder", FromVault{kept.digest}}) == weights);
  const JobId job = JobId::trusted("train");
  REQUIRE(site.places->keep_checkpoint(job, weights).has_value());
  const Bytes seed = site.read({"seed", FromSecret{"train", 32}});
  CHECK(site.read({"seed", FromSecret{"train", 32}}) == seed);
  CHECK(site.read({"seed", FromSecret{"other", 32}}) != seed);
  CHECK_FALSE(is_on_disk(site.folder.path(), weights));
  CHECK_FALSE(is_on_disk(site.folder.path(), seed));
  site.places->forget_checkpoint(job);
  CHECK_FALSE(site.places->checkpoint(job).value().has_value());
}

TEST_CASE("the site's secret stays the same after a restart", "[member-shell]") {
  Machine site;
  const Digest before = site.places->commitment(as_bytes("case"));
  REQUIRE(write_text(site.folder.path() / "outbox" / ".part-1-1", "half written").has_value());
  site.places.reset();
  site.places = Places::open(site.folder.path(), site.self, site.own, site.entropy).value();
  CHECK(site.places->commitment(as_bytes("case")) == before);
  CHECK_FALSE(std::filesystem::exists(site.folder.path() / "outbox" / ".part-1-1"));
}

TEST_CASE("reports lie below their job, models under their digest", "[member-shell]") {
  Machine site;
  const std::vector<KeepRule> rules{{"overlays/", KeepAs::report, {}, std::nullopt, {}},
                                    {"network", KeepAs::open, {}, std::nullopt, {}}};
  const Bytes content = some_bytes(300);
  const Kept overlay = site.keep("overlays/best.png", content, rules);
  CHECK(read_file(site.folder.path() / "reports/job/overlays/best.png").value() == content);
  CHECK(overlay.digest == crypto::sha256(content));
  const Kept network = site.keep("network", content, rules);
  CHECK(read_file(site.places->model(network.digest)).value() == content);
  CHECK(site.read({"network", FromOpen{network.digest}}) == content);
}
