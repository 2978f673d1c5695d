// Evidence bundles: good ones hold, changed ones do not, and the verdict says what was not proved.
#include "provenance/bundle.h"

#include <catch2/catch.hpp>

#include "base/prng.h"
#include "provenance/verify_bundle.h"
#include "provenance/withdrawal_story.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

namespace {

struct Fixture {
  World world;
  TlogPolicy policy;
  Answer answer;
  BundleFiles files;
  TrustAnchors anchors;

  explicit Fixture(bool with_log = true) {
    world.run_study();
    policy = default_policy(world.log_key(), world.witnesses());
    answer = explain(world.ledger, world.predictions[1].output).value();
    BundlePlan plan{world.checkpoint(), policy, world.rules.roots};
    plan.answer = &answer;
    plan.predictions = {world.predictions[1].output};
    plan.with_log = with_log;
    auto made = make_bundle(world.ledger, plan);
    INFO((made ? std::string() : to_string(made.error())));
    REQUIRE(made.has_value());
    files = std::move(*made);
    anchors = {policy, world.rules.roots};
  }
};

std::string codes(const Verdict& verdict, Finding finding) {
  std::string out;
  for (const auto& line : verdict.lines) {
    if (line.finding == finding) out += line.code + " ";
  }
  return out;
}

std::string failure(const BundleFiles& files, const TrustAnchors& anchors) {
  const Verdict verdict = verify_bundle(files, anchors);
  return verdict.error ? verdict.error->code : "";
}

}  // namespace

TEST_CASE("a bundle with the whole log proves presence and completeness", "[provenance]") {
  const Fixture fixture;
  const Verdict verdict = verify_bundle(fixture.files, fixture.anchors);
  INFO(to_text(verdict));
  REQUIRE(verdict.holds());
  CHECK(codes(verdict, Finding::proved) ==
        "checkpoint log inclusion signers replay prediction closure ");
  CHECK(codes(verdict, Finding::not_proved) == "people ");
  CHECK(verdict.head == ledger_head(fixture.world.ledger).value());
  CHECK(parse_json(to_json(verdict)).has_value());
}

TEST_CASE("a bundle without the log proves presence and says that completeness is not",
          "[provenance]") {
  const Fixture fixture(false);
  const Verdict verdict = verify_bundle(fixture.files, fixture.anchors);
  INFO(to_text(verdict));
  REQUIRE(verdict.holds());
  CHECK(codes(verdict, Finding::proved) == "checkpoint inclusion signers prediction ");
  CHECK(codes(verdict, Finding::not_proved) == "log closure people ");
}

TEST_CASE("anchors out of the bundle itself are said to be no proof", "[provenance]") {
  const Fixture fixture;
  const Verdict verdict = verify_bundle(fixture.files, {});
  REQUIRE(verdict.holds());
  CHECK(codes(verdict, Finding::not_proved) == "anchor.policy anchor.roots people ");
}

TEST_CASE("a bundle of another consortium, or too few witnesses, does not hold", "[provenance]") {
  Fixture fixture;
  TrustAnchors other = fixture.anchors;
  other.policy->logs[0].public_key = test::key_from(5).public_key();
  CHECK(failure(fixture.files, other) == "checkpoint.unknown_log");
  other = fixture.anchors;
  other.roots[0].key = test::key_from(5).public_key();
  CHECK(failure(fixture.files, other) == "bundle.key");
  other = fixture.anchors;
  other.policy->witnesses[0].key.name = "someone/else";
  CHECK(failure(fixture.files, other) == "checkpoint.quorum");
  CHECK(failure({}, fixture.anchors) == "bundle.checkpoint");
  CHECK(failure({}, {}) == "bundle.policy");
}

TEST_CASE("a payload that is gone whole is named, and everything else still holds",
          "[provenance]") {
  World world;
  world.run_study();
  const auto index = world.records.at("a.raw").index;
  world.ledger.apply({erase_payload(record_note(world.ledger, index)->payload_hash)});
  const TlogPolicy policy = default_policy(world.log_key(), world.witnesses());
  const BundleFiles files =
      make_bundle(world.ledger, {world.checkpoint(), policy, world.rules.roots}).value();
  const Verdict verdict = verify_bundle(files, {policy, world.rules.roots});
  INFO(to_text(verdict));
  CHECK(verdict.holds());
  CHECK(codes(verdict, Finding::not_proved) == "payload replay people ");
}

TEST_CASE("a withdrawal and its quarantine survive the replay", "[provenance]") {
  World world;
  world.run_study();
  Record withdrawal = world.draft("steward-a", RecordKind::consent_withdrawn);
  withdrawal.subjects = {{"dataset", world.things.at("a.dataset")}};
  Record quarantine = world.draft("coordinator", RecordKind::quarantine_set);
  const std::vector<Digest> withdrawn{world.things.at("a.dataset")};
  quarantine.subjects = plan_quarantine(world.ledger, withdrawn).value().at(0);
  const Batch done = world.add_group({withdrawal, quarantine}, true);
  REQUIRE(done.outcomes[1].has_value());
  Record after = world.draft("auditor", RecordKind::access_logged);
  after.subjects = {{"x", digest_of("x")}};
  world.add(after);
  const TlogPolicy policy = default_policy(world.log_key(), world.witnesses());
  const BundleFiles files =
      make_bundle(world.ledger, {world.checkpoint(), policy, world.rules.roots}).value();
  const Verdict verdict = verify_bundle(files, {policy, world.rules.roots});
  INFO(to_text(verdict));
  CHECK(verdict.holds());
  CHECK(codes(verdict, Finding::proved).find("replay") != std::string::npos);
}

TEST_CASE("a missing or swapped file is seen", "[provenance]") {
  const Fixture fixture;
  const auto without = [&](const std::string& path) {
    BundleFiles files = fixture.files;
    REQUIRE(files.erase(path) == 1);
    return verify_bundle(files, fixture.anchors);
  };
  CHECK_FALSE(without("checkpoint").holds());
  CHECK_FALSE(without("closure.txt").holds());
  const auto size = fixture.answer.head.size;
  CHECK_FALSE(without(tile_path({0, 0}, size)).holds());
  CHECK(codes(without(entries_path(0, size)), Finding::not_proved).find("log") !=
        std::string::npos);
  CHECK(codes(without("records/3.dsse.json"), Finding::not_proved).find("replay") !=
        std::string::npos);
  BundleFiles swapped = fixture.files;
  std::swap(swapped["records/3.dsse.json"], swapped["records/4.dsse.json"]);
  CHECK(failure(swapped, fixture.anchors) == "bundle.signature");
  swapped = fixture.files;
  std::swap(swapped["proofs/3.tlog-proof"], swapped["proofs/4.tlog-proof"]);
  CHECK(failure(swapped, fixture.anchors) == "bundle.proof");
  swapped = fixture.files;
  swapped["records/x.dsse.json"] = swapped["records/3.dsse.json"];
  CHECK(failure(swapped, fixture.anchors) == "bundle.record");
}

TEST_CASE("seeded mutants of every file fail, or pass with identical content", "[provenance]") {
  const Fixture fixture;
  const Fixture light(false);
  Prng prng(20261123);
  std::size_t neutral = 0;
  std::size_t caught = 0;
  for (const Fixture* one : {&fixture, &light}) {
    const Digest good = verify_bundle(one->files, one->anchors).content;
    std::vector<std::string> paths;
    for (const auto& [path, content] : one->files) {
      if (path != "README.md" && path != "check-prediction.sh" && !path.starts_with("signify/") &&
          !path.starts_with("trust/")) {
        paths.push_back(path);
      }
    }
    BundleFiles files = one->files;
    for (int i = 0; i < 300; ++i) {
      const std::string& path = paths[prng.below(paths.size())];
      Bytes& content = files[path];
      const Bytes original = content;
      const std::size_t at = prng.below(content.size());
      switch (prng.below(4)) {
        case 0:
          content[at] ^= static_cast<std::uint8_t>(1U << prng.below(8));
          break;
        case 1:
          content.erase(content.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 2:
          content.insert(content.begin() + static_cast<std::ptrdiff_t>(at),
                         static_cast<std::uint8_t>(prng.below(256)));
          break;
        default:
          content.resize(at);
          break;
      }
      const Verdict verdict = verify_bundle(files, one->anchors);
      INFO(path << " byte " << at << " mutant " << i);
      if (verdict.holds()) {
        ++neutral;
        // Only hints, unknown fields and cut-off leading parts may pass, and then nothing differs.
        REQUIRE(verdict.content == good);
      } else {
        ++caught;
      }
      content = original;
    }
  }
  CHECK(caught > 580);
  WARN(caught << " mutants caught, " << neutral << " neutral");
}

TEST_CASE("the README names the state and holds a script of at most forty lines", "[provenance]") {
  const Fixture fixture;
  const std::string readme(as_text(fixture.files.at("README.md")));
  CHECK(readme.find(to_base64(fixture.answer.head.root.view())) != std::string::npos);
  CHECK(readme.find(bundle_script()) != std::string::npos);
  const std::string script = bundle_script();
  CHECK(std::count(script.begin(), script.end(), '\n') <= 40);
}

TEST_CASE("every question's answer travels in a bundle, and a replay of the log gives it again",
          "[provenance]") {
  World world;
  world.run_study();
  const World::Withdrawal withdrawal = world.withdrawal("a", world.things.at("a.dataset"));
  Record taken = withdrawal.record;
  taken.study = StudyId::trusted("heart");
  world.add_group({taken, withdrawal.quarantines[0]}, true);
  const StudyId study = StudyId::trusted("heart");
  const Digest permit = world.records.at("a.release").leaf_hash;
  const std::vector<Answer> answers{
      trace_back(world.ledger, world.things.at("model")).value(),
      trace_forward(world.ledger, {world.things.at("a.dataset")}).value(),
      history(world.ledger, study).value(),
      who_answer(world.ledger, permit).value(),
      egress_answer(world.ledger, "site-a").value(),
      withdrawals_answer(world.ledger, study).value(),
  };
  for (const Answer& answer : answers) {
    INFO(answer.question);
    BundlePlan plan;
    plan.checkpoint = world.checkpoint();
    plan.policy = default_policy(world.log_key(), world.witnesses());
    plan.roots = world.rules.roots;
    plan.answer = &answer;
    BundleFiles files = make_bundle(world.ledger, plan).value();
    const Verdict good = verify_bundle(files, {plan.policy, plan.roots});
    INFO(to_text(good));
    CHECK(good.holds());
    CHECK(to_text(good).find(fmt::format("The answer ({}) is complete", answer.question)) !=
          std::string::npos);
    // An answer with a node less does not pass, though its digest fits what it says.
    Answer less = answer;
    less.nodes.pop_back();
    std::vector<Digest> left;
    for (const auto& node : less.nodes) left.push_back(node.digest);
    less.closure_digest = closure_digest(left);
    plan.answer = &less;
    files = make_bundle(world.ledger, plan).value();
    const Verdict bad = verify_bundle(files, {plan.policy, plan.roots});
    REQUIRE_FALSE(bad.holds());
    CHECK(bad.error->code == "bundle.closure");
    CHECK_FALSE(bad.error->next.empty());
  }
}

TEST_CASE("whatever is wrong with a bundle, the verdict has a code and says what to do next",
          "[provenance]") {
  const Fixture fixture;
  for (const auto& [path, content] : fixture.files) {
    for (const std::size_t left : {std::size_t{0}, content.size() / 2, content.size() - 1}) {
      BundleFiles files = fixture.files;
      files[path].resize(left);
      const Verdict verdict = verify_bundle(files, fixture.anchors);
      if (verdict.holds()) continue;
      INFO(path << " cut to " << left << ": " << to_text(verdict));
      CHECK_FALSE(verdict.error->code.empty());
      CHECK(verdict.error->what.size() > 15);
      CHECK_FALSE(verdict.error->next.empty());
      // The finding, and none that only follow from it.
      const auto failed = std::count_if(verdict.lines.begin(), verdict.lines.end(),
                                        [](auto& line) { return line.finding == Finding::failed; });
      CHECK(failed == 1);
    }
  }
}
