#include "desk.h"

#include <catch2/catch.hpp>

#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/start.h"

namespace cloister::coordinator::testing {
namespace {

crypto::SecretKey key_of(const std::string& member) {
  const Digest digest = digest_of(member);
  crypto::SeededEntropy entropy(read_be64(digest.view().subspan(0, 8)));
  return crypto::SecretKey::generate(entropy);
}

Bytes bytes_of(const std::string& text) {
  const Digest digest = digest_of(text);
  return {digest.bytes.begin(), digest.bytes.end()};
}

provenance::Role role_of(const Membership& membership, const MemberId& id) {
  const Member* member = membership.find(id);
  return member == nullptr ? provenance::Role::auditor : provenance_role(member->role);
}

}  // namespace

Digest digest_of(std::string_view text) { return crypto::sha256(as_bytes(text)); }

Desk::Desk(std::vector<std::string> names) : sites(std::move(names)) {
  REQUIRE(crypto::start().has_value());
  using protocol::Role;
  bind("root", Role::root, "");
  bind("admin", Role::consortium_admin, "");
  bind("owner", Role::study_owner, "");
  bind("trainer", Role::trainer, "");
  bind("coordinator", Role::coordinator, "");
  bind("auditor", Role::auditor, "");
  for (const std::string& site : sites) {
    bind("agent-" + site, Role::site_agent, site);
    bind("admin-" + site, Role::site_admin, site);
    bind("steward-" + site, Role::site_steward, site);
  }
}

void Desk::bind(const std::string& member, protocol::Role role, const std::string& site) {
  provenance::KeyBinding binding;
  binding.member = MemberId::trusted(member);
  binding.role = provenance_role(role);
  binding.org = site.empty() ? "consortium" : site;
  binding.seal = bytes_of(member + " seal");
  binding.curve = bytes_of(member + " curve");
  Record bound = record(RecordKind::key_bound, "root");
  bound.details = provenance::to_details(provenance::prove_key(binding, key_of(member), "test"));
  bound.subjects = {
      {member, provenance::member_key_digest(provenance::key_binding_from(bound.details).value())}};
  place(std::move(bound));
}

Record Desk::record(RecordKind kind, const std::string& member) const {
  Record record;
  record.kind = kind;
  record.actor.id = MemberId::trusted(member);
  record.actor.role = role_of(core.membership(), record.actor.id);
  record.issued_at = now;
  return record;
}

void Desk::place(Record record) {
  Placed placed;
  placed.index = ledger.size();
  placed.leaf = digest_of("leaf " + std::to_string(placed.index));
  placed.envelope = to_bytes("envelope " + std::to_string(placed.index));
  placed.record = std::move(record);
  ledger.push_back(placed);
  const Actions actions = core.on(RecordsPlaced{{placed}}, now);
  for (const Action& action : actions) CHECK_FALSE(std::holds_alternative<Append>(action));
}

Actions Desk::settle(Actions actions) {
  Actions others;
  while (!actions.empty()) {
    bool placed = false;
    for (Action& action : actions) {
      if (auto* append = std::get_if<Append>(&action)) {
        Record own = append->draft.record;
        own.actor.id = MemberId::trusted("coordinator");
        own.actor.role = provenance::Role::coordinator;
        own.issued_at = now;
        if (auto ok = core.check(own); !ok) FAIL(to_string(ok.error()));
        place(std::move(own));
        placed = true;
      } else if (auto* erase = std::get_if<EraseWraps>(&action)) {
        erased.push_back(std::move(*erase));
      } else {
        others.push_back(std::move(action));
      }
    }
    actions = placed ? core.on(LedgerSynced{ledger.size()}, now) : Actions{};
  }
  core.check_invariants();
  return others;
}

Result<void> Desk::submit(Record record) {
  if (auto ok = core.check(record); !ok) return ok;
  place(std::move(record));
  settle(core.on(LedgerSynced{ledger.size()}, now));
  return {};
}

void Desk::must(Record record) {
  if (auto ok = submit(std::move(record)); !ok) FAIL(to_string(ok.error()));
}

void Desk::must_both(Record first, Record second) {
  for (const Record& record : {first, second}) {
    if (auto ok = core.check(record); !ok) FAIL(to_string(ok.error()));
  }
  place(std::move(first));
  place(std::move(second));
  settle(core.on(LedgerSynced{ledger.size()}, now));
}

Actions Desk::event(const Event& event) { return settle(core.on(event, now)); }

Actions Desk::request(const std::string& member, protocol::Request request) {
  return event(RequestArrived{++token_, MemberId::trusted(member), std::move(request)});
}

protocol::Reply Desk::ask(const std::string& member, protocol::Request request) {
  for (const Action& action : this->request(member, std::move(request))) {
    if (const auto* reply = std::get_if<Reply>(&action)) return reply->reply;
  }
  return protocol::Refused{{Kind::unavailable, "test.no_reply", "nothing was replied", ""}};
}

protocol::Work Desk::work(const std::string& member) {
  for (Action& action : request(member, protocol::Poll{})) {
    if (auto* answer = std::get_if<AnswerPoll>(&action)) return std::move(answer->work);
  }
  return {};
}

protocol::StudyPlan Desk::plan() const {
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted("heart");
  plan.title = "Hearts";
  plan.purpose = "cardiac segmentation";
  plan.legal_basis = "consent";
  plan.owner = "owner";
  plan.trainer = "trainer";
  plan.trainer_seal_key = to_hex(bytes_of("trainer seal"));
  plan.sites = sites;
  plan.quorum = static_cast<std::uint32_t>(sites.size());
  plan.structures = {"LV", "MYO", "RV"};
  plan.budget = protocol::budget_preset("quick").value();
  plan.gate = protocol::default_thresholds();
  return plan;
}

Record Desk::opening(const protocol::StudyPlan& plan) const {
  Record opened = record(RecordKind::study_opened, plan.owner);
  const std::string json = protocol::to_json(plan);
  opened.study = plan.study;
  opened.details.set("plan", json);
  opened.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
  return opened;
}

const Job* Desk::job(const std::string& site, std::string_view kind, std::uint32_t version,
                     std::string_view part) const {
  return study().job(protocol::job_id(study().id(), site, kind, version, part));
}

void Desk::approve(const JobId& id, const std::string& member) {
  const Job* job = study().job(id);
  REQUIRE(job != nullptr);
  Record approved = record(RecordKind::job_approved, member);
  approved.study = job->study;
  approved.job = id;
  approved.inputs = {{"spec", "spec", job->spec_digest, std::nullopt}};
  approved.subjects = {{"spec", job->spec_digest}};
  must(std::move(approved));
}

Record Desk::manifest_record(const std::string& site, const std::string& purpose) const {
  Json shards = Json::array();
  Record encoded = record(RecordKind::dataset_encoded, "agent-" + site);
  encoded.study = study().id();
  std::vector<std::string> purposes{"training", "training", "tuning", "evaluation"};
  if (purpose == "prediction") purposes = {"prediction"};
  for (std::size_t i = 0; i < purposes.size(); ++i) {
    const Digest digest = digest_of(site + " shard " + purpose + std::to_string(i));
    Json shard = Json::object();
    shard.set("number", static_cast<std::uint64_t>(i)).set("purpose", purposes[i]);
    shard.set("sealed_sha256", digest).set("sealed_bytes", 1000);
    shards.push(std::move(shard));
    encoded.subjects.push_back({"shard", digest});
  }
  Json manifest = Json::object();
  manifest.set("site", site).set("study", "heart").set("shards", std::move(shards));
  encoded.subjects.insert(encoded.subjects.begin(),
                          {"manifest", digest_of(provenance::to_jcs(manifest))});
  encoded.details.set("manifest", std::move(manifest)).set("purpose", purpose);
  return encoded;
}

Record Desk::product(const Job& job) const {
  Record product = record(product_of(job.kind), job.assignee.text());
  if (job.kind == "encode") product = manifest_record(job.site, "training");
  product.study = job.study;
  product.job = job.id;
  if (product.subjects.empty())
    product.subjects = {{"product", digest_of("product of " + job.id.text())}};
  for (const auto& input : job.inputs)
    product.inputs.push_back({input.name, input.name, input.digest, std::nullopt});
  if (job.kind == "assess-privacy") {
    Json indicator = Json::object();
    indicator.set("name", "channel-correlation").set("value", 0.8).set("verdict", "fail");
    product.details.set("indicators", Json(Json::Array{indicator}));
  }
  if (job.kind == "evaluate") {
    Json tests = Json::array();
    for (const char* name : {"membership-auc", "membership-tpr"})
      tests.push(Json().set("name", name).set("value", 0.5).set("verdict", "pass"));
    product.details.set("membership", std::move(tests));
  }
  if (job.kind == "predict") {
    Json reply = Json::object();
    reply.set("reply", digest_of("reply " + job.id.text())).set("bytes", 10);
    product.details.set("replies", Json(Json::Array{reply}));
  }
  return product;
}

void Desk::run_chain(const std::string& site, std::string_view until) {
  for (const char* kind :
       {"register-data", "train-image-encoder", "train-mask-encoder", "encode", "assess-privacy"}) {
    const Job* next = job(site, kind);
    REQUIRE(next != nullptr);
    approve(next->id, "agent-" + site);
    must(product(*job(site, kind)));
    if (kind == until) return;
  }
}

void Desk::except_all(const std::string& site) {
  const Dataset* dataset = study().site_dataset(site);
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::exception;
  permit.reason = "a demonstration on phantoms";
  for (const auto& [name, value] : dataset->not_passed)
    permit.indicators.push_back({name, value, 0.7, digest_of("test"), false});
  Record granted = record(RecordKind::permit_granted, "steward-" + site);
  granted.study = study().id();
  granted.subjects = {{"permit", digest_of("exception " + site)}};
  granted.inputs = {{"manifest", "manifest", dataset->manifest, std::nullopt}};
  granted.details = provenance::to_details(permit);
  must(std::move(granted));
}

void Desk::permit_release(const std::string& site) {
  const Dataset* dataset = study().site_dataset(site);
  provenance::Permit permit;
  permit.recipient = "trainer";
  permit.recipient_key = study().plan().trainer_seal_key;
  permit.purposes = {"training", "tuning", "evaluation"};
  Record granted = record(RecordKind::permit_granted, "steward-" + site);
  granted.study = study().id();
  granted.subjects = {{"permit", digest_of("release " + site)}};
  granted.inputs = {{"manifest", "manifest", dataset->manifest, std::nullopt}};
  granted.details = provenance::to_details(permit);
  must(std::move(granted));
}

void Desk::upload(const std::string& site) {
  std::vector<Digest> shards;
  for (const Shard& shard : study().site_dataset(site)->shards) {
    shards.push_back(shard.digest);
    event(BlobCompleted{shard.digest});
  }
  event(WrapsStored{MemberId::trusted("trainer"), shards});
}

void Desk::upload_replies(const Job& predict) {
  const Digest reply = digest_of("reply " + predict.id.text());
  event(BlobCompleted{reply});
  event(WrapsStored{MemberId::trusted("agent-" + predict.site), {reply}});
}

void Desk::run_to_training() {
  open_study();
  for (const std::string& site : sites) finish_site(site);
}

void Desk::finish_site(const std::string& site) {
  run_chain(site, "assess-privacy");
  except_all(site);
  permit_release(site);
  upload(site);
  must(product(*job(site, "release")));
}

void Desk::run_to_model() {
  run_to_training();
  const Job* training = job("", "train-segmentation");
  REQUIRE(training != nullptr);
  approve(training->id, "trainer");
  must(product(*training));
}

}  // namespace cloister::coordinator::testing
