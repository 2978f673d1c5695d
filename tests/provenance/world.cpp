#include "tests/provenance/world.h"

#include <catch2/catch.hpp>

#include "provenance/stored.h"

namespace cloister::provenance::test {
namespace {
constexpr std::string_view origin = "cloister.example/test-consortium";
const StudyId study = StudyId::trusted("heart");

Actor actor(const std::string& name, Role role, const std::string& org) {
  return {MemberId::trusted(name), role, org, {}};
}
}  // namespace

World::World() {
  REQUIRE(crypto::start().has_value());
  members.emplace("root",
                  TestMember{actor("root", Role::consortium_admin, "consortium"), key_from(1)});
  rules.log_origin = origin;
  rules.roots.push_back(
      {MemberId::trusted("root"), "consortium", members.at("root").key.public_key()});
  bind("coordinator", Role::coordinator, "consortium");
  bind("trainer", Role::trainer, "cloud");
  bind("owner", Role::study_owner, "consortium");
  bind("auditor", Role::auditor, "outside");
  for (const std::string site : {"a", "b"}) {
    bind("agent-" + site, Role::site_agent, "site-" + site);
    bind("admin-" + site, Role::site_admin, "site-" + site);
    bind("steward-" + site, Role::site_steward, "site-" + site);
  }
}

void World::bind(const std::string& name, Role role, const std::string& org) {
  TestMember member{actor(name, role, org), key_from(100 + members.size())};
  KeyBinding binding{member.actor.id, role, org, {}, Bytes(32, 1), Bytes(32, 2), {}};
  binding = prove_key(std::move(binding), member.key, origin);
  Record record = draft("root", RecordKind::key_bound);
  record.subjects = {{name, member_key_digest(binding)}};
  record.details = to_details(binding);
  records.insert_or_assign("key." + name, add(record));
  members.emplace(name, std::move(member));
}

Record World::draft(const std::string& member, RecordKind kind) const {
  Record record;
  record.kind = kind;
  record.actor = members.at(member).actor;
  return record;
}

Submission World::sign(Record record) {
  const std::string member = record.actor.id.text();
  if (record.signer_seq == 0) {
    const SignerPlace place = signer_place(ledger, record.actor.id).value();
    record.signer_seq = place.next_seq;
    record.prev_by_signer = place.last;
  }
  ++count_;
  now = now + std::chrono::seconds(1);
  if (record.issued_at == Instant()) record.issued_at = now;
  std::array<std::uint8_t, 10> random{};
  const Bytes number = be64(count_);
  std::copy(number.begin(), number.end(), random.begin() + 2);
  if (record.record_id.empty()) record.record_id = uuid_v7(now, random);
  const auto envelope = sign_record(record, members.at(member).key);
  INFO((envelope ? std::string() : to_string(envelope.error())));
  REQUIRE(envelope.has_value());
  return {to_json(*envelope), {}};
}

Batch World::submit(const std::vector<Submission>& group, bool all_or_nothing) {
  const Sequencer sequencer(ledger, rules);
  auto batch = sequencer.prepare(group, {now, all_or_nothing});
  INFO((batch ? std::string() : to_string(batch.error())));
  REQUIRE(batch.has_value());
  ledger.apply(batch->puts);
  return std::move(*batch);
}

Admitted World::add(Record record, std::vector<Bytes> entries) {
  Submission submission = sign(std::move(record));
  submission.entries = std::move(entries);
  const Batch batch = submit({submission});
  const auto& outcome = batch.outcomes.at(0);
  INFO((outcome ? std::string() : to_string(outcome.error())));
  REQUIRE(outcome.has_value());
  return *outcome;
}

std::string World::try_add(Record record, std::vector<Bytes> entries) {
  Submission submission = sign(std::move(record));
  submission.entries = std::move(entries);
  const MemoryLedger before = ledger;
  const Batch batch = submit({submission});
  if (batch.outcomes.at(0)) return "";
  CHECK(ledger.content() == before.content());
  CHECK_FALSE(batch.outcomes.at(0).error().what.empty());
  return batch.outcomes.at(0).error().code;
}

Batch World::add_group(std::vector<Record> list, bool all_or_nothing) {
  std::vector<Submission> group;
  std::map<MemberId, SignerPlace> places;
  for (Record& record : list) {
    const MemberId id = record.actor.id;
    if (!places.contains(id)) places[id] = signer_place(ledger, id).value();
    record.signer_seq = places[id].next_seq++;
    record.prev_by_signer = places[id].last;
    group.push_back(sign(record));
    const auto envelope = parse_envelope(group.back().envelope).value();
    places[id].last = record_hash(envelope, members.at(id.text()).key.public_key()).value();
  }
  return submit(group, all_or_nothing);
}

void World::run_site(const std::string& s) {
  const std::string agent = "agent-" + s;
  const JobId job = JobId::trusted("heart-" + s + "-encode");
  const auto name = [&](std::string_view what) { return s + "." + std::string(what); };
  const auto thing = [&](std::string_view what) {
    return things.insert_or_assign(name(what), digest_of(name(what))).first->second;
  };
  const auto draft_of = [&](const std::string& who, RecordKind kind) {
    Record record = draft(who, kind);
    record.study = study;
    record.job = job;
    return record;
  };
  Record offer = draft_of("coordinator", RecordKind::job_submitted);
  offer.inputs = {{"plan", "plan", things.at("plan"), {}}};
  offer.subjects = {{"spec", thing("spec")}};
  records[name("job")] = add(offer);
  Record approval = draft_of("admin-" + s, RecordKind::job_approved);
  approval.subjects = {{"spec", thing("spec")}};
  records[name("approval")] = add(approval);
  Record raw = draft_of(agent, RecordKind::raw_registered);
  raw.inputs = {{"spec", "spec", thing("spec"), {}}};
  raw.subjects = {{"dataset", thing("dataset")}};
  records[name("raw")] = add(raw);
  Record encoder = draft_of(agent, RecordKind::encoder_trained);
  encoder.inputs = {{"dataset", "dataset", thing("dataset"), {}}};
  encoder.approvals = {records[name("approval")].leaf_hash};
  encoder.subjects = {{"image-encoder", thing("encoder")}};
  records[name("encoder")] = add(encoder);
  Record encoded = draft_of(agent, RecordKind::dataset_encoded);
  encoded.inputs = {{"image-encoder", "image-encoder", thing("encoder"), {}},
                    {"dataset", "dataset", thing("dataset"), {}}};
  encoded.approvals = {records[name("approval")].leaf_hash};
  encoded.subjects = {{"manifest", thing("manifest")}, {"shard-0", thing("shard-0")}};
  records[name("encoded")] = add(encoded);
  Record gate = draft_of(agent, RecordKind::gate_reported);
  gate.inputs = {{"manifest", "manifest", thing("manifest"), {}}};
  gate.subjects = {{"report", thing("report")}};
  gate.protection = Protection{thing("encoder"), {}, std::nullopt, "xchacha20"};
  gate.protection->indicators = {{"reid", 0.12, 0.2, digest_of("test"), true}};
  records[name("gate")] = add(gate);
  Record release = draft_of("steward-" + s, RecordKind::permit_granted);
  release.inputs = {{"manifest", "manifest", thing("manifest"), {}},
                    {"report", "report", thing("report"), {}}};
  release.subjects = {{"permit", thing("permit")}};
  release.details = to_details(
      Permit{Permit::Type::release, {"training"}, "trainer", "key-of-trainer", {}, "study heart"});
  records[name("release")] = add(release);
  Record sent = draft_of(agent, RecordKind::transfer_sent);
  sent.inputs = {{"permit", "permit", thing("permit"), {}}};
  sent.subjects = {{"shard-0", thing("shard-0")}};
  sent.recipients = {"trainer"};
  sent.purpose = "training";
  sent.details.set("bytes", 1234);
  records[name("sent")] = add(sent);
  Record received = draft_of("coordinator", RecordKind::transfer_received);
  received.subjects = {{"shard-0", thing("shard-0")}};
  received.details.set("bytes", 1234);
  records[name("received")] = add(received);
}

void World::run_study() {
  const auto thing = [&](const std::string& what) {
    return things.insert_or_assign(what, digest_of(what)).first->second;
  };
  Record opened = draft("owner", RecordKind::study_opened);
  opened.study = study;
  opened.subjects = {{"plan", thing("plan")}};
  records["study"] = add(opened);
  run_site("a");
  run_site("b");
  Record train = draft("trainer", RecordKind::train_completed);
  train.study = study;
  for (const std::string s : {"a", "b"}) {
    train.inputs.push_back({"encoded-dataset", s, things.at(s + ".manifest"), {}});
    train.inputs.push_back({"shard", s, things.at(s + ".shard-0"), {}});
  }
  train.subjects = {{"model", thing("model")}};
  records["train"] = add(train);
  for (int i = 0; i < 5; ++i) {
    predictions.push_back({digest_of("prediction " + std::to_string(i)),
                           digest_of("case " + std::to_string(i)), thing("model")});
  }
  Record batch = draft("agent-a", RecordKind::prediction_batch);
  batch.study = study;
  batch.inputs = {{"model", "model", thing("model"), {}}};
  const TreeHead head = batch_head(predictions);
  things["batch"] = head.root;
  batch.subjects = {{"batch", head.root}};
  batch.details.set("batch", Json().set("root", head.root).set("size", head.size));
  std::vector<Bytes> entries;
  for (const auto& prediction : predictions) entries.push_back(to_bytes(prediction));
  records["batch"] = add(batch, entries);
}

NoteKey World::log_key() const {
  return {std::string(origin), NoteKeyType::ed25519, log.public_key()};
}

std::vector<PolicyWitness> World::witnesses() const {
  std::vector<PolicyWitness> out;
  for (std::uint64_t i = 0; i < 2; ++i) {
    const std::string name = i == 0 ? "site-a" : "site-b";
    out.push_back(
        {name,
         {"cloister.example/" + name, NoteKeyType::cosignature, key_from(910 + i).public_key()}});
  }
  return out;
}

Note World::checkpoint() const {
  Note note = sign_checkpoint({std::string(origin), ledger_head(ledger).value()}, log);
  for (std::uint64_t i = 0; i < 2; ++i) {
    note.signatures.push_back(cosign(note.text, witnesses()[i].key.name, key_from(910 + i), now));
  }
  return note;
}

World::Withdrawal World::withdrawal(const std::string& site, const Digest& what) const {
  Withdrawal out;
  out.record = draft("steward-" + site, RecordKind::consent_withdrawn);
  out.record.subjects = {{"dataset", what}};
  const std::vector<Digest> digests{what};
  auto portions = plan_quarantine(ledger, digests).value();
  for (auto& portion : portions) {
    Record record = draft("coordinator", RecordKind::quarantine_set);
    record.subjects = std::move(portion);
    out.quarantines.push_back(std::move(record));
  }
  return out;
}

}  // namespace cloister::provenance::test
