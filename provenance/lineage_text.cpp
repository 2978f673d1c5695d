#include "provenance/lineage_text.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/plain.h"
#include "provenance/erasure.h"

namespace cloister::provenance {
namespace {

// "words erased by sam (site-a) under record 140"
std::string erasure_of_words(const ErasedBy& by) {
  return fmt::format("words erased by {} ({}) under record {}", by.signer, by.org, by.index);
}

std::string what_of(const StoredRecord& stored) {
  std::string text = fmt::format(
      "{} by {} ({}), {}, record {}", to_string(stored.note.kind), stored.note.signer,
      stored.note.org, to_rfc3339(stored.note.issued_at).substr(0, 19) + "Z", stored.index);
  if (stored.note.outcome != Outcome::ok) text += ", NOT OK";
  if (!stored.record) text += ", payload gone";
  if (stored.erased) text += ", " + erasure_of_words(*stored.erased);
  return text;
}

// Draws the walk as an indented tree.
class Tree {
 public:
  explicit Tree(const Answer& answer) : answer_(answer), back_(answer.question != "impact") {
    for (const auto& node : answer.nodes) nodes_[node.digest] = &node;
    for (const auto& stored : answer.records) records_[stored.note.leaf_hash] = &stored;
    for (const auto& edge : answer.edges) {
      next_[back_ ? edge.to : edge.from].push_back(back_ ? edge.from : edge.to);
    }
    for (const auto& edge : answer.context) context_[edge.to].push_back(&edge);
  }

  std::string draw() {
    for (const Digest& start : answer_.asked) branch(start, "", "");
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string label(const Digest& digest) const {
    const auto record = records_.find(digest);
    if (record != records_.end()) return what_of(*record->second) + approvals(digest);
    const auto node = nodes_.find(digest);
    std::string name = node == nodes_.end() ? "" : node->second->name;
    if (name.empty()) name = "artefact";
    std::string text = fmt::format("{} {}", plain_line(name), short_hex(digest));
    if (node != nodes_.end() && node->second->quarantined) text += "  [QUARANTINED]";
    return text;
  }
  [[nodiscard]] std::string approvals(const Digest& record) const {
    std::string text;
    const auto edges = context_.find(record);
    if (edges == context_.end()) return text;
    for (const GraphEdge* edge : edges->second) {
      const auto approval = records_.find(edge->from);
      if (edge->edge == Edge::approved && approval != records_.end()) {
        text += fmt::format(", approved by {} (record {})", approval->second->note.signer,
                            approval->second->index);
      }
      if (edge->edge == Edge::governed) text += ", policy " + short_hex(edge->from);
    }
    return text;
  }
  // Depth is bounded by the chain of steps, which people make; still, no deeper than this.
  void branch(const Digest& digest, const std::string& first, const std::string& rest) {
    const bool is_new = seen_.insert(digest).second;
    const auto children = next_.find(digest);
    const bool has_more = children != next_.end();
    out_ += first + label(digest) + (is_new || !has_more ? "\n" : "  (see above)\n");
    if (!is_new || !has_more) return;
    if (rest.size() > 4000) {
      out_ += rest + "... deeper\n";
      return;
    }
    for (std::size_t i = 0; i < children->second.size(); ++i) {
      const bool is_last = i + 1 == children->second.size();
      branch(children->second[i], rest + (is_last ? "└─ " : "├─ "),
             rest + (is_last ? "   " : "│  "));
    }
  }

  const Answer& answer_;
  bool back_;
  std::map<Digest, const GraphNode*> nodes_;
  std::map<Digest, const StoredRecord*> records_;
  std::map<Digest, std::vector<Digest>> next_;
  std::map<Digest, std::vector<const GraphEdge*>> context_;
  std::set<Digest> seen_;
  std::string out_;
};

std::string closing(const Answer& answer) {
  return fmt::format(
      "\n{} nodes. Holds at checkpoint size {}, root {}.\nClosure digest {} (a replay of the "
      "exported log gives the same).\n",
      answer.nodes.size(), answer.head.size, to_hex(answer.head.root),
      to_hex(answer.closure_digest));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

// Light fills that keep black text readable, in print too.
constexpr std::string_view palette[] = {"#cfe3f7", "#fbe2bd", "#d5eccf", "#e7d7f1",
                                        "#f9d3dc", "#d2eeee", "#ece6c6", "#dedede"};

std::string node_line(const GraphNode& node) {
  const std::string name = node.name.empty() ? "artefact" : node.name;
  return fmt::format(
      "  {} [shape=ellipse, label={}{}];\n", quoted(to_hex(node.digest)),
      quoted(name + " " + short_hex(node.digest)),
      node.quarantined ? ", style=filled, fillcolor=\"#f4a6a0\", color=\"#a01010\"" : "");
}

Json edges_json(const std::vector<GraphEdge>& edges) {
  Json out = Json::array();
  for (const auto& edge : edges) {
    Json one;
    one.set("edge", to_string(edge.edge));
    one.set("from", edge.from);
    one.set("record", edge.index);
    one.set("to", edge.to);
    out.push(std::move(one));
  }
  return out;
}

}  // namespace

std::string to_tree(const Answer& answer) { return Tree(answer).draw() + closing(answer); }

std::string told_reason(const StoredRecord& stored) {
  if (stored.erased) return fmt::format("[{}]", erasure_of_words(*stored.erased));
  return stored.record ? stored.record->reason : std::string();
}

std::string told_words(const StoredRecord& stored, const std::string& words) {
  return stored.erased && words == erased_words ? told_reason(stored) : words;
}

std::string to_table(const Answer& answer) {
  std::string out = fmt::format("{:>7}  {:20}  {:18}  {:16}  {:16}  {}\n", "record", "issued",
                                "kind", "signer", "organisation", "subject");
  for (const auto& stored : answer.records) {
    std::string subject = "(payload gone)";
    if (stored.record) {
      const auto& first = stored.record->subjects.front();
      subject = plain_line(first.name) + " " + short_hex(first.digest);
      if (stored.record->subjects.size() > 1) {
        subject += fmt::format(" and {} more", stored.record->subjects.size() - 1);
      }
      if (stored.note.outcome != Outcome::ok) {
        subject += "  NOT OK: " + plain_line(stored.record->reason);
      }
      if (stored.erased) subject += "  (" + erasure_of_words(*stored.erased) + ")";
    }
    out += fmt::format("{:>7}  {:20}  {:18}  {:16}  {:16}  {}\n", stored.index,
                       to_rfc3339(stored.note.issued_at).substr(0, 19) + "Z",
                       to_string(stored.note.kind), stored.note.signer, stored.note.org, subject);
  }
  return out + closing(answer);
}

std::string to_dot(const Answer& answer) {
  std::map<std::string, std::string_view> colours;
  std::set<Digest> drawn;
  std::string out =
      "digraph lineage {\n  rankdir=LR;\n  bgcolor=\"transparent\";\n"
      "  node [fontname=\"sans-serif\", fontsize=10, color=\"#555555\"];\n"
      "  edge [color=\"#777777\", arrowsize=0.7];\n";
  for (const auto& stored : answer.records) {
    const auto colour =
        colours.try_emplace(stored.note.org, palette[colours.size() % std::size(palette)]);
    out += fmt::format(
        "  {} [shape=box, style=\"rounded,filled\", fillcolor=\"{}\", label=\"{}\\n{}\\nrecord "
        "{}\"];\n",
        quoted(to_hex(stored.note.leaf_hash)), colour.first->second, to_string(stored.note.kind),
        stored.note.signer, stored.index);
    drawn.insert(stored.note.leaf_hash);
  }
  for (const auto& node : answer.nodes) {
    if (drawn.insert(node.digest).second) out += node_line(node);
  }
  for (const auto& edge : answer.edges) {
    out += fmt::format("  {} -> {};\n", quoted(to_hex(edge.from)), quoted(to_hex(edge.to)));
  }
  for (const auto& edge : answer.context) {
    if (!drawn.contains(edge.from) || !drawn.contains(edge.to)) continue;
    out += fmt::format("  {} -> {} [style=dashed, constraint=false, label=\"{}\", fontsize=8];\n",
                       quoted(to_hex(edge.from)), quoted(to_hex(edge.to)), to_string(edge.edge));
  }
  for (const auto& [org, colour] : colours) {
    out += fmt::format("  {} [shape=box, style=filled, fillcolor=\"{}\", label={}];\n",
                       quoted("legend " + org), colour, quoted(org));
  }
  return out + "}\n";
}

Json to_json(const StoredRecord& stored) {
  Json out;
  out.set("erased", !stored.record || stored.is_remains);
  if (stored.erased) {
    out.set("erasedBy", Json()
                            .set("at", to_rfc3339(stored.erased->at))
                            .set("org", stored.erased->org)
                            .set("record", stored.erased->index)
                            .set("signer", stored.erased->signer.text()));
  }
  out.set("index", stored.index);
  out.set("issuedAt", to_rfc3339(stored.note.issued_at));
  out.set("kind", to_string(stored.note.kind));
  out.set("leafHash", stored.note.leaf_hash);
  out.set("ok", stored.note.outcome == Outcome::ok);
  out.set("org", stored.note.org);
  out.set("signer", stored.note.signer.text());
  if (!stored.record) return out;
  const Record& record = *stored.record;
  out.set("role", to_string(record.actor.role));
  if (!record.study.empty()) out.set("study", record.study.text());
  if (!record.job.empty()) out.set("job", record.job.text());
  if (!record.purpose.empty()) out.set("purpose", record.purpose);
  if (!record.actor.on_behalf_of.empty()) out.set("onBehalfOf", record.actor.on_behalf_of);
  if (record.policy) out.set("policy", record.policy->sha256);
  Json subjects = Json::array();
  for (const auto& subject : record.subjects) {
    subjects.push(Json().set("name", subject.name).set("sha256", subject.digest));
  }
  out.set("subjects", std::move(subjects));
  return out;
}

Json to_json(const Answer& answer) {
  Json nodes = Json::array();
  for (const auto& node : answer.nodes) {
    Json one;
    one.set("digest", node.digest);
    if (!node.name.empty()) one.set("name", node.name);
    one.set("quarantined", node.quarantined);
    if (node.record) one.set("record", *node.record);
    nodes.push(std::move(one));
  }
  Json records = Json::array();
  for (const auto& stored : answer.records) records.push(to_json(stored));
  Json asked = Json::array();
  for (const auto& digest : answer.asked) asked.push(digest);
  Json out;
  if (!answer.argument.empty()) out.set("argument", answer.argument);
  out.set("asked", std::move(asked));
  out.set("checkpoint", Json().set("root", answer.head.root).set("size", answer.head.size));
  out.set(
      "closure",
      Json().set("count", std::uint64_t{answer.nodes.size()}).set("digest", answer.closure_digest));
  out.set("context", edges_json(answer.context));
  out.set("edges", edges_json(answer.edges));
  out.set("nodes", std::move(nodes));
  if (answer.prediction) {
    out.set("prediction", parse_json(provenance::to_json(*answer.prediction)).value());
  }
  out.set("question", answer.question);
  out.set("records", std::move(records));
  return out;
}

Json to_json(const Responsible& responsible) {
  Json approvals = Json::array();
  for (const auto& approval : responsible.approvals) approvals.push(to_json(approval));
  Json key;
  key.set("key", to_hex(responsible.key.key.view()));
  key.set("member", responsible.key.member.text());
  key.set("org", responsible.key.org);
  if (responsible.key.revoked_at) key.set("revokedAt", *responsible.key.revoked_at);
  key.set("role", to_string(responsible.key.role));
  key.set("validFrom", responsible.key.valid_from);
  Json out;
  out.set("approvals", std::move(approvals));
  if (responsible.binding) out.set("boundBy", to_json(*responsible.binding));
  out.set("key", std::move(key));
  out.set("record", to_json(responsible.record));
  return out;
}

Json to_json(const std::vector<Departure>& departures) {
  Json out = Json::array();
  for (const auto& departure : departures) {
    Json permits = Json::array();
    for (const auto& permit : departure.permits) permits.push(to_json(permit));
    Json one;
    one.set("bytes", departure.bytes);
    one.set("permits", std::move(permits));
    if (departure.received) one.set("received", to_json(*departure.received));
    one.set("sent", to_json(departure.sent));
    out.push(std::move(one));
  }
  return out;
}

}  // namespace cloister::provenance
