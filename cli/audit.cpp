#include "cli/audit.h"

#include <set>

#include "base/file.h"
#include "cli/file_digest.h"
#include "provenance/bundle.h"
#include "provenance/lineage_text.h"

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

Result<void> must_be_empty(const std::filesystem::path& folder) {
  std::error_code problem;
  if (std::filesystem::exists(folder, problem) && !std::filesystem::is_empty(folder, problem)) {
    return fail(Kind::conflict, "export.exists", fmt::format("{} is not empty.", folder.string()),
                "Name a new folder.");
  }
  return make_folder(folder);
}

Result<void> write_files(const std::filesystem::path& folder,
                         const provenance::BundleFiles& files) {
  for (const auto& [name, content] : files) {
    const auto path = folder / name;
    if (auto made = make_folder(path.parent_path()); !made) return made;
    if (auto written = write_file(path, content); !written) return written;
  }
  return {};
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
  auto answer = provenance::trace_back(replica.ledger, *digest);
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
  return told;
}

Result<provenance::BundleFiles> make_evidence(const Replica& replica,
                                              const provenance::Answer* about) {
  provenance::BundlePlan plan;
  plan.checkpoint = replica.checkpoint;
  plan.policy = replica.policy;
  plan.roots = replica.rules.roots;
  plan.answer = about;
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

Result<Answer> audit_export(const Replica& replica, const ExportOptions& options) {
  if (auto empty = must_be_empty(options.folder); !empty) return pass(empty);
  std::optional<provenance::Answer> about;
  if (!options.about.empty()) {
    auto digest = digest_of(options.about);
    if (!digest) return pass(digest);
    auto answer = provenance::trace_back(replica.ledger, *digest);
    if (!answer) return pass(answer);
    about = std::move(*answer);
  }
  auto files = make_evidence(replica, about ? &*about : nullptr);
  if (!files) return pass(files);
  if (auto written = write_files(options.folder, *files); !written) return pass(written);
  Answer told;
  const std::string folder = options.folder.string();
  told.text = fmt::format(
      "{} files in {}, holding {} records.\nCheck them anywhere, offline: cloister-verify {}\n"
      "Read {}/README.md for other people's tools.\n",
      files->size(), folder, replica.head.size, folder, folder);
  told.json.set("folder", folder)
      .set("files", std::uint64_t{files->size()})
      .set("records", replica.head.size);
  return told;
}

}  // namespace cloister::cli
