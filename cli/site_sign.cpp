// What a site's people sign.
#include <algorithm>

#include "base/file.h"
#include "cli/json_read.h"
#include "cli/site.h"
#include "crypto/hash.h"
#include "transport/event_loop.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

Pen pen_of(const SitePerson& person) {
  return {person.identity, person.membership.role, person.membership.site};
}

Result<OfferedJob> offered(AgentLine& agent, const std::string& job, const Decision& decision) {
  auto told = agent.ask("show", Json::object().set("job", job));
  if (!told) return pass(told);
  if (auto ok = check_decision(job, text_or_empty(*told, "state"), decision); !ok) return pass(ok);
  auto spec = provenance::digest_at(*told, "spec_digest");
  if (!spec) return pass(spec);
  return OfferedJob{JobId::trusted(text_or_empty(*told, "id")),
                    StudyId::trusted(text_or_empty(*told, "study")), *spec};
}

Result<Answer> put(AgentLine& agent, const SitePerson& person, provenance::Record record,
                   std::string text) {
  AgentDesk desk(agent);
  auto leaves = sign_and_submit(desk, pen_of(person), {std::move(record)});
  if (!leaves) return pass(leaves);
  return signed_answer(std::move(text), leaves->front(), person.membership.member);
}

// Where the coordinator is not reached nothing can be signed; a job can be stopped all the same.
tl::unexpected<Error> stopped_unsigned(AgentLine& agent, const std::string& job,
                                       const Error& reason) {
  auto stopped = agent.ask("stop-here", Json::object().set("job", job));
  if (!stopped) return tl::unexpected<Error>(reason);
  return fail(Kind::unavailable, "decide.unsigned",
              fmt::format("'{}' is stopped on this machine, but not signed: {}", job, reason.what),
              "It stays stopped here. Run the same command again once the coordinator is reached: "
              "that signs it.");
}

std::string signed_text(const std::vector<provenance::Indicator>& indicators) {
  std::string text = "Exception signed:\n";
  for (const auto& one : indicators) text += fmt::format("  {} = {:.4g}\n", one.name, one.value);
  return text;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<Leaving> leaving_of(const Json& preview, const std::string& site) {
  Leaving leaving;
  leaving.study = StudyId::trusted(text_or_empty(preview, "study"));
  leaving.site = site;
  leaving.recipient = text_or_empty(preview, "recipient");
  leaving.recipient_seal = text_or_empty(preview, "recipient_key");
  auto manifest = provenance::digest_at(preview, "manifest");
  if (!manifest) return pass(manifest);
  auto report = provenance::digest_at(preview, "report");
  if (!report) return pass(report);
  leaving.manifest = *manifest;
  leaving.report = *report;
  return leaving;
}

Result<Answer> site_decide(AgentLine& agent, const SitePerson& person, const std::string& job,
                           const Decision& decision) {
  const bool refuses =
      decision.word == "deny" || decision.word == "hold" || decision.word == "abort";
  if (refuses) {
    if (auto given = needs_reason(decision.reason); !given) return pass(given);
  }
  auto offer = offered(agent, job, decision);
  if (!offer) return pass(offer);
  auto answer = put(agent, person, decision_record(*offer, decision),
                    fmt::format("Decided '{}' for {}.\n", decision.word, job));
  if (!answer && refuses && answer.error().code.starts_with("connection.")) {
    return stopped_unsigned(agent, job, answer.error());
  }
  return answer;
}

Result<Answer> site_release(AgentLine& agent, const SitePerson& person, const std::string& study,
                            const std::string& reason) {
  auto preview = preview_of(agent, study);
  if (!preview) return pass(preview);
  for (const Json& one : items_at(*preview, "gate")) {
    if (!truth_at(one, "needs_exception") || truth_at(one, "excepted")) continue;
    return fail(
        Kind::forbidden, "release.gate",
        fmt::format("The gate did not pass '{}', and no exception names it.",
                    text_or_empty(one, "indicator")),
        "Look at `cloister site preview`. If the codes are to leave nevertheless, a steward "
        "signs `cloister site exception` with a reason.");
  }
  auto leaving = leaving_of(*preview, person.membership.site);
  if (!leaving) return pass(leaving);
  return put(agent, person, release_permit(*leaving, reason),
             fmt::format("Released: {:.0f} patients' codes, {:.0f} bytes, to {} only.\n",
                         number_at(*preview, "patients"), number_at(*preview, "bytes"),
                         leaving->recipient));
}

Result<Answer> site_release_decoder(AgentLine& agent, const SitePerson& person,
                                    const std::string& study, const std::string& reason) {
  if (auto given = needs_reason(reason); !given) return pass(given);
  auto preview = preview_of(agent, study);
  if (!preview) return pass(preview);
  if (!truth_at(*preview, "mask_decoder_leaves")) {
    return fail(Kind::not_found, "release.no_decoder",
                "This study does not ask for the site's mask decoder.",
                "Only a study in the mode 'guided' does; `cloister site preview` shows it.");
  }
  auto leaving = leaving_of(*preview, person.membership.site);
  if (!leaving) return pass(leaving);
  return put(agent, person, decoder_permit(*leaving, reason),
             fmt::format("Released: this site's mask decoder, to {} only, who can now read this "
                         "site's masks.\n",
                         leaving->recipient));
}

Result<Answer> site_exception(AgentLine& agent, const SitePerson& person,
                              const ExceptionOptions& options) {
  if (auto given = needs_reason(options.reason); !given) return pass(given);
  auto preview = preview_of(agent, options.study);
  if (!preview) return pass(preview);
  auto leaving = leaving_of(*preview, person.membership.site);
  if (!leaving) return pass(leaving);
  std::vector<provenance::Indicator> indicators;
  for (const Json& one : items_at(*preview, "gate")) {
    const std::string name = text_or_empty(one, "indicator");
    const bool asked = options.indicators.empty()
                           ? truth_at(one, "needs_exception") && !truth_at(one, "excepted")
                           : holds(options.indicators, name);
    if (!asked) continue;
    provenance::Indicator indicator;
    indicator.name = name;
    indicator.value = number_at(one, "value");
    indicator.test_digest = leaving->report;
    indicators.push_back(std::move(indicator));
  }
  if (indicators.empty()) {
    return fail(Kind::not_found, "exception.nothing",
                "No indicator needs an exception, or none of that name is in the report.",
                "`cloister site preview` lists the indicators.");
  }
  std::string text = signed_text(indicators);
  return put(agent, person, exception_permit(*leaving, std::move(indicators), options.reason),
             std::move(text));
}

Result<Answer> site_model_exception(AgentLine& agent, const SitePerson& person,
                                    const ModelExceptionOptions& options) {
  const ExceptionOptions& asked = options.exception;
  if (auto given = needs_reason(asked.reason); !given) return pass(given);
  auto told = agent.ask("evaluation", Json::object().set("study", asked.study));
  if (!told) return pass(told);
  if (auto same = check_evaluated(options.model, text_or_empty(*told, "model")); !same) {
    return pass(same);
  }
  auto evaluation = provenance::digest_at(*told, "evaluation");
  if (!evaluation) return pass(evaluation);
  std::vector<provenance::Indicator> indicators;
  for (const Json& one : items_at(*told, "membership")) {
    const std::string name = text_or_empty(one, "name");
    const std::string verdict = text_or_empty(one, "verdict");
    const bool is_meant = asked.indicators.empty() ? verdict != "pass" && verdict != "warn"
                                                   : holds(asked.indicators, name);
    if (is_meant) indicators.push_back({name, number_at(one, "value"), 0, *evaluation, false});
  }
  if (indicators.empty()) {
    return fail(Kind::not_found, "exception.nothing",
                "No test of the network failed here, or none of that name was made.",
                "`cloister study report` shows the tests; accept the network with `cloister site "
                "accept-model`.");
  }
  const Leaving about{StudyId::trusted(asked.study),
                      person.membership.site,
                      options.model,
                      *evaluation,
                      text_or_empty(*told, "recipient"),
                      text_or_empty(*told, "recipient_key")};
  std::string text = signed_text(indicators);
  return put(agent, person, model_exception(about, std::move(indicators), asked.reason),
             std::move(text));
}

Result<Answer> site_standing(AgentLine& agent, const SitePerson& person, const std::string& study,
                             const std::string& reason) {
  auto told = agent.ask("study", Json::object().set("study", study));
  if (!told) return pass(told);
  Leaving leaving;  // no manifest: whatever a person here asks to have segmented
  leaving.study = StudyId::trusted(study);
  leaving.site = person.membership.site;
  leaving.recipient = text_or_empty(*told, "recipient");
  leaving.recipient_seal = text_or_empty(*told, "recipient_key");
  std::string text = fmt::format(
      "Codes of single images may leave to {} for predictions of study "
      "{}.\n",
      leaving.recipient, study);
  const bool is_usable = truth_at(*told, "learnt_from_us");
  if (!is_usable)
    text +=
        "No network has learnt from this site yet: `cloister predict` works once one has and is "
        "released.\n";
  auto answer = put(agent, person, standing_permit(leaving, reason), std::move(text));
  if (answer) answer->json.set("learnt_from_us", is_usable);
  return answer;
}

Result<Answer> site_withdraw(AgentLine& agent, const SitePerson& person,
                             const WithdrawOptions& options) {
  if (auto given = needs_reason(options.reason); !given) return pass(given);
  auto study = StudyId::parse(options.study);
  if (!study) return pass(study);
  auto told = agent.ask("withdrawable", Json::object().set("study", options.study));
  if (!told) return pass(told);
  std::vector<std::string> registered;
  for (const Json& one : items_at(*told, "datasets")) registered.push_back(*one.text());
  const auto& names = options.digests.empty() ? registered : options.digests;
  std::vector<Digest> digests;
  for (const std::string& name : names) {
    auto digest = digest_from_hex(name);
    if (!digest) return pass(digest);
    if (!holds(registered, name)) {
      return fail(Kind::not_found, "withdraw.unknown",
                  fmt::format("No data {} of this site are registered in study '{}'.",
                              name.substr(0, 12), options.study),
                  fmt::format("Registered are: {}. Without --digest all of them are withdrawn.",
                              fmt::join(registered, ", ")));
    }
    digests.push_back(*digest);
  }
  auto answer = put(
      agent, person, withdrawal(*study, digests, options.reason),
      fmt::format(
          "Withdrawn from study {0}. Everything made from it is quarantined: jobs that read "
          "it stop, and its model serves no more.\n"
          "  who has confirmed: cloister study status {0} (an auditor sees more: cloister audit "
          "withdrawals {0})\n",
          options.study));
  if (!answer) return answer;
  Json list = Json::array();
  for (const Digest& digest : digests) list.push(digest);
  answer->json.set("study", options.study).set("withdrawn", std::move(list));
  return answer;
}

Result<Digest> evaluated_model(AgentLine& agent, const std::string& study) {
  const auto told = agent.ask("evaluation", Json::object().set("study", study));
  if (!told) return pass(told);
  if (const auto model = provenance::digest_at(*told, "model"); model) return *model;
  return fail(
      Kind::conflict, "accept.model", "The agent does not say which network its evaluation is of.",
      "Name it with --model DIGEST: `cloister --json study status STUDY` shows the digest.");
}

Result<Answer> site_accept_model(AgentLine& agent, const SitePerson& person,
                                 const std::string& study, const Digest& model) {
  auto id = StudyId::parse(study);
  if (!id) return pass(id);
  return put(agent, person, model_approval(*id, model),
             fmt::format("Model {} may be released, says {}.\n", short_hex(model),
                         person.membership.site));
}

namespace {

// Looked for before the agent changes over: with a policy that nobody can sign it approves nothing.
Result<void> may_publish(AgentLine& agent, const SitePerson& person) {
  const MemberId& self = person.membership.member;
  if (person.membership.role != protocol::Role::site_admin) {
    return fail(
        Kind::forbidden, "policy.signer",
        fmt::format("'{}' is no site administrator: nothing here would follow this policy.", self),
        "A site administrator of this site signs it.");
  }
  AgentDesk desk(agent);
  auto known = desk.place_of(self);
  if (!known) return pass(known);
  return {};
}

// The file as it is now, at the place that agent.toml names: true if the agent runs with another.
Result<bool> is_news(AgentLine& agent, const std::filesystem::path& policy, const Digest& digest) {
  auto told = agent.ask("policy-file");
  if (!told) return pass(told);
  if (text_or_empty(*told, "digest") != to_hex(digest)) {
    return fail(Kind::conflict, "policy.other_file",
                fmt::format("The agent's policy is {}, and {} says something else.",
                            text_or_empty(*told, "file"), policy.string()),
                fmt::format("Sign that file, or copy this one there first: cloister site "
                            "publish-policy {} ...",
                            text_or_empty(*told, "file")));
  }
  return text_or_empty(*told, "running") != to_hex(digest);
}

// Its former life answers for a moment more, and a file that went wrong meanwhile changes nothing.
Result<AgentLine> reopen_with(const std::filesystem::path& home, const Digest& policy) {
  return reopen_process(home, [&](AgentLine& agent) -> Result<bool> {
    const auto told = agent.ask("policy-file", Json::object(), reopen_look);
    if (!told) return pass(told);
    return text_or_empty(*told, "running") == to_hex(policy);
  });
}

// After the agent took up a policy whose signature failed, or whose fate is not known.
tl::unexpected<Error> unsigned_error(Error error) {
  error.next +=
      " The agent runs with the new file already, and approves nothing by itself until it is "
      "signed: run the same command again.";
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace

Result<Answer> site_publish_policy(const std::filesystem::path& home, const SitePerson& person,
                                   const std::filesystem::path& policy) {
  auto agent = AgentLine::open(home);
  if (!agent) return pass(agent);
  auto text = read_text(policy, provenance::record_details_bytes_max / 2);
  if (!text) return pass(text);
  const Digest digest = crypto::sha256(as_bytes(*text));
  const auto is_new = is_news(*agent, policy, digest);
  if (!is_new) return pass(is_new);
  if (*is_new) {
    if (auto ok = may_publish(*agent, person); !ok) return pass(ok);
    agent = reopen_with(home, digest);
    if (!agent) {
      Error error = agent.error();
      error.next += " Nothing was signed, and the agent may still approve by its policy before.";
      return tl::unexpected<Error>(std::move(error));
    }
  }
  auto answer = put(*agent, person, published_policy(person.membership.site, *text),
                    fmt::format("The policy {} is signed{}.\n", policy.string(),
                                *is_new ? ", and the agent runs with it" : ""));
  if (!answer && *is_new) return unsigned_error(std::move(answer.error()));
  return answer;
}

}  // namespace cloister::cli
