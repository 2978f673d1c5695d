// Admission: what gets a place in the ledger, and above all what does not.
#include "provenance/sequencer.h"

#include <catch2/catch.hpp>

#include "base/prng.h"
#include "provenance/lineage.h"
#include "provenance/stored.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::key_from;
using cloister::provenance::test::World;

TEST_CASE("a whole study is admitted and its tree checks out", "[provenance]") {
  World world;
  world.run_study();
  const TreeHead head = checked_head(world.ledger).value();
  CHECK(head.size == world.records.at("batch").index + 1);
  for (std::uint64_t i = 0; i < head.size; ++i) {
    const auto proof = prove_inclusion(world.ledger, i, head.size).value();
    const Digest leaf = leaf_hash(leaf_at(world.ledger, i).value());
    CHECK(verify_inclusion({i, leaf, head}, proof).has_value());
    CHECK(index_of(world.ledger, leaf).value() == i);
    CHECK(stored_record(world.ledger, i)->record.has_value());
  }
}

TEST_CASE("a record that was admitted is answered with its place and changes nothing",
          "[provenance]") {
  World world;
  Record record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"ledger", digest_of("x")}};
  const Submission submission = world.sign(record);
  const Batch first = world.submit({submission, submission});
  CHECK(first.outcomes[0]->index == first.outcomes[1]->index);
  CHECK(first.outcomes[1]->was_there);
  const Batch again = world.submit({submission});
  CHECK(again.outcomes[0]->was_there);
  CHECK(again.puts.empty());
  CHECK(again.head == first.head);
}

TEST_CASE("records cross tile boundaries without a seam", "[provenance]") {
  World world;
  while (ledger_head(world.ledger)->size < 600) {
    std::vector<Record> group;
    for (int i = 0; i < 37; ++i) {
      Record record = world.draft("auditor", RecordKind::access_logged);
      record.subjects = {{"ledger", digest_of("x")}};
      group.push_back(record);
    }
    const Batch batch = world.add_group(group, false);
    for (const auto& outcome : batch.outcomes) REQUIRE(outcome.has_value());
  }
  const TreeHead head = checked_head(world.ledger).value();
  for (std::uint64_t old : {1U, 100U, 255U, 256U, 257U, 511U, 512U, 599U}) {
    const LedgerTiles tiles(world.ledger);
    const TreeHead before = compact_range(tiles, old)->head();
    const auto proof = prove_consistency(world.ledger, old, head.size).value();
    CHECK(verify_consistency(before, head, proof).has_value());
  }
}

TEST_CASE("nobody writes what the role does not allow, for another, or with an unbound key",
          "[provenance]") {
  World world;
  Record record = world.draft("auditor", RecordKind::quarantine_set);
  record.subjects = {{"x", digest_of("x")}};
  CHECK(world.try_add(record) == "sequencer.wrong_role");
  record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"x", digest_of("x")}};
  record.actor.role = Role::coordinator;
  CHECK(world.try_add(record) == "sequencer.wrong_actor");
  record.actor.role = Role::auditor;
  record.actor.org = "site-a";
  CHECK(world.try_add(record) == "sequencer.wrong_actor");
  // Signed by a stranger's key.
  record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"x", digest_of("x")}};
  world.members.at("auditor").key = key_from(4242);
  CHECK(world.try_add(record) == "sequencer.unknown_key");
}

TEST_CASE("every kind is refused to every role that the table does not name", "[provenance]") {
  World world;
  const std::map<Role, std::string> who{
      {Role::consortium_admin, "root"}, {Role::study_owner, "owner"},
      {Role::site_agent, "agent-a"},    {Role::site_steward, "steward-a"},
      {Role::site_admin, "admin-a"},    {Role::coordinator, "coordinator"},
      {Role::trainer, "trainer"},       {Role::auditor, "auditor"}};
  for (const KindTraits& kind : all_kinds()) {
    for (const auto& [role, member] : who) {
      if (may_write(role, kind.kind)) continue;
      Record record = world.draft(member, kind.kind);
      record.subjects = {{"x", digest_of("x")}};
      CHECK(world.try_add(record) == "sequencer.wrong_role");
    }
  }
}

TEST_CASE("dropped, repeated and re-ordered records of a signer show", "[provenance]") {
  World world;
  Record record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"x", digest_of("x")}};
  const Admitted first = world.add(record);
  record.signer_seq = 3;
  record.prev_by_signer = first.leaf_hash;
  CHECK(world.try_add(record) == "sequencer.out_of_order");
  record.signer_seq = 2;
  record.prev_by_signer = digest_of("other");
  CHECK(world.try_add(record) == "sequencer.out_of_order");
  record.signer_seq = 1;
  record.prev_by_signer = {};
  CHECK(world.try_add(record) == "sequencer.out_of_order");
  record.signer_seq = 2;
  record.prev_by_signer = first.leaf_hash;
  CHECK(world.try_add(record) == "");
}

TEST_CASE("submissions that are malformed, oversized or from the future are refused with a code",
          "[provenance]") {
  World world;
  const auto code = [&](const std::string& text) {
    const MemoryLedger before = world.ledger;
    const Batch batch = world.submit({{text, {}}});
    CHECK(world.ledger.content() == before.content());
    return batch.outcomes[0] ? std::string() : batch.outcomes[0].error().code;
  };
  CHECK(code("") == "sequencer.format");
  CHECK(code("{}") == "sequencer.format");
  CHECK(code(std::string(envelope_bytes_max + 1, 'x')) == "sequencer.too_large");
  const auto& key = world.members.at("auditor").key;
  CHECK(code(to_json(sign_envelope(statement_payload_type, to_bytes("{}"), key))) ==
        "sequencer.format");
  CHECK(code(to_json(sign_envelope("text/plain", to_bytes("{}"), key))) == "sequencer.format");
  Envelope twice = sign_envelope(statement_payload_type, to_bytes("{}"), key);
  twice.signatures.push_back(twice.signatures[0]);
  CHECK(code(to_json(twice)) == "sequencer.format");
  Record record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"x", digest_of("x")}};
  record.issued_at = world.now + std::chrono::hours(1);
  CHECK(world.try_add(record) == "sequencer.time");
}

TEST_CASE("inputs, studies, jobs and policies must be in the ledger first", "[provenance]") {
  World world;
  Record record = world.draft("agent-a", RecordKind::raw_registered);
  record.subjects = {{"dataset", digest_of("d")}};
  record.inputs = {{"spec", "spec", digest_of("nowhere"), {}}};
  CHECK(world.try_add(record) == "sequencer.unknown_input");
  record.inputs.clear();
  record.study = StudyId::trusted("nowhere");
  CHECK(world.try_add(record) == "sequencer.unknown_input");
  record.study = {};
  record.job = JobId::trusted("nowhere");
  CHECK(world.try_add(record) == "sequencer.unknown_input");
  record.job = {};
  record.policy = PolicyRef{"policy", digest_of("nowhere")};
  CHECK(world.try_add(record) == "sequencer.unknown_input");
  record.policy.reset();
  CHECK(world.try_add(record) == "");
}

TEST_CASE("approvals must be there, by distinct people, for this, and under the same policy",
          "[provenance]") {
  World world;
  world.run_study();
  Record record = world.draft("agent-a", RecordKind::encoder_trained);
  record.study = StudyId::trusted("heart");
  record.job = JobId::trusted("heart-a-encode");
  record.subjects = {{"image-encoder", digest_of("another")}};
  CHECK(world.try_add(record) == "sequencer.approval");
  record.approvals = {digest_of("nothing")};
  CHECK(world.try_add(record) == "sequencer.unknown_input");
  record.approvals = {world.records.at("a.gate").leaf_hash};
  CHECK(world.try_add(record) == "sequencer.approval");
  record.approvals = {world.records.at("b.approval").leaf_hash};  // another site's job
  CHECK(world.try_add(record) == "sequencer.approval");
  record.approvals = {world.records.at("a.approval").leaf_hash};
  world.rules.approvals_min[RecordKind::encoder_trained] = 2;
  CHECK(world.try_add(record) == "sequencer.approval");
  record.approvals.push_back(record.approvals[0]);  // the same person twice
  CHECK(world.try_add(record) == "sequencer.approval");
  Record second = world.draft("steward-a", RecordKind::job_approved);
  second.study = record.study;
  second.job = record.job;
  second.subjects = {{"spec", world.things.at("a.spec")}};
  record.approvals[1] = world.add(second).leaf_hash;
  Record policy = world.draft("admin-a", RecordKind::policy_published);
  policy.subjects = {{"policy", digest_of("policy 1")}};
  world.add(policy);
  record.policy = PolicyRef{"policy", digest_of("policy 1")};
  CHECK(world.try_add(record) == "sequencer.approval");
  record.policy.reset();
  CHECK(world.try_add(record) == "");
}

TEST_CASE("nothing leaves a site without a permit that covers it", "[provenance]") {
  World world;
  world.run_study();
  Record sent = world.draft("agent-a", RecordKind::transfer_sent);
  sent.study = StudyId::trusted("heart");
  sent.subjects = {{"shard", world.things.at("a.shard-0")}};
  sent.recipients = {"trainer"};
  CHECK(world.try_add(sent) == "sequencer.permit");
  sent.approvals = {world.records.at("b.release").leaf_hash};  // another site's permit
  CHECK(world.try_add(sent) == "sequencer.approval");
  sent.approvals.clear();
  sent.inputs = {{"permit", "permit", world.things.at("b.permit"), {}}};
  CHECK(world.try_add(sent) == "sequencer.permit");
  sent.inputs = {{"permit", "permit", world.things.at("a.permit"), {}}};
  sent.recipients = {"somebody-else"};
  CHECK(world.try_add(sent) == "sequencer.permit");
  sent.recipients = {"trainer"};
  sent.subjects = {{"shard", world.things.at("b.shard-0")}};  // not what was released
  CHECK(world.try_add(sent) == "sequencer.permit");
  sent.subjects = {{"shard", world.things.at("a.shard-0")}};
  CHECK(world.try_add(sent) == "");
}

TEST_CASE("a failed gate blocks the release until a named person excepts each indicator",
          "[provenance]") {
  World world;
  world.run_study();
  Record gate = world.draft("agent-a", RecordKind::gate_reported);
  gate.study = StudyId::trusted("heart");
  gate.inputs = {{"manifest", "manifest", world.things.at("a.manifest"), {}}};
  gate.subjects = {{"report", digest_of("second report")}};
  gate.protection = Protection{};
  gate.protection->indicators = {{"reid", 0.9, 0.2, {}, false}, {"plain", 0.8, 0.5, {}, false}};
  world.add(gate);
  Record release = world.draft("steward-a", RecordKind::permit_granted);
  release.study = gate.study;
  release.inputs = gate.inputs;
  release.subjects = {{"permit", digest_of("permit 2")}};
  Permit permit{Permit::Type::release, {"training"}, "trainer", "k", {}, ""};
  release.details = to_details(permit);
  CHECK(world.try_add(release) == "sequencer.gate");
  Record exception = release;
  permit.type = Permit::Type::exception;
  permit.indicators = {gate.protection->indicators[0]};
  exception.details = to_details(permit);
  exception.subjects = {{"permit", digest_of("exception 1")}};
  world.add(exception);
  CHECK(world.try_add(release) == "sequencer.gate");  // the other indicator still stands
  permit.indicators = {gate.protection->indicators[1]};
  exception.details = to_details(permit);
  exception.subjects = {{"permit", digest_of("exception 2")}};
  world.add(exception);
  CHECK(world.try_add(release) == "");
  // Something that no gate has seen, alone or beside what was released.
  release.inputs = {{"dataset", "dataset", world.things.at("a.dataset"), {}}};
  release.subjects = {{"permit", digest_of("permit 3")}};
  CHECK(world.try_add(release) == "sequencer.gate");
  Record encoded = world.draft("agent-a", RecordKind::dataset_encoded);
  encoded.study = gate.study;
  encoded.job = JobId::trusted("heart-a-encode");
  encoded.inputs = {{"dataset", "dataset", world.things.at("a.dataset"), {}}};
  encoded.approvals = {world.records.at("a.approval").leaf_hash};
  encoded.subjects = {{"manifest", digest_of("second manifest")}};
  world.add(encoded);
  release.inputs = {gate.inputs[0], {"manifest", "manifest", digest_of("second manifest"), {}}};
  CHECK(world.try_add(release) == "sequencer.gate");
}

TEST_CASE("keys are bound by those who may, and die at the index of their revocation",
          "[provenance]") {
  World world;
  const auto new_key = key_from(777);
  const auto binding_record = [&](const std::string& signer, const KeyBinding& binding) {
    Record record = world.draft(signer, RecordKind::key_bound);
    record.subjects = {{binding.member.text(), member_key_digest(binding)}};
    record.details = to_details(binding);
    return record;
  };
  KeyBinding binding{MemberId::trusted("agent-a2"), Role::site_agent, "site-a", {}, {}, {}, {}};
  binding = prove_key(binding, new_key, world.rules.log_origin);
  CHECK(world.try_add(binding_record("admin-b", binding)) == "sequencer.binding");
  KeyBinding unproved = binding;
  unproved.org = "site-b";
  CHECK(world.try_add(binding_record("root", unproved)) == "sequencer.binding");
  KeyBinding other_log = prove_key(binding, new_key, "another/log");
  CHECK(world.try_add(binding_record("root", other_log)) == "sequencer.binding");
  KeyBinding high = binding;
  high.role = Role::coordinator;
  high = prove_key(high, new_key, world.rules.log_origin);
  CHECK(world.try_add(binding_record("admin-a", high)) == "sequencer.binding");
  CHECK(world.try_add(binding_record("admin-a", binding)) == "");
  CHECK(world.try_add(binding_record("root", binding)) == "sequencer.binding");

  Record revoke = world.draft("admin-b", RecordKind::key_revoked);
  revoke.subjects = {{"key", digest_of("k")}};
  revoke.details.set("key", to_hex(world.members.at("agent-a").key.public_key().view()));
  CHECK(world.try_add(revoke) == "sequencer.binding");
  Record old = world.draft("agent-a", RecordKind::access_logged);
  old.subjects = {{"x", digest_of("x")}};
  const Submission before = world.sign(old);
  REQUIRE(world.submit({before}).outcomes[0].has_value());
  revoke.actor = world.members.at("admin-a").actor;
  CHECK(world.try_add(revoke) == "");
  CHECK(world.try_add(old) == "sequencer.revoked_key");
  CHECK(world.submit({before}).outcomes[0]->was_there);  // what was admitted stays
}

TEST_CASE("a member rotates its own key and goes on counting", "[provenance]") {
  World world;
  KeyBinding next{MemberId::trusted("trainer"), Role::trainer, "cloud", {}, {}, {}, {}};
  next = prove_key(next, key_from(778), world.rules.log_origin);
  Record rotate = world.draft("trainer", RecordKind::key_rotated);
  rotate.subjects = {{"trainer", member_key_digest(next)}};
  rotate.details = to_details(next);
  KeyBinding grab = next;
  grab.role = Role::coordinator;
  grab = prove_key(grab, key_from(778), world.rules.log_origin);
  Record wrong = rotate;
  wrong.details = to_details(grab);
  CHECK(world.try_add(wrong) == "sequencer.binding");
  CHECK(world.try_add(rotate) == "");
  world.members.at("trainer").key = key_from(778);
  Record with_new = world.draft("trainer", RecordKind::access_logged);
  with_new.subjects = {{"x", digest_of("x")}};
  CHECK(world.try_add(with_new) == "");
}

TEST_CASE("a withdrawal takes everything made from the data with it, in one batch",
          "[provenance]") {
  World world;
  world.run_study();
  const Digest dataset = world.things.at("a.dataset");
  auto withdrawal = world.withdrawal("a", dataset);
  CHECK(world.try_add(withdrawal.record) == "sequencer.withdrawal");  // never alone
  Record foreign = withdrawal.record;
  foreign.actor = world.members.at("steward-b").actor;
  Batch refused = world.add_group({foreign, withdrawal.quarantines[0]}, true);
  CHECK(refused.outcomes[0].error().code == "sequencer.withdrawal");
  CHECK(refused.outcomes[1].error().code == "sequencer.group");
  CHECK(refused.puts.empty());
  Record partial = withdrawal.quarantines[0];
  partial.subjects.pop_back();
  refused = world.add_group({withdrawal.record, partial}, true);
  CHECK(refused.outcomes[0].error().code == "sequencer.withdrawal");
  CHECK(refused.puts.empty());

  const Batch done = world.add_group({withdrawal.record, withdrawal.quarantines[0]}, true);
  REQUIRE(done.outcomes[0].has_value());
  REQUIRE(done.outcomes[1].has_value());
  for (const std::string name :
       {"a.dataset", "a.encoder", "a.manifest", "a.shard-0", "model", "batch", "a.permit"}) {
    CHECK(is_quarantined(world.ledger, world.things.at(name)).value());
  }
  for (const auto& prediction : world.predictions) {
    CHECK(is_quarantined(world.ledger, prediction.output).value());
  }
  CHECK_FALSE(is_quarantined(world.ledger, world.things.at("b.manifest")).value());
  Record batch = world.draft("agent-b", RecordKind::prediction_batch);
  batch.inputs = {{"model", "model", world.things.at("model"), {}}};
  batch.subjects = {{"reply", digest_of("reply")}};
  CHECK(world.try_add(batch) == "sequencer.quarantined");
  Record again = world.draft("trainer", RecordKind::model_produced);
  again.subjects = {{"model", world.things.at("model")}};
  CHECK(world.try_add(again) == "sequencer.quarantined");
  Record released = world.draft("owner", RecordKind::model_retired);
  released.subjects = {{"model", world.things.at("model")}};
  CHECK(world.try_add(released) == "");
}

TEST_CASE("derivations that race with a withdrawal cannot escape it", "[provenance]") {
  // Whatever lands between the plan and its admission makes the plan incomplete: it is refused,
  // planned again, and then holds; whatever comes after is refused.
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    World world;
    world.run_study();
    Prng prng(seed);
    const Digest dataset = world.things.at("a.dataset");
    std::vector<Digest> made{world.things.at("model")};
    const auto derive = [&] {
      Record record = world.draft("trainer", RecordKind::model_produced);
      record.inputs = {{"model", "model", made[prng.below(made.size())], {}}};
      const Digest product = digest_of(fmt::format("model {} {}", seed, made.size()));
      record.subjects = {{"model", product}};
      const bool good = world.try_add(record).empty();
      if (good) made.push_back(product);
      return good;
    };
    auto withdrawal = world.withdrawal("a", dataset);
    bool admitted = false;
    while (!admitted) {
      const std::uint64_t between = prng.below(3);
      for (std::uint64_t i = 0; i < between; ++i) REQUIRE(derive());
      const Batch batch = world.add_group({withdrawal.record, withdrawal.quarantines[0]}, true);
      admitted = batch.outcomes[0].has_value();
      CHECK(admitted == (between == 0));
      if (!admitted) withdrawal = world.withdrawal("a", dataset);
    }
    CHECK_FALSE(derive());
    for (const Digest& digest : made) CHECK(is_quarantined(world.ledger, digest).value());
  }
}

TEST_CASE("the entries of a prediction batch must give its root and use its model",
          "[provenance]") {
  World world;
  world.run_study();
  Record batch = world.draft("agent-a", RecordKind::prediction_batch);
  batch.inputs = {{"model", "model", world.things.at("model"), {}}};
  std::vector<Prediction> predictions{{digest_of("o"), digest_of("i"), world.things.at("model")}};
  const auto fill = [&] {
    const TreeHead head = batch_head(predictions);
    batch.subjects = {{"batch", head.root}};
    batch.details = Json().set("batch", Json().set("root", head.root).set("size", head.size));
    std::vector<Bytes> entries;
    for (const auto& one : predictions) entries.push_back(to_bytes(one));
    return entries;
  };
  auto entries = fill();
  CHECK(world.try_add(batch, {}) == "sequencer.batch");
  auto wrong = entries;
  wrong.push_back(entries[0]);
  CHECK(world.try_add(batch, wrong) == "sequencer.batch");
  wrong = entries;
  wrong[0].push_back(' ');
  CHECK(world.try_add(batch, wrong) == "sequencer.batch");
  predictions[0].model = digest_of("another model");
  CHECK(world.try_add(batch, fill()) == "sequencer.batch");
  predictions[0].model = world.things.at("model");
  CHECK(world.try_add(batch, fill()) == "");
  // The same inside the record, for batches that are small.
  Record inside = world.draft("agent-a", RecordKind::prediction_batch);
  inside.inputs = batch.inputs;
  inside.subjects = {{"prediction", digest_of("p")}};
  set_batch(inside, {{digest_of("p"), digest_of("i"), world.things.at("model")}});
  CHECK(world.try_add(inside, entries) == "sequencer.batch");
  CHECK(world.try_add(inside) == "");
  const Answer answer = explain(world.ledger, digest_of("p")).value();
  REQUIRE(answer.prediction.has_value());
  CHECK(verify_prediction(*answer.prediction).has_value());
}

TEST_CASE("a payload that is gone whole leaves tree, proofs and lineage as they were",
          "[provenance]") {
  World world;
  world.run_study();
  const std::uint64_t index = world.records.at("a.encoded").index;
  const TreeHead head = checked_head(world.ledger).value();
  world.ledger.apply({erase_payload(record_note(world.ledger, index)->payload_hash)});
  CHECK(checked_head(world.ledger).value() == head);
  const auto stored = stored_record(world.ledger, index).value();
  CHECK_FALSE(stored.record.has_value());
  CHECK(stored.note.kind == RecordKind::dataset_encoded);
  CHECK(verify_inclusion({index, stored.note.leaf_hash, head},
                         prove_inclusion(world.ledger, index, head.size).value())
            .has_value());
}

TEST_CASE("damaged stores are an error and never an answer", "[provenance]") {
  World world;
  world.run_study();
  const auto damage = [&](Bytes key, Bytes value) {
    MemoryLedger broken = world.ledger;
    broken.apply({{std::move(key), std::move(value)}});
    return broken;
  };
  const MemoryLedger bad_tile = damage(key::tile({0, 0}), Bytes(32, 1));
  CHECK_FALSE(checked_head(bad_tile).has_value());
  Record record = world.draft("auditor", RecordKind::access_logged);
  record.subjects = {{"x", digest_of("x")}};
  const Submission submission = world.sign(record);
  CHECK_FALSE(Sequencer(bad_tile, world.rules).prepare({&submission, 1}, {}).has_value());
  CHECK_FALSE(checked_head(damage(key::head(), Bytes(3, 1))).has_value());
  CHECK_FALSE(record_note(damage(key::note(0), Bytes(3, 1)), 0).has_value());
  const Digest payload = record_note(world.ledger, 0)->payload_hash;
  CHECK(stored_record(damage(key::envelope(payload), Bytes(200, 1)), 0).error().code ==
        "ledger.damaged");
  CHECK(stored_record(damage(key::envelope(payload), Bytes{1, 2}), 0).error().code ==
        "ledger.damaged");
}
