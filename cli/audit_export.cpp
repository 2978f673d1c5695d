// What goes out of the ledger: evidence bundles, and one study's records in other people's forms.
#include "base/file.h"
#include "cli/audit.h"
#include "cli/desk.h"
#include "crypto/hash.h"
#include "exports/exports.h"
#include "provenance/withdrawal_story.h"

namespace cloister::cli {
namespace {

using provenance::BundleFiles;
using provenance::Json;

Result<void> must_be_empty(const std::filesystem::path& folder) {
  std::error_code problem;
  if (std::filesystem::exists(folder, problem) && !std::filesystem::is_empty(folder, problem)) {
    return fail(Kind::conflict, "export.exists", fmt::format("{} is not empty.", folder.string()),
                "Name a new folder.");
  }
  return {};
}

Result<void> write_files(const std::filesystem::path& folder, const BundleFiles& files) {
  for (const auto& [name, content] : files) {
    const auto path = folder / name;
    if (auto made = make_folder(path.parent_path()); !made) return made;
    if (auto written = write_file(path, content); !written) return written;
  }
  return {};
}

Result<provenance::Answer> answer_to(const Replica& replica, const ExportOptions& options) {
  if (options.question == "egress") return provenance::egress_answer(replica.ledger, options.about);
  if (options.question == "history" || options.question == "withdrawals") {
    auto study = StudyId::parse(options.about);
    if (!study) return pass(study);
    return options.question == "history" ? provenance::history(replica.ledger, *study)
                                         : provenance::withdrawals_answer(replica.ledger, *study);
  }
  auto digest = digest_of(replica.ledger, options.about);
  if (!digest) return pass(digest);
  if (options.question == "who") return provenance::who_answer(replica.ledger, *digest);
  if (options.question == "impact") return provenance::trace_forward(replica.ledger, {*digest});
  if (options.question == "policy") return provenance::under_policy(replica.ledger, *digest);
  return provenance::explain(replica.ledger, *digest);
}

Result<BundleFiles> bundle_files(const Replica& replica, const ExportOptions& options) {
  if (options.about.empty()) return make_evidence(replica, nullptr);
  auto answer = answer_to(replica, options);
  if (!answer) return pass(answer);
  return make_evidence(replica, &*answer);
}

// What left each organisation for this study.
Result<std::map<std::string, std::vector<provenance::Departure>>> departures_of(
    const Replica& replica, const provenance::Answer& history, const StudyId& study) {
  std::map<std::string, std::vector<provenance::Departure>> all;
  for (const auto& stored : history.records) {
    const std::string& org = stored.note.org;
    if (stored.note.kind != provenance::RecordKind::raw_registered || all.contains(org)) continue;
    auto departures = provenance::egress(replica.ledger, org);
    if (!departures) return pass(departures);
    std::erase_if(*departures, [&](const provenance::Departure& one) {
      return one.sent.record && one.sent.record->study != study;
    });
    all[org] = std::move(*departures);
  }
  return all;
}

Result<BundleFiles> form_files(const Replica& replica, const ExportOptions& options) {
  auto study = StudyId::parse(options.study);
  if (!study) return pass(study);
  auto history = provenance::history(replica.ledger, *study);
  if (!history) return pass(history);
  auto departures = departures_of(replica, *history, *study);
  if (!departures) return pass(departures);
  auto made = exports::to_form(options.form, {*history, replica.rules.log_origin, *departures});
  if (!made) return pass(made);
  BundleFiles files;
  for (auto& [name, text] : *made) files[name] = to_bytes(text);
  return files;
}

Result<BundleFiles> export_files(const Replica& replica, const ExportOptions& options) {
  return options.form.empty() ? bundle_files(replica, options) : form_files(replica, options);
}

// One digest for all the files: of "SHA-256 SP SP name LF" lines, sorted by name, as sha256sum
// prints them.
Digest digest_of_files(const BundleFiles& files) {
  crypto::Sha256 sum;
  for (const auto& [name, content] : files) {
    sum.add(as_bytes(fmt::format("{}  {}\n", to_hex(crypto::sha256(content)), name)));
  }
  return sum.finish();
}

Answer told_of(const Replica& replica, const ExportOptions& options, const BundleFiles& files) {
  Answer told;
  const std::string folder = options.folder.string();
  told.json.set("folder", folder)
      .set("files", std::uint64_t{files.size()})
      .set("digest", digest_of_files(files))
      .set("records", replica.head.size);
  if (options.form.empty()) {
    told.text = fmt::format(
        "{} files in {}, holding {} records.\nCheck them anywhere, offline: cloister-verify {}\n"
        "Read {}/README.md for other people's tools.\n",
        files.size(), folder, replica.head.size, folder, folder);
    return told;
  }
  told.json.set("form", options.form).set("study", options.study);
  told.text = fmt::format("Study {} as {}, at checkpoint size {}:\n", options.study, options.form,
                          replica.head.size);
  for (const auto& [name, content] : files) {
    if (!name.starts_with("records/")) told.text += fmt::format("  {}/{}\n", folder, name);
  }
  return told;
}

provenance::Record issued(const Replica& replica, const ExportOptions& options,
                          const BundleFiles& files) {
  provenance::Record record;
  record.kind = provenance::RecordKind::export_issued;
  record.stage = "audit";
  if (!options.study.empty()) record.study = StudyId::trusted(options.study);
  record.subjects = {{"export", digest_of_files(files)}};
  record.details.set("form", options.form.empty() ? "evidence-bundle" : options.form)
      .set("files", std::uint64_t{files.size()})
      .set("size", replica.head.size)
      .set("root", replica.head.root);
  return record;
}

}  // namespace

Result<Answer> audit_export(const Replica& replica, const ExportOptions& options) {
  if (auto empty = must_be_empty(options.folder); !empty) return pass(empty);
  auto files = export_files(replica, options);
  if (!files) return pass(files);
  if (auto made = make_folder(options.folder); !made) return pass(made);
  if (auto written = write_files(options.folder, *files); !written) return pass(written);
  return told_of(replica, options, *files);
}

Result<Answer> issue_export(Seat& seat, const Replica& replica, const ExportOptions& options) {
  if (auto empty = must_be_empty(options.folder); !empty) return pass(empty);
  auto files = export_files(replica, options);
  if (!files) return pass(files);
  if (auto made = make_folder(options.folder); !made) return pass(made);
  // On record first: an export that nobody can find in the ledger is not handed out.
  auto leaves = sign_and_submit(seat, {issued(replica, options, *files)});
  if (!leaves) return pass(leaves);
  if (auto written = write_files(options.folder, *files); !written) return pass(written);
  Answer told = told_of(replica, options, *files);
  told.text += fmt::format("On record as export.issued {}\n", to_hex(leaves->front()));
  told.json.set("record", leaves->front());
  return told;
}

}  // namespace cloister::cli
