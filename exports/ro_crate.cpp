// RO-Crate 1.1, profile Process Run Crate 0.5. The crate's files are the signed envelopes; things
// of the graph are entities by digest, for their bytes never leave a site.
#include <set>

#include "exports/exports.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::StoredRecord;

Json link_to(const std::string& id) { return Json().set("@id", id); }

std::string member_id(const std::string& member) { return "#member-" + member; }
std::string tool_id(const Record& record) {
  return fmt::format("#cloister-{}", to_string(record.actor.role));
}
std::string file_of(const StoredRecord& stored) {
  return fmt::format("records/{}.dsse.json", stored.index);
}

class Crate {
 public:
  explicit Crate(const ExportView& view) : view_(view) {}

  void add(const StoredRecord& stored) {
    add_file(stored);
    const Record& record = *stored.record;
    if (products(record).empty()) return;
    const std::string id = "#record-" + to_hex(stored.note.leaf_hash);
    Json objects = Json::array();
    for (const auto& input : record.inputs) {
      objects.push(thing(input.digest, input.name.empty() ? input.role : input.name));
    }
    Json results = Json::array();
    for (const auto& product : products(record)) {
      results.push(thing(product.digest, product.name));
    }
    Json action = Json()
                      .set("@id", id)
                      .set("@type", "CreateAction")
                      .set("name", fmt::format("{} by {}", to_string(record.kind), record.actor.id))
                      .set("endTime", when(record.issued_at))
                      .set("agent", agent(record))
                      .set("instrument", tool(record))
                      .set("object", std::move(objects))
                      .set("result", std::move(results))
                      .set("subjectOf", link_to(file_of(stored)));
    if (record.outcome != provenance::Outcome::ok) {
      action.set("actionStatus", link_to("http://schema.org/FailedActionStatus"));
    }
    graph_.push(std::move(action));
    actions_.push(link_to(id));
  }

  Files finish() {
    const std::string title = fmt::format("Provenance of study {} at checkpoint {}",
                                          view_.history.argument, view_.history.head.size);
    Json whole = Json::array();
    whole.push(Json()
                   .set("@id", "ro-crate-metadata.json")
                   .set("@type", "CreativeWork")
                   .set("conformsTo", link_to("https://w3id.org/ro/crate/1.1"))
                   .set("about", link_to("./")));
    const auto last = view_.history.records.back().note.issued_at;
    whole.push(
        Json()
            .set("@id", "./")
            .set("@type", "Dataset")
            .set("name", title)
            .set("description",
                 "Signed records of one study as files, and the steps that they record. Data, "
                 "codes and networks are named by digest and are not in the crate.")
            .set("datePublished", when(last).substr(0, 10))
            .set("license",
                 "Records of processing: for the parties of the study and their auditors.")
            .set("identifier", urn(view_.history.closure_digest))
            .set("conformsTo", link_to("https://w3id.org/ro/wfrun/process/0.5"))
            .set("hasPart", parts_)
            .set("mentions", actions_));
    whole.push(Json()
                   .set("@id", "https://w3id.org/ro/wfrun/process/0.5")
                   .set("@type", "CreativeWork")
                   .set("name", "Process Run Crate")
                   .set("version", "0.5"));
    for (const Json& item : *graph_.items()) whole.push(item);
    const Json document = Json()
                              .set("@context", "https://w3id.org/ro/crate/1.1/context")
                              .set("@graph", std::move(whole));
    files_["ro-crate-metadata.json"] = to_pretty(document) + "\n";
    return std::move(files_);
  }

 private:
  void add_file(const StoredRecord& stored) {
    const std::string path = file_of(stored);
    files_[path] = provenance::to_json(*stored.envelope);
    graph_.push(
        Json()
            .set("@id", path)
            .set("@type", "File")
            .set("name", fmt::format("record {}: {}", stored.index, to_string(stored.note.kind)))
            .set("encodingFormat", "application/vnd.in-toto+json")
            .set("contentSize", std::to_string(files_[path].size()))
            .set("identifier", urn(stored.note.leaf_hash)));
    parts_.push(link_to(path));
  }
  bool is_new(const std::string& id) { return known_.insert(id).second; }
  Json thing(const Digest& digest, const std::string& name) {
    const std::string id = urn(digest);
    if (is_new(id)) {
      graph_.push(Json()
                      .set("@id", id)
                      .set("@type", "CreativeWork")
                      .set("name", name.empty() ? "thing" : name)
                      .set("identifier", "sha256:" + to_hex(digest)));
    }
    return link_to(id);
  }
  Json agent(const Record& record) {
    const std::string id = member_id(record.actor.id.text());
    const std::string org = "#org-" + record.actor.org;
    if (is_new(org)) {
      graph_.push(
          Json().set("@id", org).set("@type", "Organization").set("name", record.actor.org));
    }
    if (is_new(id)) {
      graph_.push(Json()
                      .set("@id", id)
                      .set("@type", "Person")
                      .set("name", record.actor.id.text())
                      .set("jobTitle", std::string(to_string(record.actor.role)))
                      .set("affiliation", link_to(org)));
    }
    return link_to(id);
  }
  Json tool(const Record& record) {
    const std::string id = tool_id(record);
    if (is_new(id)) {
      graph_.push(Json()
                      .set("@id", id)
                      .set("@type", "SoftwareApplication")
                      .set("name", fmt::format("Cloister, as {}", to_string(record.actor.role)))
                      .set("url", "https://cloister.example")
                      .set("version", "1"));
    }
    return link_to(id);
  }

  const ExportView& view_;
  Files files_;
  Json graph_ = Json::array();
  Json parts_ = Json::array();
  Json actions_ = Json::array();
  std::set<std::string> known_;
};

}  // namespace

Files to_ro_crate(const ExportView& view) {
  Crate crate(view);
  for (const StoredRecord* stored : readable(view)) crate.add(*stored);
  return crate.finish();
}

}  // namespace cloister::exports
