#include "cli/audit.h"

#include <algorithm>
#include <set>

#include "base/plain.h"
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

// What the answer holds at, and the digest of what it names.
void stamp(Answer& told, const provenance::Answer& answer) {
  const provenance::TreeHead& head = answer.head;
  const std::size_t count = answer.nodes.size();
  told.text += fmt::format(
      "Holds at checkpoint size {}, root {}.\nClosure digest {} over {} records and things (a "
      "replay of the exported log gives the same).\n",
      head.size, to_hex(head.root), to_hex(answer.closure_digest), count);
  told.json.set("checkpoint", Json().set("root", head.root).set("size", head.size));
  told.json.set("closure",
                Json().set("count", std::uint64_t{count}).set("digest", answer.closure_digest));
}

std::string receipt_of(const provenance::Departure& one) {
  if (!one.received) return "no receipt yet";
  const bool is_answered = one.received->note.kind == provenance::RecordKind::prediction_batch;
  return fmt::format("{} (record {})", is_answered ? "answered" : "received", one.received->index);
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  constexpr std::size_t digits_max = 7;  // longer ones are the beginning of a digest
  const bool is_number = !text.empty() && text.size() <= digits_max &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return std::nullopt;
  return std::stoull(text);
}

// The one artefact or record whose digest begins so.
Result<Digest> begun_with(const provenance::LedgerReader& ledger, const std::string& what) {
  constexpr std::size_t digits_min = 8;
  std::set<Digest> found;
  const auto bytes = from_hex(what.substr(0, what.size() / 2 * 2));
  const bool is_begin = bytes && what.size() >= digits_min && what.size() < 64;
  for (const char table : {'A', 'H'}) {
    if (!is_begin) break;
    Bytes prefix{static_cast<std::uint8_t>(table)};
    append(prefix, *bytes);
    const auto seen = ledger.scan(prefix, {}, [&](BytesView key, BytesView) {
      const auto digest = digest_from_bytes(key.subspan(1));
      if (digest && to_hex(*digest).starts_with(what)) found.insert(*digest);
      return true;
    });
    if (!seen) return pass(seen);
  }
  if (found.size() == 1) return *found.begin();
  if (found.empty()) {
    return fail(Kind::not_found, "audit.what",
                fmt::format("'{}' is no file, no record's number, and no digest, or beginning of "
                            "one, that the ledger knows.",
                            what.substr(0, 100)),
                "Give a prediction's file, or what `audit history` prints.");
  }
  return fail(Kind::conflict, "audit.unclear",
              fmt::format("{} things in the ledger begin with '{}'.", found.size(), what),
              "Give all 64 digits, as --json prints them.");
}

}  // namespace

Result<Digest> digest_of(const provenance::LedgerReader& ledger, const std::string& what) {
  if (auto digest = digest_from_hex(what)) return digest;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(what, ignored)) return file_digest(what);
  if (auto number = number_in(what)) {
    auto note = provenance::record_note(ledger, *number);
    if (note) return note->leaf_hash;
  }
  return begun_with(ledger, what);
}

Result<Answer> audit_trace(const Replica& replica, const std::string& what) {
  auto digest = digest_of(replica.ledger, what);
  if (!digest) return pass(digest);
  auto answer = provenance::explain(replica.ledger, *digest);
  if (!answer) return pass(answer);
  return tree_answer(*answer);
}

Result<Answer> audit_impact(const Replica& replica, const std::string& what) {
  auto digest = digest_of(replica.ledger, what);
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
  auto digest = digest_of(replica.ledger, policy);
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
  for (const auto& story : *stories) {
    told.text += provenance::to_text(story);
    list.push(provenance::to_json(story));
    if (!story.escaped.empty()) told.status = exit_status(Kind::corrupt);
  }
  if (stories->empty()) told.text = fmt::format("Nothing of study '{}' was withdrawn.\n", study);
  told.json.set("study", study).set("withdrawals", std::move(list));
  const auto answer = provenance::withdrawals_answer(replica.ledger, *id);
  if (!answer) return pass(answer);
  stamp(told, *answer);
  return told;
}

Result<Answer> audit_who(const Replica& replica, const std::string& leaf) {
  auto digest = digest_of(replica.ledger, leaf);
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
    told.text += fmt::format("  on behalf of {}\n", plain_line(stored.record->actor.on_behalf_of));
  }
  for (const auto& approval : responsible->approvals) {
    told.text += fmt::format("  approved by  {} (record {}, {})\n", approval.note.signer,
                             approval.index, to_string(approval.note.kind));
  }
  told.json = provenance::to_json(*responsible);
  const auto answer = provenance::who_answer(replica.ledger, *digest);
  if (!answer) return pass(answer);
  stamp(told, *answer);
  return told;
}

Result<Answer> audit_egress(const Replica& replica, const std::string& site) {
  auto departures = provenance::egress(replica.ledger, site);
  if (!departures) return pass(departures);
  Answer told;
  std::uint64_t bytes = 0;
  for (const auto& one : *departures) {
    bytes += one.bytes;
    told.text += fmt::format(
        "{}  {:>12} bytes  record {}  {}  permits:", to_rfc3339(one.sent.note.issued_at), one.bytes,
        one.sent.index, receipt_of(one));
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
  const auto answer = provenance::egress_answer(replica.ledger, site);
  if (!answer) return pass(answer);
  stamp(told, *answer);
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
