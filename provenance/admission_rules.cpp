// Admission: what a record refers to, and who approved it.
#include <algorithm>
#include <set>

#include "provenance/admission.h"
#include "provenance/closure.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> unknown(std::string_view what, std::string_view name) {
  return fail(
      Kind::not_found, "sequencer.unknown_input",
      fmt::format("The ledger does not know the {} '{}' that the record names.", what, name),
      "Submit what comes first, first.");
}

Result<void> check_digest(const AdmissionView& view, const Record& record, const Digest& digest,
                          std::string_view what) {
  const auto known = is_known(view.ledger, digest);
  if (!known) return pass(known);
  if (!*known) return unknown(what, short_hex(digest));
  if (traits(record.kind).may_touch_quarantined) return {};
  const auto quarantined = is_quarantined(view.ledger, digest);
  if (!quarantined) return pass(quarantined);
  if (!*quarantined) return {};
  return fail(Kind::forbidden, "sequencer.quarantined",
              fmt::format("The {} {} is quarantined: what it was made from was withdrawn.", what,
                          short_hex(digest)),
              "Start again from data that still may be used.");
}

Result<void> check_subjects(const AdmissionView& view, const Record& record) {
  const KindTraits& kind = traits(record.kind);
  for (const Subject& subject : record.subjects) {
    if (kind.subjects == Subjects::about) {
      auto good = check_digest(view, record, subject.digest, "subject");
      if (!good) return good;
    } else if (kind.subjects == Subjects::produced) {
      const auto quarantined = is_quarantined(view.ledger, subject.digest);
      if (!quarantined) return pass(quarantined);
      if (*quarantined) {
        return fail(Kind::forbidden, "sequencer.quarantined",
                    fmt::format("The product {} is quarantined.", short_hex(subject.digest)));
      }
    }
  }
  return {};
}

// A study or job is known once the record that opens it is in the ledger.
Result<void> check_opened(const AdmissionView& view, char table, std::string_view name) {
  if (name.empty()) return {};
  const auto found =
      find_records(view.ledger, {.table = table, .name = name, .kinds = {}, .limit = 1});
  if (!found) return pass(found);
  if (found->empty()) return unknown(table == 'Y' ? "study" : "job", name);
  return {};
}

bool speaks_of(const Record& approval, const Record& record) {
  if (!record.job.empty() && approval.job == record.job) return true;
  std::set<Digest> things;
  for (const auto& input : record.inputs) things.insert(input.digest);
  for (const auto& subject : record.subjects) things.insert(subject.digest);
  const auto is_named = [&](const auto& one) { return things.contains(one.digest); };
  return std::any_of(approval.inputs.begin(), approval.inputs.end(), is_named) ||
         std::any_of(approval.subjects.begin(), approval.subjects.end(), is_named);
}

tl::unexpected<Error> bad_approval(std::string what) {
  return fail(Kind::forbidden, "sequencer.approval", std::move(what),
              "Ask a person who may approve it, and cite that approval.");
}

// One cited approval; hands back the person.
Result<std::string> check_approval(const AdmissionView& view, const Record& record,
                                   const Digest& hash) {
  const auto index = index_of(view.ledger, hash);
  if (!index) return pass(index);
  if (!*index) return unknown("approval", short_hex(hash));
  const auto approval = stored_record(view.ledger, **index);
  if (!approval) return pass(approval);
  if (!approval->record) return bad_approval("A cited approval was erased and cannot be read.");
  const Record& cited = *approval->record;
  if (!traits(cited.kind).is_approval || cited.outcome != Outcome::ok) {
    return bad_approval(fmt::format("Record {} is cited as an approval and is none.", **index));
  }
  if (cited.study != record.study || !speaks_of(cited, record)) {
    return bad_approval(fmt::format("The approval in record {} is for something else.", **index));
  }
  if (record.policy && (!cited.policy || cited.policy->sha256 != record.policy->sha256)) {
    return bad_approval(
        fmt::format("The approval in record {} was given under another policy.", **index));
  }
  return cited.actor.on_behalf_of.empty() ? cited.actor.id.text() : cited.actor.on_behalf_of;
}

}  // namespace

Result<void> check_references(const AdmissionView& view, const Record& record) {
  for (const Input& input : record.inputs) {
    auto good = check_digest(view, record, input.digest, "input");
    if (!good) return good;
    if (input.leaf_index && *input.leaf_index >= view.next_index) {
      return unknown("record", fmt::format("{}", *input.leaf_index));
    }
  }
  if (auto good = check_subjects(view, record); !good) return good;
  if (record.policy) {
    const auto known = is_known(view.ledger, record.policy->sha256);
    if (!known) return pass(known);
    if (!*known) return unknown("policy", record.policy->uri);
  }
  if (record.kind != RecordKind::study_opened) {
    if (auto good = check_opened(view, 'Y', record.study.text()); !good) return good;
  }
  if (record.kind == RecordKind::job_submitted) return {};
  return check_opened(view, 'J', record.job.text());
}

Result<void> check_approvals(const AdmissionView& view, const Record& record) {
  std::set<std::string> people;
  for (const Digest& hash : record.approvals) {
    const auto person = check_approval(view, record, hash);
    if (!person) return pass(person);
    if (!people.insert(*person).second) {
      return bad_approval(fmt::format("Two of the cited approvals are by '{}'.", *person));
    }
  }
  const auto rule = view.rules.approvals_min.find(record.kind);
  const unsigned least =
      rule == view.rules.approvals_min.end() ? traits(record.kind).approvals_min : rule->second;
  if (people.size() < least) {
    return bad_approval(fmt::format("{} needs {} approval(s) and cites {}.", to_string(record.kind),
                                    least, people.size()));
  }
  return {};
}

}  // namespace cloister::provenance
