// W3C PROV-JSON (Submission 24 April 2013) of a study.
//
//   thing             entity      cloister:sha256-<hex>
//   record            activity    cloister:record-<leaf hash>, with time, kind, place in the ledger
//   member            agent       cloister:member-<id>
//   input             used; input that a record made: wasDerivedFrom is left to the reader
//   product           wasGeneratedBy, wasAttributedTo
//   cited approval    wasInformedBy
//   policy            plan of the association
//   withdrawal        wasInvalidatedBy
#include "exports/exports.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::StoredRecord;

std::string thing(const Digest& digest) { return "cloister:sha256-" + to_hex(digest); }
std::string step(const Digest& leaf) { return "cloister:record-" + to_hex(leaf); }
std::string member(const std::string& id) { return "cloister:member-" + id; }

class Document {
 public:
  void add(const StoredRecord& stored) {
    const Record& record = *stored.record;
    const std::string activity = step(stored.note.leaf_hash);
    Json facts;
    facts.set("prov:startTime", when(record.issued_at)).set("prov:endTime", when(record.issued_at));
    facts.set("prov:type", std::string(to_string(record.kind)));
    facts.set("cloister:index", std::to_string(stored.index));
    if (!record.job.empty()) facts.set("cloister:job", record.job.text());
    activities_.set(activity, std::move(facts));
    add_agent(record, activity);
    add_things(record, activity);
    for (const Digest& approval : record.approvals) {
      relate("wasInformedBy",
             Json().set("prov:informed", activity).set("prov:informant", step(approval)));
      if (activities_.find(step(approval)) == nullptr)
        activities_.set(step(approval), Json::object());
    }
  }

  [[nodiscard]] Json finish(const ExportView& view) const {
    Json out;
    out.set("prefix", Json()
                          .set("cloister", "https://cloister.example/provenance/")
                          .set("prov", "http://www.w3.org/ns/prov#"));
    Json entities = entities_;
    const std::string ledger = "cloister:checkpoint-" + to_hex(view.history.head.root);
    entities.set(ledger, Json()
                             .set("prov:type", "checkpoint")
                             .set("cloister:log", view.log)
                             .set("cloister:size", std::to_string(view.history.head.size))
                             .set("cloister:closure", to_hex(view.history.closure_digest)));
    out.set("entity", std::move(entities)).set("activity", activities_).set("agent", agents_);
    for (const auto& [name, all] : relations_) out.set(name, all);
    return out;
  }

 private:
  void relate(const std::string& name, Json relation) {
    relations_[name].set(fmt::format("_:{}{}", name, ++count_), std::move(relation));
  }
  void entity(const Digest& digest, const std::string& name) {
    const std::string id = thing(digest);
    const Json* known = entities_.find(id);
    if (known != nullptr && known->find("prov:label") != nullptr) return;
    entities_.set(id, name.empty() ? Json::object() : Json().set("prov:label", name));
  }
  void add_agent(const Record& record, const std::string& activity) {
    const std::string agent = member(record.actor.id.text());
    agents_.set(agent, Json()
                           .set("cloister:role", std::string(to_string(record.actor.role)))
                           .set("cloister:org", record.actor.org));
    Json association = Json().set("prov:activity", activity).set("prov:agent", agent);
    if (record.policy) {
      entity(record.policy->sha256, "policy");
      association.set("prov:plan", thing(record.policy->sha256));
    }
    relate("wasAssociatedWith", std::move(association));
    if (record.actor.on_behalf_of.empty()) return;
    const std::string person = member(record.actor.on_behalf_of);
    if (agents_.find(person) == nullptr) agents_.set(person, Json::object());
    relate("actedOnBehalfOf", Json()
                                  .set("prov:delegate", agent)
                                  .set("prov:responsible", person)
                                  .set("prov:activity", activity));
  }
  void add_things(const Record& record, const std::string& activity) {
    for (const auto& input : record.inputs) {
      entity(input.digest, input.name.empty() ? input.role : input.name);
      relate("used", Json().set("prov:activity", activity).set("prov:entity", thing(input.digest)));
    }
    const bool ends = record.kind == RecordKind::consent_withdrawn ||
                      record.kind == RecordKind::quarantine_set ||
                      record.kind == RecordKind::erase_executed;
    for (const auto& subject : record.subjects) {
      if (ends) {
        relate("wasInvalidatedBy",
               Json().set("prov:entity", thing(subject.digest)).set("prov:activity", activity));
        entity(subject.digest, subject.name);
      }
    }
    for (const auto& product : products(record)) {
      entity(product.digest, product.name);
      relate("wasGeneratedBy", Json()
                                   .set("prov:entity", thing(product.digest))
                                   .set("prov:activity", activity)
                                   .set("prov:time", when(record.issued_at)));
      relate("wasAttributedTo", Json()
                                    .set("prov:entity", thing(product.digest))
                                    .set("prov:agent", member(record.actor.id.text())));
    }
  }

  Json entities_ = Json::object();
  Json activities_ = Json::object();
  Json agents_ = Json::object();
  std::map<std::string, Json> relations_;
  std::size_t count_ = 0;
};

}  // namespace

Files to_prov(const ExportView& view) {
  Document document;
  for (const StoredRecord* stored : readable(view)) document.add(*stored);
  return {{"prov.json", to_pretty(document.finish(view)) + "\n"}};
}

}  // namespace cloister::exports
