#include "world.h"

namespace cloister::site_agent::testing {

Outcome outcome_of(const std::string& kind) {
  Outcome out;
  if (kind == "register-data") {
    out.kept = {kept("site-map", KeepAs::vault)};
    out.result.set("splits", Json().set("train", Json().set("patients", 5)));
  } else if (kind == "encode") {
    out.kept = {kept("shards/000001.safetensors", KeepAs::sealed),
                kept("shards/000002.safetensors", KeepAs::sealed), kept("code-map", KeepAs::vault)};
    Json shards = Json::array();
    shards.push(
        Json().set("number", 1).set("purpose", "training").set("slices", 5).set("views", 2));
    shards.push(
        Json().set("number", 2).set("purpose", "evaluation").set("slices", 5).set("views", 1));
    out.result.set("shards", std::move(shards)).set("dtype", "F16");
  } else if (kind == "assess-privacy") {
    out.kept = {kept("gate-report", KeepAs::report)};
    out.result.set(
        "indicators",
        Json::array().push(
            Json().set("name", "re-identification").set("value", 0.01).set("verdict", "pass")));
  } else {
    const std::string side = kind == "train-image-encoder" ? "image" : "mask";
    out.kept = {kept(side + "-encoder", KeepAs::vault), kept(side + "-decoder", KeepAs::vault)};
  }
  return out;
}

std::vector<protocol::JobView> World::jobs() const {
  std::vector<protocol::JobView> list;
  std::vector<protocol::NamedDigest> products;
  for (const std::string& kind : chain) {
    protocol::JobView job = a_job(plan, kind, products);
    bool done = false;
    for (const auto& record : ledger.records) {
      if (record.job != job.id) continue;
      if (record.kind == RecordKind::job_approved) job.state = protocol::JobState::approved;
      if (record.kind == RecordKind::job_failed) ++job.attempt;
      const bool is_product = record.kind != RecordKind::job_approved &&
                              record.kind != RecordKind::job_failed &&
                              record.kind != RecordKind::job_denied;
      if (!is_product) continue;
      done = true;
      products.push_back({record.subjects[0].name, record.subjects[0].digest, 0});
    }
    if (kind == "release" && !study.more.empty()) job.state = protocol::JobState::approved;
    if (done) job.state = protocol::JobState::done;
    if (attempts.contains(job.id)) job.attempt = std::max(job.attempt, attempts.at(job.id));
    if (forced.contains(job.id)) job.state = forced.at(job.id);
    list.push_back(job);
    if (!done) break;
  }
  list.insert(list.end(), besides.begin(), besides.end());
  return list;
}

protocol::Work World::work_now() {
  const std::uint64_t version = ledger.records.size() + 1 + study.more.size() +
                                1000 * forced.size() + 100'000 * attempts.size();
  return work_of(version, jobs(), poll->head_size);
}

void World::perform(const Action& action) {
  if (std::holds_alternative<RunWorker>(action)) REQUIRE_FALSE(worker.has_value());
  perform_common(action);
  if (const auto* ask = std::get_if<Ask>(&action)) {
    answer(*ask);
  } else if (std::holds_alternative<StopWorker>(action)) {
    worker.reset();
  } else if (const auto* upload = std::get_if<Upload>(&action)) {
    blobs.insert(upload->digest);
  } else if (const auto* commit = std::get_if<CommitFiles>(&action)) {
    pending.push_back(FilesCommitted{commit->job, commit->attempt,
                                     std::vector<Digest>{digest_of("a"), digest_of("b")}});
  }
}

void World::answer(const Ask& ask) {
  if (const auto* asked = std::get_if<protocol::Poll>(&ask.request)) {
    poll = HeldPoll{ask.tag, asked->seen_version, asked->head_size};
  } else if (auto reply = reply_about_records(ask.request)) {
    pending.push_back(Answered{ask.tag, std::move(*reply)});
  } else if (const auto* put = std::get_if<protocol::PutWraps>(&ask.request)) {
    CHECK(put->recipient.text() == "trainer");
    wraps += put->wraps.size();
    pending.push_back(Answered{ask.tag, protocol::Done{}});
  }
}

void World::permit_release() {
  const auto* encoded = find(RecordKind::dataset_encoded);
  REQUIRE(encoded != nullptr);
  provenance::Record record;
  record.kind = RecordKind::permit_granted;
  record.study = plan.study;
  record.details = provenance::to_details(provenance::Permit{provenance::Permit::Type::release,
                                                             {"training", "evaluation"},
                                                             "trainer",
                                                             plan.trainer_seal_key,
                                                             {},
                                                             "agreed"});
  record.subjects.push_back({"permit", digest_of("permit")});
  record.inputs.push_back({"manifest", "manifest", encoded->subjects[0].digest, std::nullopt});
  const Bytes envelope = all.sign("steward-a", record, now);
  REQUIRE(std::holds_alternative<protocol::Receipts>(ledger.submit({{envelope}})));
  study.more.push_back(envelope);
}

}  // namespace cloister::site_agent::testing
