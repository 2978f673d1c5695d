// Verbs of a site's people: they ask their agent, decide, and sign with their own key.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/agent_line.h"
#include "cli/answer.h"
#include "cli/line.h"
#include "cli/site_records.h"

namespace cloister::cli {

using SitePerson = Person;  // who talks to the site's agent, and dials nobody

[[nodiscard]] Result<Answer> site_status(AgentLine& agent);
[[nodiscard]] Result<Answer> site_jobs(AgentLine& agent);
// Everything a person needs to decide: what runs, on which data, what would leave, on which basis.
[[nodiscard]] Result<Answer> site_show(AgentLine& agent, const std::string& job);
[[nodiscard]] Result<Answer> site_preview(AgentLine& agent, const std::string& study);
[[nodiscard]] Result<Answer> site_egress(AgentLine& agent);
// The agent's preview of the release that this study asks for ("preview.nothing").
[[nodiscard]] Result<provenance::Json> preview_of(AgentLine& agent, const std::string& study);

// `decision`: "approve", "resume", "retry"; or with a reason "deny", "hold", "abort".
[[nodiscard]] Result<Answer> site_decide(AgentLine& agent, const SitePerson& person,
                                         const std::string& job, const Decision& decision);
// Signs the release of a study's encoded dataset. Refuses ("release.gate") while indicators did not
// pass and no exception names them.
[[nodiscard]] Result<Answer> site_release(AgentLine& agent, const SitePerson& person,
                                          const std::string& study, const std::string& reason);
// `indicators` empty: all that did not pass.
struct ExceptionOptions {
  std::string study;
  std::vector<std::string> indicators;
  std::string reason;
};
// The same about a network that gave its training patients away: `indicators` empty means all that
// failed ("exception.nothing" if none did). "exception.model": the site evaluated another one.
struct ModelExceptionOptions {
  ExceptionOptions exception;
  Digest model;
};
[[nodiscard]] Result<Answer> site_model_exception(AgentLine& agent, const SitePerson& person,
                                                  const ModelExceptionOptions& options);
// Guided studies only: the mask decoder, apart from the codes.
[[nodiscard]] Result<Answer> site_release_decoder(AgentLine& agent, const SitePerson& person,
                                                  const std::string& study,
                                                  const std::string& reason);
[[nodiscard]] Result<Answer> site_exception(AgentLine& agent, const SitePerson& person,
                                            const ExceptionOptions& options);
// In any study of the site's, also before a network has learnt from it: the answer says so then.
[[nodiscard]] Result<Answer> site_standing(AgentLine& agent, const SitePerson& person,
                                           const std::string& study, const std::string& reason);
// Takes this site's data of the study back. `digests` empty: everything registered. Cannot be taken
// back itself: new data are registered under an amended plan.
struct WithdrawOptions {
  std::string study;
  std::vector<std::string> digests;
  std::string reason;
};
[[nodiscard]] Result<Answer> site_withdraw(AgentLine& agent, const SitePerson& person,
                                           const WithdrawOptions& options);
// The network that this site evaluated last. Errors: the agent's, where there is none.
[[nodiscard]] Result<Digest> evaluated_model(AgentLine& agent, const std::string& study);
[[nodiscard]] Result<Answer> site_accept_model(AgentLine& agent, const SitePerson& person,
                                               const std::string& study, const Digest& model);
// The agent opens its files again where the file is not the policy that runs; a worker goes on from
// its checkpoint. "policy.other_file" if agent.toml names another one, "control.not_reopened" if it
// still runs with another policy half a minute later.
[[nodiscard]] Result<Answer> site_publish_policy(const std::filesystem::path& home,
                                                 const SitePerson& person,
                                                 const std::filesystem::path& policy);

struct PredictOptions {
  std::filesystem::path image;
  std::filesystem::path output;
  std::string study;  // empty: the only one with a released network
};
[[nodiscard]] Result<Answer> predict(AgentLine& agent, const PredictOptions& options);

// What waits to leave, as the agent previews it.
[[nodiscard]] Result<Leaving> leaving_of(const provenance::Json& preview, const std::string& site);

}  // namespace cloister::cli
