#include "cli/audit.h"

#include <algorithm>
#include <set>

#include "cli/file_digest.h"
#include "provenance/bundle.h"
#include "provenance/lineage_text.h"
#include "provenance/withdrawal_story.h"

namespace cloister::cli {
namespace {

using provenance::Json;

Result<Json> json_of(const std::string& text) {
  return provenance::parse_json(text,
                                {.bytes_max = 64U << 20, .depth_max = 32, .values_max = 4'000'000});
}

Answer tree_answer(const provenance::Answer& answer) {
  Answer told;
  told.text = provenance::to_tree(answer);
  told.json = provenance::to_json(answer);
  return told;
}

// What the answer holds at, and a digest of what it names: for answers that are no closures.
void stamp(Answer& told, const provenance::TreeHead& head, std::vector<Digest> nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  const std::size_t count = nodes.size();
  const Digest digest = provenance::closure_digest(std::move(nodes));
  told.text += fmt::format(
      "Holds at checkpoint size {}, root {}.\nClosure digest {} over {} records and things (a "
      "replay of the exported log gives the same).\n",
      head.size, to_hex(head.root), to_hex(digest), count);
  told.json.set("checkpoint", Json().set("root", head.root).set("size", head.size));
  told.json.set("closure", Json().set("count", std::uint64_t{count}).set("digest", digest));
}

}  // namespace

Result<Digest> digest_of(const std::string& file_or_digest) {
  if (auto digest = digest_from_hex(file_or_digest)) return digest;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(file_or_digest, ignored)) return file_digest(file_or_digest);
  return fail(Kind::not_found, "audit.what",
              fmt::format("'{}' is neither a file nor a digest of 64 hexadecimal digits.",
                          file_or_digest.substr(0, 100)),
              "Give a prediction's file, or a digest as `audit history` prints them.");
}

Result<Answer> audit_trace(const Replica& replica, const std::string& what) {
  auto digest = digest_of(what);
  if (!digest) return pass(digest);
  auto answer = provenance::explain(replica.ledger, *digest);
  if (!answer) return pass(answer);
  return tree_answer(*answer);
}

Result<Answer> audit_impact(const Replica& replica, const std::string& what) {
  auto digest = digest_of(what);
  if (!digest) return pass(digest);
  auto answer = provenance::trace_forward(replica.ledger, {*digest});
  if (!answer) return pass(answer);
  return tree_answer(*answer);
}

Result<Answer> audit_history(const Replica& replica, const std::string& study) {
  auto id = StudyId::parse(study);
  if (!id) return pass(id);
  auto answer = provenance::history(replica.ledger, *id);
  if (!answer) return pass(answer);
  return Answer{provenance::to_table(*answer), provenance::to_json(*answer)};
}

Result<Answer> audit_policy(const Replica& replica, const std::string& policy) {
  auto digest = digest_of(policy);
  if (!digest) return pass(digest);
  auto answer = provenance::under_policy(replica.ledger, *digest);
  if (!answer) return pass(answer);
  return Answer{provenance::to_table(*answer), provenance::to_json(*answer)};
}

Result<Answer> audit_withdrawals(const Replica& replica, const std::string& study) {
  auto id = StudyId::parse(study);
  if (!id) return pass(id);
  auto stories = provenance::withdrawals(replica.ledger, *id);
  if (!stories) return pass(stories);
  Answer told;
  Json list = Json::array();
  std::vector<Digest> nodes;
  for (const auto& story : *stories) {
    told.text += provenance::to_text(story);
    list.push(provenance::to_json(story));
    if (!story.escaped.empty()) told.status = exit_status(Kind::corrupt);
    for (const auto& node : story.closure.nodes) nodes.push_back(node.digest);
  }
  if (stories->empty()) told.text = fmt::format("Nothing of study '{}' was withdrawn.\n", study);
  told.json.set("study", study).set("withdrawals", std::move(list));
  stamp(told, replica.head, std::move(nodes));
  return told;
}

Result<Answer> audit_who(const Replica& replica, const std::string& leaf) {
  auto digest = digest_of(leaf);
  if (!digest) return pass(digest);
  auto responsible = provenance::who(replica.ledger, *digest);
  if (!responsible) return pass(responsible);
  const provenance::StoredRecord& stored = responsible->record;
  Answer told;
  told.text = fmt::format(
      "record {}  {}\n  signed by    {} ({}{}{})\n  key          {}\n  bound by     {}\n",
      stored.index, to_string(stored.note.kind), stored.note.signer,
      to_string(responsible->key.role), responsible->key.org.empty() ? "" : ", ",
      responsible->key.org, crypto::fingerprint(responsible->key.key),
      responsible->binding ? responsible->binding->note.signer.text()
                           : "is a root of the consortium");
  if (stored.record && !stored.record->actor.on_behalf_of.empty()) {
    told.text += fmt::format("  on behalf of {}\n", stored.record->actor.on_behalf_of);
  }
  for (const auto& approval : responsible->approvals) {
    told.text += fmt::format("  approved by  {} (record {}, {})\n", approval.note.signer,
                             approval.index, to_string(approval.note.kind));
  }
  told.json = provenance::to_json(*responsible);
  std::vector<Digest> nodes{stored.note.leaf_hash};
  if (responsible->binding) nodes.push_back(responsible->binding->note.leaf_hash);
  for (const auto& approval : responsible->approvals) nodes.push_back(approval.note.leaf_hash);
  stamp(told, replica.head, std::move(nodes));
  return told;
}

Result<Answer> audit_egress(const Replica& replica, const std::string& site) {
  auto departures = provenance::egress(replica.ledger, site);
  if (!departures) return pass(departures);
  Answer told;
  std::uint64_t bytes = 0;
  for (const auto& one : *departures) {
    bytes += one.bytes;
    told.text += fmt::format("{}  {:>12} bytes  record {}  {}  permits:",
                             to_rfc3339(one.sent.note.issued_at), one.bytes, one.sent.index,
                             one.received ? fmt::format("received (record {})", one.received->index)
                                          : std::string("no receipt yet"));
    std::set<std::uint64_t> shown;
    for (const auto& permit : one.permits) {
      if (!shown.insert(permit.index).second) continue;
      told.text += fmt::format(" {} by {}", permit.index, permit.note.signer);
    }
    told.text += "\n";
  }
  told.text +=
      fmt::format("{} bytes left '{}' in {} transfers.\n", bytes, site, departures->size());
  told.json.set("site", site)
      .set("bytes", bytes)
      .set("departures", provenance::to_json(*departures));
  std::vector<Digest> nodes;
  for (const auto& one : *departures) {
    nodes.push_back(one.sent.note.leaf_hash);
    if (one.received) nodes.push_back(one.received->note.leaf_hash);
    for (const auto& permit : one.permits) nodes.push_back(permit.note.leaf_hash);
  }
  stamp(told, replica.head, std::move(nodes));
  return told;
}

Result<provenance::BundleFiles> make_evidence(const Replica& replica,
                                              const provenance::Answer* about) {
  provenance::BundlePlan plan;
  plan.checkpoint = replica.checkpoint;
  plan.policy = replica.policy;
  plan.roots = replica.rules.roots;
  plan.answer = about;
  // A prediction is proved by itself, so that the README's script can check the file alone.
  if (about != nullptr && about->prediction) {
    plan.predictions = {about->prediction->prediction.output};
  }
  return provenance::make_bundle(replica.ledger, plan);
}

provenance::TrustAnchors anchors(const Replica& replica) {
  return {replica.policy, replica.rules.roots};
}

Result<Answer> audit_verify(const Replica& replica) {
  auto files = make_evidence(replica, nullptr);
  if (!files) return pass(files);
  const auto verdict = provenance::verify_bundle(*files, anchors(replica));
  if (verdict.error) return tl::unexpected<Error>(*verdict.error);
  auto json = json_of(provenance::to_json(verdict));
  if (!json) return pass(json);
  return Answer{provenance::to_text(verdict), std::move(*json)};
}

}  // namespace cloister::cli
