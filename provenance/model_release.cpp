#include "provenance/model_release.h"

#include <algorithm>
#include <array>

#include "provenance/record_json.h"

namespace cloister::provenance {
namespace {

// Both are asked of every network; a report that lacks one is none.
constexpr std::array<std::string_view, 2> asked{"membership-auc", "membership-tpr"};

bool is_about(const Record& record, const Digest& model) {
  const auto names_it = [&](const auto& one) { return one.digest == model; };
  return std::any_of(record.inputs.begin(), record.inputs.end(), names_it) ||
         std::any_of(record.subjects.begin(), record.subjects.end(), names_it);
}

std::string listed(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

tl::unexpected<Error> refuse_unheard(const Digest& model, const std::set<std::string>& sites) {
  const std::string who = sites.empty() ? "any site that it learned from" : listed(sites);
  return fail(
      Kind::forbidden, "release.not_evaluated",
      fmt::format("Network {} is not yet evaluated by {}, so nobody knows whether its "
                  "training patients can be recognised by its behaviour.",
                  short_hex(model), who),
      "Wait for that evaluation: `cloister study status` says whose move it is. If the site "
      "has left, sign a plan without it (`cloister study amend`) and train again.");
}

tl::unexpected<Error> refuse_untested(const Digest& model, const std::set<std::string>& sites) {
  return fail(
      Kind::forbidden, "release.not_tested",
      fmt::format("The evaluation of network {} by {} holds no membership test: none of its "
                  "training patients, or none of those held out, could be compared.",
                  short_hex(model), listed(sites)),
      "Waiting does not help, the move is the study owner's: have that site mend its data, "
      "or leave it out, and sign the next plan (`cloister study amend`): the network that "
      "follows is tested anew.");
}

}  // namespace

void MembershipTests::take(const Record& record) {
  if (!is_about(record, model_)) return;
  if (record.kind == RecordKind::permit_granted) {
    const auto permit = permit_from(record.details);
    if (!permit || permit->type != Permit::Type::exception) return;
    for (const Indicator& one : permit->indicators) {
      excepted_[record.actor.org].emplace(one.name, one.value);
    }
    return;
  }
  if (record.kind != RecordKind::model_evaluated) return;
  std::vector<Said>& said = said_[record.actor.org];
  said.clear();
  const Json* list = record.details.find("membership");
  if (list == nullptr || list->items() == nullptr) return;
  for (const Json& one : *list->items()) {
    const Json* value = one.find("value");
    const auto number = value == nullptr ? std::nullopt : value->number();
    if (!number) continue;
    said.push_back({text_or_empty(one, "name"), text_or_empty(one, "verdict"), *number});
  }
}

MembershipTests::Open MembershipTests::open_at(const std::string& site) const {
  Open open;
  const auto found = said_.find(site);
  if (found == said_.end()) return open;
  open.is_evaluated = true;
  const auto excepted = excepted_.find(site);
  std::set<std::string> names;
  for (const Said& one : found->second) {
    names.insert(one.indicator);
    const bool is_excepted =
        excepted != excepted_.end() && excepted->second.contains({one.indicator, one.value});
    if (is_excepted || one.verdict == "pass") continue;
    (one.verdict == "warn" ? open.warned : open.failed).insert(one.indicator);
  }
  open.is_tested = std::all_of(asked.begin(), asked.end(), [&](std::string_view name) {
    return names.contains(std::string(name));
  });
  return open;
}

Result<void> MembershipTests::allow(const std::set<std::string>& sites,
                                    const std::string& reason) const {
  std::set<std::string> unheard, untested, failed, warned;
  for (const std::string& site : sites) {
    const Open open = open_at(site);
    if (!open.is_evaluated) unheard.insert(site);
    if (open.is_evaluated && !open.is_tested) untested.insert(site);
    if (!open.failed.empty()) failed.insert(site);
    if (!open.warned.empty()) warned.insert(site);
  }
  if (!untested.empty()) return refuse_untested(model_, untested);
  if (sites.empty() || !unheard.empty()) return refuse_unheard(model_, unheard);
  if (!failed.empty()) {
    return fail(Kind::forbidden, "release.failed",
                fmt::format("Training patients of {} can be recognised by the behaviour of network "
                            "{}, and no steward there signed an exception.",
                            listed(failed), short_hex(model_)),
                fmt::format("Train again with less fitting to the training patients, or ask a "
                            "steward of that site to sign `cloister site exception STUDY --model "
                            "{} --reason ...`.",
                            to_hex(model_)));
  }
  if (warned.empty() || !reason.empty()) return {};
  return fail(Kind::forbidden, "release.reason",
              fmt::format("Whether training patients can be recognised by the behaviour of network "
                          "{} is uncertain at {}, and nobody said why it is released all the same.",
                          short_hex(model_), listed(warned)),
              "Look at `cloister study report`, then release with --reason.");
}

}  // namespace cloister::provenance
