// Erasing the words of a record: they are gone from every byte, every proof holds, and every answer
// says who erased them under which record.
#include "provenance/erasure.h"

#include <catch2/catch.hpp>

#include "base/prng.h"
#include "provenance/bundle.h"
#include "provenance/lineage_text.h"
#include "provenance/verify_bundle.h"
#include "provenance/withdrawal_story.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

namespace {

constexpr std::string_view words = "Mr Meier of room 12 asked for it";

// A study of which site a took its data back, with words that nobody should have written.
struct Fixture {
  World world;
  Submission withdrawal;  // as it was handed in
  std::uint64_t index = 0;

  Fixture() {
    world.run_study();
    auto all = world.withdrawal("a", world.things.at("a.dataset"));
    all.record.study = StudyId::trusted("heart");
    all.record.reason = words;
    std::vector<Record> group{all.record};
    group.insert(group.end(), all.quarantines.begin(), all.quarantines.end());
    index = ledger_head(world.ledger)->size;
    const Batch batch = world.add_group(std::move(group), true);
    REQUIRE(batch.outcomes[0].has_value());
    withdrawal = {to_json(*stored()->envelope), {}};
  }
  [[nodiscard]] Result<StoredRecord> stored() const { return stored_record(world.ledger, index); }
  [[nodiscard]] Record erasure(const std::string& who) const {
    Record record = erasure_of(stored().value()).value();
    record.actor = world.members.at(who).actor;
    return record;
  }
  [[nodiscard]] TrustAnchors anchors() const {
    return {default_policy(world.log_key(), world.witnesses()), world.rules.roots};
  }
  [[nodiscard]] BundleFiles bundle(const Answer* about = nullptr, bool with_log = true) const {
    BundlePlan plan{world.checkpoint(), *anchors().policy, world.rules.roots};
    plan.answer = about;
    plan.with_log = with_log;
    return make_bundle(world.ledger, plan).value();
  }
};

bool holds(const MemoryLedger& ledger, std::string_view text) {
  const auto has = [&](const Bytes& bytes) {
    return as_text(bytes).find(text) != std::string_view::npos;
  };
  return std::any_of(ledger.content().begin(), ledger.content().end(),
                     [&](const auto& entry) { return has(entry.first) || has(entry.second); });
}

const VerdictLine* line(const Verdict& verdict, std::string_view code) {
  const auto found = std::find_if(verdict.lines.begin(), verdict.lines.end(),
                                  [&](const VerdictLine& one) { return one.code == code; });
  return found == verdict.lines.end() ? nullptr : &*found;
}

std::string failure(const BundleFiles& files, const TrustAnchors& anchors) {
  const Verdict verdict = verify_bundle(files, anchors);
  return verdict.error ? verdict.error->code : "";
}

}  // namespace

TEST_CASE(
    "erased words are gone, what programs act on stays, and every answer says who erased them",
    "[provenance]") {
  Fixture fixture;
  World& world = fixture.world;
  const StoredRecord before = fixture.stored().value();
  const Digest model = world.things.at("model");
  const Digest closure = trace_back(world.ledger, model)->closure_digest;
  REQUIRE(holds(world.ledger, words));
  const Admitted done = world.add(fixture.erasure("steward-a"));

  CHECK_FALSE(holds(world.ledger, words));
  CHECK_FALSE(holds(world.ledger, before.record->record_id));  // else the words could be guessed
  const StoredRecord after = fixture.stored().value();
  CHECK(after.note == before.note);
  CHECK(after.is_remains);
  REQUIRE(after.erased.has_value());
  CHECK(after.erased->index == done.index);
  CHECK(after.erased->signer.text() == "steward-a");
  CHECK(after.record->subjects == before.record->subjects);
  CHECK(after.record->reason == erased_words);
  const TreeHead head = checked_head(world.ledger).value();
  const auto proof = prove_inclusion(world.ledger, fixture.index, head.size).value();
  CHECK(verify_inclusion({fixture.index, after.note.leaf_hash, head}, proof).has_value());

  const std::string told =
      fmt::format("words erased by steward-a (site-a) under record {}", done.index);
  CHECK(trace_back(world.ledger, model)->closure_digest == closure);
  const auto history_of = history(world.ledger, StudyId::trusted("heart")).value();
  CHECK(to_table(history_of).find(told) != std::string::npos);
  CHECK(to_jcs(to_json(history_of)).find("erasedBy") != std::string::npos);
  const auto stories = withdrawals(world.ledger, StudyId::trusted("heart")).value();
  REQUIRE(stories.size() == 1);
  CHECK(to_text(stories[0]).find("reason: [" + told + "]") != std::string::npos);
  CHECK(stories[0].escaped.empty());
}

TEST_CASE("whoever hands the erased record in again is told its place and brings nothing back",
          "[provenance]") {
  Fixture fixture;
  fixture.world.add(fixture.erasure("steward-a"));
  const Batch again = fixture.world.submit({fixture.withdrawal});
  REQUIRE(again.outcomes[0].has_value());
  CHECK(again.outcomes[0]->was_there);
  CHECK(again.outcomes[0]->index == fixture.index);
  CHECK(again.puts.empty());
  CHECK_FALSE(holds(fixture.world.ledger, words));
}

TEST_CASE("words are erased by a steward or administrator of who wrote them, once, and as they are",
          "[provenance]") {
  Fixture fixture;
  World& world = fixture.world;
  for (const char* other : {"steward-b", "coordinator", "agent-a"}) {
    CHECK(world.try_add(fixture.erasure(other)) == "sequencer.erasure");
  }
  CHECK(world.try_add(fixture.erasure("owner")) == "sequencer.wrong_role");
  Record wrong = fixture.erasure("steward-a");
  wrong.details.set("remains", digest_of("something else"));
  CHECK(world.try_add(wrong) == "sequencer.erasure");
  wrong = fixture.erasure("steward-a");
  wrong.details.set("payload", digest_of("something else"));
  CHECK(world.try_add(wrong) == "sequencer.erasure");
  wrong = fixture.erasure("steward-a");
  wrong.details.set("kind", "job.denied");
  CHECK(world.try_add(wrong) == "sequencer.erasure");
  wrong = fixture.erasure("steward-a");
  wrong.details.set("remains", "no digest");
  CHECK(world.try_add(wrong) == "sequencer.erasure");
  wrong = fixture.erasure("steward-a");
  wrong.study = {};
  CHECK(world.try_add(wrong) == "sequencer.erasure");
  CHECK(world.try_add(fixture.erasure("admin-a")) == "");
  CHECK(erasure_of(fixture.stored().value()).error().code == "erasure.done");
  const auto again = stored_record(world.ledger, ledger_head(world.ledger)->size - 1).value();
  Record twice = *again.record;
  twice.record_id.clear();
  twice.issued_at = Instant();
  twice.signer_seq = 0;
  twice.actor = world.members.at("steward-a").actor;
  CHECK(world.try_add(twice) == "sequencer.erasure");
}

TEST_CASE("what everybody must always be able to check, and what holds no words, is not erased",
          "[provenance]") {
  Fixture fixture;
  const auto code = [&](std::uint64_t index) {
    const auto made = erasure_of(stored_record(fixture.world.ledger, index).value());
    return made ? std::string() : made.error().code;
  };
  CHECK(code(0) == "erasure.kind");  // a binding
  CHECK(code(fixture.world.records.at("study").index) == "erasure.kind");
  CHECK(code(fixture.world.records.at("a.raw").index) == "erasure.nothing");
  CHECK(code(fixture.world.records.at("a.release").index) == "");
}

TEST_CASE("a permit whose words were erased still lets out what it let out", "[provenance]") {
  World world;
  world.run_study();
  const auto stored = stored_record(world.ledger, world.records.at("a.release").index).value();
  Record record = erasure_of(stored).value();
  record.actor = world.members.at("steward-a").actor;
  world.add(record);
  const auto left = egress(world.ledger, "site-a").value();
  REQUIRE(left.size() == 1);
  REQUIRE(left[0].permits.size() == 1);
  CHECK(permit_from(left[0].permits[0].record->details)->purposes ==
        std::vector<std::string>{"training"});
  CHECK(permit_from(left[0].permits[0].record->details)->reason == erased_words);
}

TEST_CASE(
    "a bundle with erased words holds, whole or about one thing, and says what it cannot prove",
    "[provenance]") {
  Fixture fixture;
  const Admitted done = fixture.world.add(fixture.erasure("steward-a"));
  const Answer about =
      trace_forward(fixture.world.ledger, {fixture.world.things.at("a.dataset")}).value();
  for (const bool with_log : {true, false}) {
    const BundleFiles files = fixture.bundle(with_log ? nullptr : &about, with_log);
    for (const auto& [path, content] : files) {
      INFO(path);
      CHECK(as_text(content).find(words) == std::string_view::npos);
    }
    CHECK(files.contains(fmt::format("erased/{}.dsse.json", fixture.index)));
    CHECK_FALSE(files.contains(fmt::format("records/{}.dsse.json", fixture.index)));
    const Verdict verdict = verify_bundle(files, fixture.anchors());
    INFO(to_text(verdict));
    CHECK(verdict.holds());
    const VerdictLine* told = line(verdict, "erased");
    REQUIRE(told != nullptr);
    CHECK(told->finding == Finding::not_proved);
    CHECK(told->text.find(fmt::format("Of record {} by steward-a under record {}.", fixture.index,
                                      done.index)) != std::string::npos);
    if (with_log) CHECK(line(verdict, "replay")->finding == Finding::proved);
  }
}

TEST_CASE("nobody passes a changed record off as an erased one", "[provenance]") {
  Fixture fixture;
  const std::string place = fmt::format("/{}.dsse.json", fixture.index);
  const auto forged = [&](BundleFiles files) {  // the words replaced, but nobody signed for it
    const auto envelope = parse_envelope(as_text(files.at("records" + place))).value();
    Envelope left = envelope;
    left.payload =
        to_statement(
            remains_of(*fixture.stored()->record, fixture.stored()->note.leaf_hash).value())
            .value();
    files.erase("records" + place);
    files.erase(fmt::format("sigstore/{}.json", fixture.index));
    files["erased" + place] = to_bytes(to_json(left));
    return files;
  };
  CHECK(failure(forged(fixture.bundle()), fixture.anchors()) == "bundle.erased");
  const TreeHead head = ledger_head(fixture.world.ledger).value();
  const LedgerRules& rules = fixture.world.rules;
  CHECK(replay(forged(fixture.bundle()), rules, head).error().code == "replay.altered");

  fixture.world.add(fixture.erasure("steward-a"));
  const BundleFiles good = fixture.bundle();
  REQUIRE(failure(good, fixture.anchors()).empty());
  auto envelope = parse_envelope(as_text(good.at("erased" + place))).value();
  auto record = *fixture.stored()->record;
  record.subjects.push_back({"dataset", fixture.world.things.at("b.dataset")});
  envelope.payload = to_statement(record).value();
  BundleFiles changed = good;
  changed["erased" + place] = to_bytes(to_json(envelope));
  CHECK(failure(changed, fixture.anchors()) == "bundle.erased");
  CHECK_FALSE(replay(changed, rules, ledger_head(fixture.world.ledger).value()).has_value());
  changed = good;
  changed["erased/0.dsse.json"] = good.at("erased" + place);
  CHECK(failure(changed, fixture.anchors()) == "bundle.erased");
  changed = good;
  changed.erase("erased" + place);  // left out: not proved, as with any record
  CHECK(line(verify_bundle(changed, fixture.anchors()), "replay")->finding == Finding::not_proved);
}

TEST_CASE("mutants of what an erasure left are refused, or change nothing that was verified",
          "[provenance]") {
  Fixture fixture;
  fixture.world.add(fixture.erasure("steward-a"));
  const BundleFiles good = fixture.bundle();
  const TrustAnchors anchors = fixture.anchors();
  const Digest content = verify_bundle(good, anchors).content;
  const std::string path = fmt::format("erased/{}.dsse.json", fixture.index);
  Prng prng(11);
  std::size_t caught = 0;
  for (int i = 0; i < 200; ++i) {
    BundleFiles mutant = good;
    Bytes& bytes = mutant.at(path);
    bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
    const Verdict verdict = verify_bundle(mutant, anchors);
    caught += verdict.holds() ? 0 : 1;
    if (verdict.holds()) CHECK(verdict.content == content);
  }
  CHECK(caught > 180);
}
