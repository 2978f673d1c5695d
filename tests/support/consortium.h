// A small consortium for tests: keys from seeds, bindings signed by a root, one study, and a ledger
// that admits what is signed and in order. For tests only; the real rules are the coordinator's.
#pragma once

#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/identity.h"
#include "crypto/start.h"
#include "protocol/jobs.h"
#include "protocol/messages.h"
#include "protocol/plan.h"
#include "provenance/merkle.h"
#include "provenance/note.h"
#include "provenance/record.h"

namespace cloister::test {

inline const std::string log_name = "cloister/test";
inline const Instant start_of_time{1'790'000'000'000};

struct Person {
  crypto::Identity keys;
  provenance::Role role = provenance::Role::auditor;
  std::string org;
  std::uint64_t seq = 0;
  Digest last;
};

// Members by their id. Everybody signs in order.
class Consortium {
 public:
  Consortium() {
    if (!crypto::start()) std::abort();
    add("root", provenance::Role::consortium_admin, "consortium");
    add("coordinator", provenance::Role::coordinator, "consortium");
    add("trainer", provenance::Role::trainer, "consortium");
    add("owner", provenance::Role::study_owner, "consortium");
    add("agent-a", provenance::Role::site_agent, "site-a");
    add("steward-a", provenance::Role::site_steward, "site-a");
    add("admin-a", provenance::Role::site_admin, "site-a");
    add("agent-b", provenance::Role::site_agent, "site-b");
    add("steward-b", provenance::Role::site_steward, "site-b");
    for (const auto& [id, person] : people_) bindings_.push_back(bind(id));
  }

  void add(const std::string& id, provenance::Role role, const std::string& org) {
    crypto::SeededEntropy entropy(1000 + people_.size());
    people_.emplace(
        id, Person{crypto::generate_identity(MemberId::trusted(id),
                                             std::string(provenance::to_string(role)), entropy),
                   role,
                   org,
                   0,
                   {}});
  }
  [[nodiscard]] Person& person(const std::string& id) { return people_.at(id); }
  [[nodiscard]] std::string root() const {
    return crypto::key_id(people_.at("root").keys.sign.public_key());
  }
  [[nodiscard]] const std::vector<Bytes>& bindings() const { return bindings_; }

  // A key.bound envelope, signed by the root.
  [[nodiscard]] Bytes bind(const std::string& id) {
    const Person& person = people_.at(id);
    provenance::KeyBinding binding{MemberId::trusted(id), person.role, person.org, {}, {}, {}, {}};
    const BytesView seal = person.keys.seal.public_key().view();
    const BytesView curve = person.keys.curve.public_key().view();
    binding.seal.assign(seal.begin(), seal.end());
    binding.curve.assign(curve.begin(), curve.end());
    binding = provenance::prove_key(binding, person.keys.sign, log_name);
    provenance::Record record;
    record.kind = provenance::RecordKind::key_bound;
    record.subjects.push_back({id, provenance::member_key_digest(binding)});
    record.details = provenance::to_details(binding);
    return sign("root", std::move(record), start_of_time);
  }

  // Completes a record and signs it as that member; its counters move on.
  [[nodiscard]] Bytes sign(const std::string& id, provenance::Record record, Instant now) {
    Person& person = people_.at(id);
    record.actor = {MemberId::trusted(id), person.role, person.org, {}};
    record.signer_seq = ++person.seq;
    record.prev_by_signer = person.last;
    record.issued_at = now;
    crypto::SeededEntropy entropy(person.seq);
    const Bytes random = entropy.bytes(10);
    record.record_id = uuid_v7(now, std::span<const std::uint8_t, 10>(random.data(), 10));
    const auto envelope = provenance::sign_record(record, person.keys.sign).value();
    person.last = provenance::record_hash(envelope, person.keys.sign.public_key()).value();
    return to_bytes(provenance::to_json(envelope));
  }

  [[nodiscard]] protocol::StudyPlan plan() {
    protocol::StudyPlan plan;
    plan.study = StudyId::trusted("heart");
    plan.title = "Hearts";
    plan.purpose = "research";
    plan.legal_basis = "consent";
    plan.owner = "owner";
    plan.trainer = "trainer";
    plan.trainer_seal_key = to_hex(person("trainer").keys.seal.public_key().view());
    plan.sites = {"site-a", "site-b"};
    plan.quorum = 1;
    plan.structures = {"LV", "MYO", "RV"};
    plan.budget = protocol::budget_preset("quick").value();
    plan.gate = protocol::default_thresholds();
    return plan;
  }
  [[nodiscard]] protocol::StudyView study(const protocol::StudyPlan& plan,
                                          const std::string& signer = "owner") {
    const std::string json = protocol::to_json(plan);
    provenance::Record record;
    record.kind = provenance::RecordKind::study_opened;
    record.study = plan.study;
    record.subjects.push_back({"plan", crypto::sha256(as_bytes(json))});
    record.details.set("plan", json);
    return {plan.study, "encoding", sign(signer, std::move(record), start_of_time), {}};
  }

 private:
  std::map<std::string, Person> people_;
  std::vector<Bytes> bindings_;
};

// A job as the coordinator offers it.
inline protocol::JobView a_job(const protocol::StudyPlan& plan, const std::string& kind,
                               std::vector<protocol::NamedDigest> inputs = {}) {
  protocol::JobView job;
  job.id = protocol::job_id(plan.study, "site-a", kind, 1);
  job.study = plan.study;
  job.kind = kind;
  job.site = "site-a";
  job.assignee = MemberId::trusted("agent-a");
  job.inputs = std::move(inputs);
  provenance::Json spec;
  spec.set("spec", 1).set("job", job.id.text()).set("kind", kind).set("site", "site-a");
  spec.set("study", plan.study.text()).set("version", 1);
  spec.set("plan", crypto::sha256(as_bytes(protocol::to_json(plan))));
  job.spec_json = provenance::to_jcs(spec);
  job.spec_digest = crypto::sha256(as_bytes(job.spec_json));
  return job;
}

// Admits records one after another and signs heads over them.
class TestLedger {
 public:
  explicit TestLedger(Consortium& consortium) : consortium_(consortium) {}

  // Receipts, or Refused where a signer's counters do not follow.
  protocol::Reply submit(const protocol::Submit& submit) {
    protocol::Receipts receipts;
    for (const Bytes& envelope : submit.envelopes) {
      auto opened = provenance::parse_envelope(as_text(envelope)).value();
      auto record = provenance::parse_statement(opened.payload).value();
      const auto& key = consortium_.person(record.actor.id.text()).keys.sign.public_key();
      const Digest leaf = provenance::record_hash(opened, key).value();
      if (refuse) {
        if (auto why = refuse(record); !why.code.empty()) return protocol::Refused{why};
      }
      auto place = places_.find(leaf);
      if (place == places_.end()) {
        protocol::SignerState& state = signers_[record.actor.id];
        if (record.signer_seq != state.last_seq + 1 || record.prev_by_signer != state.last_leaf) {
          return protocol::Refused{
              Error{Kind::stale, "sequencer.out_of_order", "Out of order.", "Fetch."}};
        }
        state = {record.signer_seq, leaf};
        place = places_.emplace(leaf, tree_.size()).first;
        sizes_.push_back(leaf);
        tree_.append(leaf);
        records.push_back(record);
      }
      receipts.receipts.push_back({place->second, leaf});
    }
    return receipts;
  }
  [[nodiscard]] protocol::SignerState signer(const MemberId& member) const {
    const auto found = signers_.find(member);
    return found == signers_.end() ? protocol::SignerState{} : found->second;
  }
  [[nodiscard]] Bytes checkpoint() {
    const provenance::Checkpoint head{log_name, tree_.head()};
    return to_bytes(provenance::to_text(
        provenance::sign_checkpoint(head, consortium_.person("coordinator").keys.sign)));
  }
  [[nodiscard]] std::vector<Bytes> consistency(std::uint64_t from) const {
    std::vector<Bytes> out;
    if (from == 0 || from >= tree_.size()) return out;
    const provenance::LeafHashes leaves(sizes_);
    const auto proof = provenance::consistency_proof(leaves, from, tree_.size()).value();
    for (const Digest& hash : proof) out.emplace_back(hash.bytes.begin(), hash.bytes.end());
    return out;
  }
  // What a coordinator tells who asks "witnessed" (docs/protocol.md) when these cosigned its head.
  [[nodiscard]] std::string witnessed(const std::string& argument,
                                      const std::vector<std::string>& cosigners) {
    const Digest record = digest_from_hex(argument.substr(0, 64)).value();
    const std::uint64_t size = std::stoull(argument.substr(65));
    const auto hashes = [](const std::vector<Digest>& all) {
      provenance::Json list = provenance::Json::array();
      for (const Digest& hash : all) list.push(hash);
      return list;
    };
    provenance::Json json;
    provenance::Json heads = provenance::Json::array();
    const auto place = places_.find(record);
    if (place != places_.end() && place->second < size && size <= tree_.size()) {
      const provenance::LeafHashes leaves(sizes_);
      json.set("index", place->second);
      json.set("inclusion",
               hashes(provenance::inclusion_proof(leaves, place->second, size).value()));
      auto note = provenance::parse_note(as_text(checkpoint())).value();
      for (const std::string& name : cosigners) {
        note.signatures.push_back(
            provenance::cosign(note.text, name, consortium_.person(name).keys.sign, start_of_time));
      }
      const auto proof = provenance::consistency_proof(leaves, size, tree_.size()).value();
      provenance::Json head;
      head.set("checkpoint", provenance::to_text(note)).set("consistency", hashes(proof));
      heads.push(std::move(head));
    }
    return provenance::to_jcs(json.set("heads", std::move(heads)));
  }
  [[nodiscard]] std::size_t count(provenance::RecordKind kind) const {
    std::size_t found = 0;
    for (const auto& record : records) found += record.kind == kind ? 1 : 0;
    return found;
  }

  std::vector<provenance::Record> records;
  std::function<Error(const provenance::Record&)> refuse;  // an empty code admits

 private:
  Consortium& consortium_;
  std::map<MemberId, protocol::SignerState> signers_;
  std::map<Digest, std::uint64_t> places_;
  std::vector<Digest> sizes_;
  provenance::CompactRange tree_;
};

}  // namespace cloister::test
