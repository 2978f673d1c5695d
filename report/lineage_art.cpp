// The walk back from a prediction as a graph for people: one box a step, coloured by who did it.
// Steps are joined where one made what the other used; job specs, approvals and single shards,
// which are in the full answer, are left out so that it stays readable.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "report/artwork.h"
#include "report/palette.h"

namespace cloister::report {
namespace {

using provenance::Edge;
using provenance::RecordKind;
using provenance::StoredRecord;

std::string words_of(const StoredRecord& stored) {
  const auto which =
      stored.record ? provenance::text_or_empty(stored.record->details, "which") : "";
  const auto kind = stored.note.kind;
  if (kind == RecordKind::raw_registered) return "data registered";
  if (kind == RecordKind::train_completed) return "pooled training";
  if (kind == RecordKind::model_produced) return "shared network";
  if (kind == RecordKind::encoder_trained) {
    return which == "tuned-mask-decoder" ? "mask decoder tuned" : which + " trained";
  }
  if (kind == RecordKind::dataset_encoded) {
    const bool request = stored.record && stored.record->purpose == "prediction";
    return request ? "image encoded" : "dataset encoded";
  }
  if (kind == RecordKind::prediction_batch) {
    const bool by_trainer = stored.record && stored.record->actor.role == provenance::Role::trainer;
    return by_trainer ? "code predicted" : "mask decoded";
  }
  return {};
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Sites in alphabetical order get the colours of the curves; everybody else is neutral.
std::map<std::string, std::size_t> colours_of(const provenance::Answer& answer) {
  std::set<std::string> sites;
  for (const StoredRecord& stored : answer.records) {
    if (stored.note.kind == RecordKind::raw_registered) sites.insert(stored.note.org);
  }
  std::map<std::string, std::size_t> places;
  for (const auto& site : sites) places.emplace(site, places.size());
  return places;
}

using Pairs = std::set<std::pair<Digest, Digest>>;

// Step -> step, through what the first made and the second used.
Pairs joined(const provenance::Answer& answer, const std::set<Digest>& steps) {
  std::map<Digest, std::vector<Digest>> makers;
  for (const auto& edge : answer.edges) {
    if (edge.edge == Edge::generated && steps.contains(edge.from))
      makers[edge.to].push_back(edge.from);
  }
  Pairs pairs;
  for (const auto& edge : answer.edges) {
    if (edge.edge != Edge::used || !steps.contains(edge.to)) continue;
    for (const Digest& maker : makers[edge.from]) pairs.emplace(maker, edge.to);
  }
  return pairs;
}

}  // namespace

Drawing lineage_of(const provenance::Answer& answer) {
  std::set<Digest> steps;
  const auto places = colours_of(answer);
  std::string dot = fmt::format(
      "digraph lineage {{\nrankdir=LR; bgcolor=\"transparent\"; ranksep=0.4; nodesep=0.16;\n"
      "node [shape=box, style=\"rounded,filled\", color=\"{0}\", fontcolor=\"{0}\", "
      "fontname=\"sans-serif\", fontsize=11, penwidth=0.8];\n"
      "edge [color=\"{0}\", penwidth=0.8, arrowsize=0.7];\n",
      stand_in::ink);
  std::string text = "Steps, oldest first:";
  for (const StoredRecord& stored : answer.records) {
    const std::string words = words_of(stored);
    if (words.empty() || !steps.insert(stored.note.leaf_hash).second) continue;
    const auto place = places.find(stored.note.org);
    dot += fmt::format("{} [label={}, fillcolor=\"{}\"];\n", quoted(to_hex(stored.note.leaf_hash)),
                       fmt::format("\"{}\\n{}\"", words, stored.note.signer),
                       place != places.end() && place->second < 3
                           ? stand_in::series_fill(place->second)
                           : stand_in::neutral_fill);
    text += fmt::format(" {} by {};", words, stored.note.signer);
  }
  for (const auto& [from, to] : joined(answer, steps)) {
    dot += fmt::format("{} -> {};\n", quoted(to_hex(from)), quoted(to_hex(to)));
  }
  text.back() = '.';
  Drawing drawing;
  drawing.id = "lineage";
  drawing.program = Program::graphviz;
  drawing.title = "From the data to the prediction: who did what, in the ledger's words";
  drawing.text = std::move(text);
  drawing.script = dot + "}\n";
  return drawing;
}

}  // namespace cloister::report
