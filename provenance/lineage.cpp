#include "provenance/lineage.h"

#include <algorithm>
#include <map>
#include <set>

#include "crypto/hash.h"
#include "provenance/closure.h"
#include "provenance/leaf.h"

namespace cloister::provenance {
namespace {

// Puts an answer together from a walk.
class Builder {
 public:
  Builder(const LedgerReader& reader, std::string question) : reader_(reader) {
    answer_.question = std::move(question);
  }

  Result<Answer> build(std::vector<Digest> asked, Closure closure) {
    const auto head = ledger_head(reader_);
    if (!head) return pass(head);
    answer_.head = *head;
    answer_.asked = std::move(asked);
    answer_.edges = std::move(closure.edges);
    for (const auto& edge : closure.context) context_.insert(edge);
    // Edges say which nodes are records; only where the walk began must be looked up.
    for (const GraphEdge& edge : answer_.edges) {
      if (edge.edge == Edge::used) records_[edge.to] = edge.index;
      if (edge.edge == Edge::generated) records_[edge.from] = edge.index;
    }
    if (auto done = look_up(closure); !done) return pass(done);
    for (const Digest& digest : closure.nodes) {
      if (auto done = add_node(digest); !done) return pass(done);
    }
    if (auto done = load_records(); !done) return pass(done);
    name_nodes();
    answer_.closure_digest = closure_digest({closure.nodes.begin(), closure.nodes.end()});
    std::sort(answer_.edges.begin(), answer_.edges.end());
    answer_.context.assign(context_.begin(), context_.end());
    return std::move(answer_);
  }

 private:
  Result<void> look_up(const Closure& closure) {
    // A list of records (history, policy) has no edges at all; each of its nodes is a beginning.
    const bool is_list = answer_.edges.empty();
    std::vector<Digest> starts = answer_.asked;
    if (is_list) starts.assign(closure.nodes.begin(), closure.nodes.end());
    for (const Digest& start : starts) {
      const auto index = index_of(reader_, start);
      if (!index) return pass(index);
      if (*index) records_[start] = **index;
    }
    return {};
  }

  Result<void> add_node(const Digest& digest) {
    const auto record = records_.find(digest);
    if (record != records_.end()) {
      answer_.nodes.push_back({digest, record->second, "", false});
      return take_record(record->second, true);
    }
    const auto quarantined = is_quarantined(reader_, digest);
    if (!quarantined) return pass(quarantined);
    answer_.nodes.push_back({digest, std::nullopt, "", *quarantined});
    for (Edge sort : {Edge::about, Edge::invalidated}) {
      const auto edges = edges_of(reader_, digest, Direction::forward, sort);
      if (!edges) return pass(edges);
      context_.insert(edges->begin(), edges->end());
    }
    return {};
  }

  // Keeps a record for the answer; a member of the closure brings approvals and policy as context.
  Result<void> take_record(std::uint64_t index, bool is_member) {
    if (!taken_.contains(index)) {
      auto record = stored_record(reader_, index);
      if (!record) return pass(record);
      taken_.emplace(index, std::move(*record));
    }
    if (!is_member) return {};
    const StoredRecord& stored = taken_.at(index);
    if (stored.record) {
      const Digest& self = stored.note.leaf_hash;
      for (const Digest& approval : stored.record->approvals) {
        context_.insert({approval, self, Edge::approved, index});
      }
      if (stored.record->policy) {
        context_.insert({stored.record->policy->sha256, self, Edge::governed, index});
      }
      return {};
    }
    for (Edge sort : {Edge::approved, Edge::governed}) {  // an erased payload left its edges
      const auto edges = edges_of(reader_, stored.note.leaf_hash, Direction::back, sort);
      if (!edges) return pass(edges);
      context_.insert(edges->begin(), edges->end());
    }
    return {};
  }

  // The records at the far ends of context edges; of a policy, the record that published it.
  Result<void> load_records() {
    std::set<std::uint64_t> wanted;
    for (const GraphEdge& edge : context_) {
      if (edge.edge == Edge::approved) {
        const auto index = index_of(reader_, edge.from);
        if (!index) return pass(index);
        if (*index) wanted.insert(**index);
      } else if (edge.edge == Edge::governed) {
        const auto made = producers(reader_, edge.from);
        if (!made) return pass(made);
        for (const GraphEdge& one : *made) wanted.insert(one.index);
      } else {
        wanted.insert(edge.index);
      }
    }
    for (std::uint64_t index : wanted) {
      if (auto done = take_record(index, false); !done) return done;
    }
    for (auto& [index, stored] : taken_) answer_.records.push_back(std::move(stored));
    return {};
  }

  void name_nodes() {
    std::map<Digest, std::string> names;
    for (const StoredRecord& stored : answer_.records) {
      if (!stored.record) continue;
      for (const auto& input : stored.record->inputs) names.emplace(input.digest, input.name);
    }
    // What the producer called it wins.
    for (const StoredRecord& stored : answer_.records) {
      if (!stored.record || traits(stored.note.kind).subjects != Subjects::produced) continue;
      for (const auto& subject : stored.record->subjects) names[subject.digest] = subject.name;
    }
    for (GraphNode& node : answer_.nodes) {
      const auto name = names.find(node.digest);
      if (!node.record && name != names.end()) node.name = name->second;
    }
  }

  const LedgerReader& reader_;
  Answer answer_;
  std::map<Digest, std::uint64_t> records_;
  std::map<std::uint64_t, StoredRecord> taken_;
  std::set<GraphEdge> context_;
};

Result<void> check_known(const LedgerReader& reader, const Digest& digest) {
  const auto known = is_known(reader, digest);
  if (!known) return pass(known);
  if (*known) return {};
  return fail(Kind::not_found, "lineage.unknown",
              fmt::format("The ledger has never seen {}.", to_hex(digest)),
              "Check the file: any change of it, however small, changes its digest.");
}

Result<Answer> list_answer(const LedgerReader& reader, std::string question,
                           const std::vector<std::uint64_t>& indices) {
  Closure closure;
  for (std::uint64_t index : indices) {
    const auto note = record_note(reader, index);
    if (!note) return pass(note);
    closure.nodes.insert(note->leaf_hash);
  }
  return Builder(reader, std::move(question)).build({}, std::move(closure));
}

// Records of a kind among those that cite or speak of something.
Result<std::vector<StoredRecord>> select(const LedgerReader& reader,
                                         const std::vector<GraphEdge>& edges, RecordKind kind) {
  std::vector<StoredRecord> out;
  for (const GraphEdge& edge : edges) {
    const auto note = record_note(reader, edge.index);
    if (!note) return pass(note);
    if (note->kind != kind) continue;
    auto record = stored_record(reader, edge.index);
    if (!record) return pass(record);
    out.push_back(std::move(*record));
  }
  return out;
}

// Bytes that a record says have left.
std::uint64_t bytes_of(const Record& record) {
  if (const auto bytes = count_at(record.details, "bytes")) return *bytes;
  const Json* manifest = record.details.find("manifest");
  const Json* shards = manifest == nullptr ? nullptr : manifest->find("shards");
  std::uint64_t sum = 0;
  if (shards == nullptr || shards->items() == nullptr) return sum;
  for (const Json& shard : *shards->items()) sum += count_at(shard, "sealed_bytes").value_or(0);
  return sum;
}

// The predictions that were made from what a request sent.
Result<std::vector<StoredRecord>> predicted_from(const LedgerReader& reader, const Digest& sent) {
  const auto uses = edges_of(reader, sent, Direction::forward, Edge::used);
  if (!uses) return pass(uses);
  return select(reader, *uses, RecordKind::prediction_batch);
}

Result<void> check_organisation(const LedgerReader& reader, std::string_view org) {
  const auto found = find_records(reader, {.table = 'O', .name = org, .kinds = {}, .limit = 1});
  if (!found) return pass(found);
  if (!found->empty()) return {};
  const auto keys = all_keys(reader);  // enrolled, and has written nothing yet
  if (!keys) return pass(keys);
  std::set<std::string> known;
  for (const KeyState& one : *keys) known.insert(one.org);
  if (known.contains(std::string(org))) return {};
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
  return fail(Kind::not_found, "lineage.unknown",
              fmt::format("The ledger knows no site or organisation '{}'.", org.substr(0, 100)),
              fmt::format("It knows: {}.", names));
}

Result<Departure> departure_of(const LedgerReader& reader, StoredRecord sent) {
  Departure out;
  std::vector<GraphEdge> cited;
  if (sent.record) {
    out.bytes = bytes_of(*sent.record);
    for (const Digest& approval : sent.record->approvals) {
      const auto index = index_of(reader, approval);
      if (!index) return pass(index);
      if (*index) cited.push_back({approval, approval, Edge::approved, **index});
    }
    for (const Input& input : sent.record->inputs) {
      const auto made = producers(reader, input.digest);
      if (!made) return pass(made);
      cited.insert(cited.end(), made->begin(), made->end());
    }
    const auto talk =
        edges_of(reader, sent.record->subjects.front().digest, Direction::forward, Edge::about);
    if (!talk) return pass(talk);
    auto received = select(reader, *talk, RecordKind::transfer_received);
    if (!received) return pass(received);
    auto answered = predicted_from(reader, sent.record->subjects.front().digest);
    if (!answered) return pass(answered);
    std::move(answered->begin(), answered->end(), std::back_inserter(*received));
    for (auto& one : *received) {
      // Other sites cannot have received it: only whoever carries it or whom it is sealed to.
      const bool may_receive = one.record && one.record->actor.role != Role::site_agent;
      if (may_receive && one.index > sent.index && !out.received) out.received = std::move(one);
    }
  }
  auto permits = select(reader, cited, RecordKind::permit_granted);
  if (!permits) return pass(permits);
  out.permits = std::move(*permits);
  out.sent = std::move(sent);
  return out;
}

}  // namespace

std::string_view to_string(Edge edge) {
  switch (edge) {
    case Edge::used:
      return "used";
    case Edge::generated:
      return "generated";
    case Edge::about:
      return "about";
    case Edge::approved:
      return "approved";
    case Edge::governed:
      return "governed";
    case Edge::invalidated:
      return "invalidated";
    case Edge::contains:
      break;
  }
  return "contains";
}

Digest closure_digest(std::vector<Digest> nodes) {
  std::sort(nodes.begin(), nodes.end());
  crypto::Sha256 hash;
  for (const Digest& node : nodes) hash.add(as_bytes(to_hex(node) + "\n"));
  return hash.finish();
}

Result<Answer> trace_back(const LedgerReader& reader, const Digest& digest,
                          const LineageLimits& limits) {
  if (auto known = check_known(reader, digest); !known) return pass(known);
  auto closure = walk(reader, {digest}, Direction::back, limits.nodes_max);
  if (!closure) return pass(closure);
  return Builder(reader, "trace").build({digest}, std::move(*closure));
}

Result<Answer> trace_forward(const LedgerReader& reader, const std::vector<Digest>& digests,
                             const LineageLimits& limits) {
  for (const Digest& digest : digests) {
    if (auto known = check_known(reader, digest); !known) return pass(known);
  }
  auto closure = walk(reader, digests, Direction::forward, limits.nodes_max);
  if (!closure) return pass(closure);
  return Builder(reader, "impact").build(digests, std::move(*closure));
}

Result<Answer> explain(const LedgerReader& reader, const Digest& prediction) {
  auto answer = trace_back(reader, prediction);
  if (!answer) return answer;
  const auto batches = edges_of(reader, prediction, Direction::back, Edge::contains);
  if (!batches) return pass(batches);
  if (batches->empty()) return answer;
  const auto entries = batch_entries(reader, batches->back().from);
  if (!entries) return pass(entries);
  std::vector<Prediction> predictions;
  std::optional<std::uint64_t> place;
  for (const Bytes& entry : *entries) {
    const auto one = parse_prediction(entry);
    if (!one) return pass(one);
    if (one->output == prediction) place = predictions.size();
    predictions.push_back(*one);
  }
  if (!place) {
    return fail(Kind::corrupt, "ledger.damaged",
                "The batch that holds the prediction cannot be read back.");
  }
  auto proof = prove_prediction(predictions, *place);
  if (!proof) return pass(proof);
  answer->prediction = std::move(*proof);
  return answer;
}

Result<Answer> history(const LedgerReader& reader, const StudyId& study) {
  const auto indices =
      find_records(reader, {.table = 'Y', .name = study.text(), .kinds = {}, .limit = SIZE_MAX});
  if (!indices) return pass(indices);
  if (indices->empty()) {
    return fail(Kind::not_found, "lineage.unknown",
                fmt::format("The ledger has no study '{}'.", study),
                "`cloister study list` names the studies.");
  }
  auto answer = list_answer(reader, "history", *indices);
  if (answer) answer->argument = study.text();
  return answer;
}

Result<Answer> under_policy(const LedgerReader& reader, const Digest& policy) {
  if (auto known = check_known(reader, policy); !known) return pass(known);
  const auto edges = edges_of(reader, policy, Direction::forward, Edge::governed);
  if (!edges) return pass(edges);
  if (edges->empty()) {
    const auto made = producers(reader, policy);
    if (!made) return pass(made);
    const auto published = select(reader, *made, RecordKind::policy_published);
    if (!published) return pass(published);
    if (published->empty()) {
      return fail(
          Kind::not_found, "lineage.no_policy",
          fmt::format("{} is in the ledger, but is no policy.", to_hex(policy)),
          "Give a policy's file, or its digest: `cloister audit trace` shows which policy a "
          "record was made under.");
    }
  }
  std::vector<std::uint64_t> indices;
  for (const GraphEdge& edge : *edges) indices.push_back(edge.index);
  auto answer = list_answer(reader, "policy", indices);
  if (answer) answer->asked = {policy};
  return answer;
}

Result<Responsible> who(const LedgerReader& reader, const Digest& leaf_hash) {
  const auto index = index_of(reader, leaf_hash);
  if (!index) return pass(index);
  if (!*index) {
    return fail(Kind::not_found, "lineage.unknown",
                fmt::format("The ledger has no record {}.", to_hex(leaf_hash)),
                "Give the 64 digits that a command which signs prints after 'record'.");
  }
  auto record = stored_record(reader, **index);
  if (!record) return pass(record);
  const auto bytes = leaf_at(reader, **index);
  if (!bytes) return pass(bytes);
  const auto leaf = parse_leaf(*bytes);
  if (!leaf) return pass(leaf);
  auto key = key_state(reader, leaf->public_key);
  if (!key) return pass(key);
  Responsible out;
  // A root that no record bound: trusted from the start.
  out.key =
      *key ? **key
           : KeyState{
                 record->note.signer, Role::consortium_admin, record->note.org, leaf->public_key, 0,
                 std::nullopt};
  if (*key) {
    auto binding = stored_record(reader, out.key.valid_from);
    if (!binding) return pass(binding);
    out.binding = std::move(*binding);
  }
  const auto approvals = edges_of(reader, leaf_hash, Direction::back, Edge::approved);
  if (!approvals) return pass(approvals);
  for (const GraphEdge& edge : *approvals) {
    const auto at = index_of(reader, edge.from);
    if (!at) return pass(at);
    if (!*at) continue;
    auto approval = stored_record(reader, **at);
    if (!approval) return pass(approval);
    out.approvals.push_back(std::move(*approval));
  }
  out.record = std::move(*record);
  return out;
}

Result<Answer> who_answer(const LedgerReader& reader, const Digest& leaf_hash) {
  const auto responsible = who(reader, leaf_hash);
  if (!responsible) return pass(responsible);
  std::vector<std::uint64_t> indices{responsible->record.index};
  if (responsible->binding) indices.push_back(responsible->binding->index);
  for (const auto& approval : responsible->approvals) indices.push_back(approval.index);
  auto answer = list_answer(reader, "who", indices);
  if (answer) answer->asked = {leaf_hash};
  return answer;
}

Result<Answer> egress_answer(const LedgerReader& reader, const std::string& org) {
  const auto departures = egress(reader, org);
  if (!departures) return pass(departures);
  std::vector<std::uint64_t> indices;
  for (const Departure& one : *departures) {
    indices.push_back(one.sent.index);
    if (one.received) indices.push_back(one.received->index);
    for (const auto& permit : one.permits) indices.push_back(permit.index);
  }
  auto answer = list_answer(reader, "egress", indices);
  if (answer) answer->argument = org;
  return answer;
}

Result<std::vector<Departure>> egress(const LedgerReader& reader, std::string_view org) {
  if (auto known = check_organisation(reader, org); !known) return pass(known);
  const auto indices =
      find_records(reader, {.table = 'O',
                            .name = org,
                            .kinds = {RecordKind::transfer_sent, RecordKind::dataset_encoded},
                            .limit = SIZE_MAX});
  if (!indices) return pass(indices);
  std::vector<Departure> out;
  for (std::uint64_t index : *indices) {
    auto sent = stored_record(reader, index);
    if (!sent) return pass(sent);
    // Other encoded datasets stay at the site until a transfer sends them.
    const bool is_request = sent->record && sent->record->purpose == "prediction";
    if (sent->note.kind == RecordKind::dataset_encoded && !is_request) continue;
    auto departure = departure_of(reader, std::move(*sent));
    if (!departure) return pass(departure);
    out.push_back(std::move(*departure));
  }
  return out;
}

}  // namespace cloister::provenance
