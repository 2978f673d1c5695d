#include "site-agent/core/egress.h"

#include <algorithm>
#include <set>

namespace cloister::site_agent {
namespace {

using provenance::Json;

tl::unexpected<Error> no(std::string_view code, std::string what, std::string next) {
  return fail(Kind::forbidden, code, std::move(what), std::move(next));
}

bool is_for_decoder(const Permit& permit) {
  return permit.purposes == std::vector<std::string>{std::string(decoder_purpose)};
}

const Permit* release_permit(const ReleaseQuestion& question, bool for_decoder) {
  for (const Permit& permit : question.permits) {
    if (permit.type == "release" && permit.manifest == question.manifest.digest &&
        is_for_decoder(permit) == for_decoder) {
      return &permit;
    }
  }
  return nullptr;
}

bool has_decoder(const Manifest& manifest) {
  return std::any_of(manifest.shards.begin(), manifest.shards.end(),
                     [](const ShardEntry& shard) { return shard.purpose == decoder_purpose; });
}

// Patients, not entries: the decoder is nobody's.
std::uint64_t patients_of(const Manifest& manifest) {
  return manifest.shards.size() - (has_decoder(manifest) ? 1 : 0);
}

bool is_excepted(const ReleaseQuestion& question, const Verdict& verdict) {
  return std::any_of(question.permits.begin(), question.permits.end(), [&](const Permit& permit) {
    return permit.type == "exception" && permit.manifest == question.manifest.digest &&
           std::any_of(permit.exceptions.begin(), permit.exceptions.end(),
                       [&](const Exception& exception) {
                         return exception.indicator == verdict.indicator &&
                                exception.value == verdict.value;
                       });
  });
}

Result<void> check_gate(const ReleaseQuestion& question) {
  if (question.gate.verdicts.empty()) {
    return no("release.no_gate", "The privacy gate has reported nothing about these codes.",
              "Run the job assess-privacy first.");
  }
  for (const Verdict& verdict : question.gate.verdicts) {
    if (verdict.verdict == "pass") continue;
    const auto& required = question.policy.indicators_required;
    if (std::find(required.begin(), required.end(), verdict.indicator) != required.end()) {
      return no("release.indicator",
                fmt::format("The site's policy requires '{}' to pass; it says {}.",
                            verdict.indicator, verdict.verdict),
                "Nothing can be released; change the encoder's mode in the study.");
    }
    if (!is_excepted(question, verdict)) {
      return no("release.exception",
                fmt::format("The gate says {} on '{}' ({:.3g}), and nobody signed an exception for "
                            "that value.",
                            verdict.verdict, verdict.indicator, verdict.value),
                "A data steward looks at the report and signs an exception, or does not.");
    }
  }
  return {};
}

Result<void> check_recipient(const ReleaseQuestion& question, const Permit& permit) {
  const member::Member& trainer = question.study.trainer;
  const std::string seal = to_hex(trainer.seal.view());
  if (permit.recipient != trainer.id || permit.recipient_key != seal) {
    return no("release.recipient",
              "The permit names another recipient, or another key of it, than the certified "
              "trainer of the signed plan.",
              "Sign a new permit for the trainer and key that the preview shows.");
  }
  for (const ShardEntry& shard : question.manifest.shards) {
    if ((shard.purpose == decoder_purpose) != is_for_decoder(permit)) continue;
    if (std::find(permit.purposes.begin(), permit.purposes.end(), shard.purpose) ==
        permit.purposes.end()) {
      return no("release.purpose",
                fmt::format("The permit does not cover codes for the purpose '{}'.", shard.purpose),
                "Sign a permit that names every purpose of the manifest.");
    }
  }
  return {};
}

// With a site's mask decoder the trainer can read that site's masks: the policy must allow it, and
// a steward signs it by itself.
Result<void> check_decoder(const ReleaseQuestion& question) {
  if (!has_decoder(question.manifest)) return {};
  if (!question.policy.mask_decoder_leaves || !question.study.plan.mask_decoder_leaves) {
    return no("release.decoder_policy",
              "The dataset holds this site's mask decoder, with which the trainer can read the "
              "site's masks, and the site's policy does not allow that.",
              "Set mask_decoder_leaves = true in policy.toml and sign it, or take no part in "
              "this guided study.");
  }
  const Permit* permit = release_permit(question, true);
  if (permit == nullptr) {
    return no("release.decoder_permit",
              "No data steward of this site has signed the release of the mask decoder.",
              "`cloister site release-decoder` signs it, with a reason; or deny the release.");
  }
  return check_recipient(question, *permit);
}

Result<void> check_quota(const ReleaseQuestion& question) {
  const std::uint64_t bytes = question.left.bytes + question.manifest.bytes();
  const std::uint64_t cases = question.left.cases + question.manifest.shards.size();
  if (bytes > question.policy.leave_bytes_max || cases > question.policy.leave_cases_max) {
    return fail(
        Kind::exhausted, "release.quota",
        fmt::format("With this release {} cases and {} bytes would have left for the "
                    "study; the site's policy allows {} and {}.",
                    cases, bytes, question.policy.leave_cases_max, question.policy.leave_bytes_max),
        "Raise the limits in policy.toml, sign it and resume the job; or abort it.");
  }
  return {};
}

}  // namespace

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ShardEntry& shard : shards) sum += shard.sealed_bytes;
  return sum;
}

Result<Permit> permit_from(const member::SignedRecord& signed_record, const std::string& site) {
  const provenance::Record& record = signed_record.record;
  const member::Member& signer = signed_record.signer;
  if (record.kind != provenance::RecordKind::permit_granted || signer.site != site ||
      signer.role != protocol::Role::site_steward) {
    return no("permit.signer", "Only a data steward of this site can let something out of it.",
              "Ask a person whom the consortium bound as site-steward of this site.");
  }
  const auto details = provenance::permit_from(record.details);
  if (!details) return pass(details);
  using Type = provenance::Permit::Type;
  Permit permit;
  permit.type = details->type == Type::release    ? "release"
                : details->type == Type::standing ? "standing"
                                                  : "exception";
  permit.leaf = signed_record.leaf;
  permit.digest = record.subjects.front().digest;
  permit.recipient = MemberId::trusted(details->recipient);
  permit.recipient_key = details->recipient_key;
  permit.purposes = details->purposes;
  permit.signer = signer.id.text();
  permit.reason = details->reason;
  for (const auto& seen : details->indicators) permit.exceptions.push_back({seen.name, seen.value});
  for (const auto& input : record.inputs) {
    if (input.role == "manifest") permit.manifest = input.digest;
  }
  return permit;
}

Result<Permit> may_release(const ReleaseQuestion& question) {
  if (auto ok = check_gate(question); !ok) return pass(ok);
  const Permit* permit = release_permit(question, false);
  if (permit == nullptr) {
    return no("release.no_permit", "No data steward of this site has signed this release.",
              "Look at the preview, then sign or deny.");
  }
  if (auto ok = check_recipient(question, *permit); !ok) return pass(ok);
  if (auto ok = check_decoder(question); !ok) return pass(ok);
  if (auto ok = check_quota(question); !ok) return pass(ok);
  return *permit;
}

std::string preview_json(const ReleaseQuestion& question) {
  struct Sum {
    std::uint64_t shards = 0, bytes = 0, slices = 0, views = 0;
  };
  std::map<std::string, Sum> sums;
  for (const ShardEntry& shard : question.manifest.shards) {
    Sum& sum = sums[shard.purpose];
    sum.shards += 1;
    sum.bytes += shard.sealed_bytes;
    sum.slices += shard.slices;
    sum.views = std::max(sum.views, shard.views);
  }
  Json purposes = Json::array();
  for (const auto& [purpose, sum] : sums) {
    purposes.push(Json()
                      .set("purpose", purpose)
                      .set("patients", sum.shards)
                      .set("bytes", sum.bytes)
                      .set("slices", sum.slices)
                      .set("views", sum.views));
  }
  Json gate = Json::array();
  for (const Verdict& verdict : question.gate.verdicts) {
    gate.push(Json()
                  .set("indicator", verdict.indicator)
                  .set("value", verdict.value)
                  .set("verdict", verdict.verdict)
                  .set("needs_exception", verdict.verdict != "pass")
                  .set("excepted", is_excepted(question, verdict)));
  }
  const auto allowed = may_release(question);
  Json out;
  out.set("study", question.study.plan.study.text()).set("purpose", question.study.plan.purpose);
  out.set("legal_basis", question.study.plan.legal_basis);
  out.set("manifest", question.manifest.digest).set("report", question.gate.digest);
  out.set("recipient", question.study.trainer.id.text());
  out.set("recipient_key", to_hex(question.study.trainer.seal.view()));
  out.set("patients", patients_of(question.manifest));
  out.set("mask_decoder_leaves", has_decoder(question.manifest));
  out.set("mask_decoder_permitted", release_permit(question, true) != nullptr);
  out.set("bytes", question.manifest.bytes()).set("leaves", std::move(purposes));
  out.set("gate", std::move(gate));
  out.set("left_before",
          Json().set("bytes", question.left.bytes).set("cases", question.left.cases));
  out.set("quota", Json()
                       .set("bytes", question.policy.leave_bytes_max)
                       .set("cases", question.policy.leave_cases_max));
  out.set("may_leave", allowed.has_value());
  if (!allowed) out.set("why", allowed.error().what).set("next", allowed.error().next);
  return provenance::to_jcs(out);
}

}  // namespace cloister::site_agent
