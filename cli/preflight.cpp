#include "cli/preflight.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/child.h"
#include "cli/data_check.h"
#include "cli/json_read.h"
#include "cli/program.h"
#include "cli/worker_job.h"
#include "protocol/plan.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

constexpr Duration rehearsal_max{2 * 3'600'000};  // every image is read once
constexpr double coarser_max = 2.0;  // than the plan's spacing, before slices are mostly made up

double end_of(const Json& json, std::string_view key) {
  const auto items = items_at(json, key);
  return items.size() == 2 ? items[1].number().value_or(0) : 0;
}

std::string words_of(const Json& json, std::string_view key) {
  std::string out;
  for (const Json& item : items_at(json, key)) {
    if (item.text() != nullptr) out += (out.empty() ? "" : ", ") + *item.text();
  }
  return out;
}

Check policy_check(const Json& study) {
  const std::string why = text_or_empty(study, "policy");
  if (truth_at(study, "allowed")) return good("policy", why);
  return {"policy", false, why,
          "Leave the study, or change policy.toml and sign it with `cloister site "
          "publish-policy`."};
}

Check deadline_check(const protocol::StudyPlan& plan, Instant now) {
  if (plan.deadline.empty()) return good("deadline", "none");
  if (!protocol::is_over(plan, now))
    return good("deadline",
                fmt::format("data are encoded and networks trained up to {} (UTC)", plan.deadline));
  return {"deadline", false,
          fmt::format("{} is over: nothing new is encoded or trained", plan.deadline),
          fmt::format("Ask {} to amend the plan.", plan.owner)};
}

Check structure_check(const Json& found) {
  const Json asked = object_at(found, "asked");
  const Json seen = object_at(found, "seen");
  const std::string missing = words_of(asked, "missing");
  if (!missing.empty()) {
    return {
        "structures", false,
        fmt::format("the study asks for {}; the data do not name {} (they name {})",
                    words_of(asked, "structures"), missing, words_of(found, "declared")),
        "Name them in dataset.json if the masks have them under another name; else this study is "
        "not for these data."};
  }
  std::string what;
  std::string never;
  for (const Json& item : items_at(asked, "structures")) {
    const std::string name = item.text() == nullptr ? "" : *item.text();
    const double cases = number_at(seen, name);
    what += fmt::format("{}{} in {:.0f} of {:.0f}", what.empty() ? "" : ", ", name, cases,
                        number_at(found, "usable"));
    if (cases == 0) never += (never.empty() ? "" : ", ") + name;
  }
  if (never.empty()) return good("structures", what);
  return {"structures", false, fmt::format("{}; never seen: {}", what, never),
          "Look at more cases (`--images 0`); a mask encoder cannot learn what no mask shows."};
}

Check spacing_check(const protocol::StudyPlan& plan, const Json& found) {
  const double target = plan.budget.spacing_mm;
  const double coarsest = end_of(object_at(found, "spacing_mm"), "in_plane");
  if (target == 0) return good("spacing", "the study keeps each image's own");
  const std::string what =
      fmt::format("up to {:g} mm in plane here; the study resamples to {:g} mm", coarsest, target);
  if (coarsest <= coarser_max * target) return good("spacing", what);
  return {"spacing", false, what + ": most of each pixel would be interpolated",
          fmt::format("Ask {} for a plan with a coarser spacing_mm, or take part knowing that "
                      "results here will be poorer.",
                      plan.owner)};
}

Check size_check(const protocol::StudyPlan& plan, const Json& found) {
  const double cut = number_at(found, "outside_crop");
  const double usable = number_at(found, "usable");
  const std::string field =
      plan.budget.spacing_mm == 0
          ? fmt::format("{} pixels", plan.budget.size_px)
          : fmt::format("{:g} mm", plan.budget.size_px * plan.budget.spacing_mm);
  if (cut == 0) {
    return good("size", fmt::format("the study's field of {} holds the structures of all {:.0f} "
                                    "cases looked at",
                                    field, usable));
  }
  return {
      "size", false,
      fmt::format("in {:.0f} of {:.0f} cases the study's field of {} about the middle cuts a "
                  "structure",
                  cut, usable, field),
      fmt::format("Centre the images on the organ, or ask {} for a larger size_px.", plan.owner)};
}

struct Counted {
  double patients = 0;
  double cases = 0;
  std::string splits;
};

Counted counted(const Json& registered) {
  Counted sum;
  const Json splits = object_at(registered, "splits");
  for (const auto& [name, split] : *splits.fields()) {
    sum.patients += number_at(split, "patients");
    sum.cases += number_at(split, "cases");
    sum.splits += fmt::format("{}{} {:.0f}", sum.splits.empty() ? "" : ", ", name,
                              number_at(split, "patients"));
  }
  return sum;
}

// The agent itself refuses what the policy's limits do not allow: said here before it happens.
void limit_checks(const Json& study, const Counted& here, Checks& checks) {
  const Json limits = object_at(study, "limits");
  const double least = number_at(limits, "cases_min");
  if (here.cases < least) {
    checks.push_back({"limits", false,
                      fmt::format("{:.0f} usable cases; the site's policy takes part with no fewer "
                                  "than {:.0f}",
                                  here.cases, least),
                      "Add cases, or lower cases_min in policy.toml and sign it."});
  }
  const double most = number_at(limits, "leave_cases_max");
  const double left = number_at(object_at(study, "left"), "cases");
  if (left + here.patients > most) {
    checks.push_back(
        {"limits", false,
         fmt::format("codes of {:.0f} patients would leave and {:.0f} have; the site's "
                     "policy lets {:.0f} out for one study",
                     here.patients, left, most),
         "Raise leave_cases_max in policy.toml and sign it, or do not take part."});
    return;
  }
  checks.push_back(
      good("limits", fmt::format("codes of {:.0f} patients would leave; the policy lets "
                                 "{:.0f} out for one study",
                                 here.patients, most - left)));
}

void register_checks(const protocol::StudyPlan& plan, const Rehearsal& rehearsal, Checks& checks) {
  if (!rehearsal.registered) {
    checks.push_back(bad("patients", rehearsal.registered.error()));
    return;
  }
  const Counted here = counted(*rehearsal.registered);
  Check patients = good("patients", fmt::format("{:.0f} usable ({}); the study asks for {}",
                                                here.patients, here.splits, plan.patients_min));
  if (here.patients < plan.patients_min) {
    patients.good = false;
    patients.next = fmt::format("Add patients, or ask {} for a smaller minimum.", plan.owner);
  }
  checks.push_back(std::move(patients));
  const Json excluded = object_at(*rehearsal.registered, "excluded");
  double left_out = 0;
  std::string codes;
  for (const auto& [code, count] : *excluded.fields()) {
    left_out += count.number().value_or(0);
    codes +=
        fmt::format("{}{} {:.0f}", codes.empty() ? "" : ", ", code, count.number().value_or(0));
  }
  if (left_out == 0) {
    checks.push_back(good("left out", "no case"));
  } else if (left_out <= here.cases) {
    checks.push_back(good("left out", fmt::format("{:.0f} cases ({})", left_out, codes)));
  } else {
    checks.push_back({"left out", false,
                      fmt::format("{:.0f} cases, more than can be used ({})", left_out, codes),
                      "docs/errors.md explains each code; `--cases` names the cases."});
  }
  limit_checks(rehearsal.study, here, checks);
}

Result<Json> rehearse(const std::filesystem::path& worker, const DataPlace& place,
                      const Json& plan_json) {
  Json withdrawn = Json::array();
  for (const std::string& name : place.withdrawn) withdrawn.push(name);
  const Json job =
      Json::object()
          .set("job_id", "preflight")
          .set("kind", "register-data")
          .set("plan", plan_json)
          .set("data", Json::object().set("root", place.root))
          .set("parameters",
               Json::object().set("centre", place.centre).set("withdrawn", std::move(withdrawn)));
  return run_worker_job(worker, job, rehearsal_max);
}

}  // namespace

Checks preflight_checks(const Rehearsal& rehearsal, Instant now) {
  Checks checks{policy_check(rehearsal.study)};
  const auto plan = protocol::plan_from_json(to_jcs(object_at(rehearsal.study, "plan_json")));
  if (!plan) {
    checks.push_back(bad("plan", plan.error()));
    return checks;
  }
  checks.push_back(deadline_check(*plan, now));
  checks.push_back(structure_check(rehearsal.found));
  if (number_at(rehearsal.found, "usable") > 0) {
    checks.push_back(spacing_check(*plan, rehearsal.found));
    checks.push_back(size_check(*plan, rehearsal.found));
  }
  register_checks(*plan, rehearsal, checks);
  for (Check& check : problem_checks(rehearsal.found)) checks.push_back(std::move(check));
  return checks;
}

Result<Answer> preflight(AgentLine& agent, const PreflightOptions& options) {
  auto study = agent.ask("study", Json::object().set("study", options.study));
  if (!study) return pass(study);
  const Json plan_json = object_at(*study, "plan_json");
  auto place = data_place(agent);
  if (!place) return pass(place);
  auto worker = find_program(options.worker);
  if (!worker) return pass(worker);
  auto found = inspect_data(*place, {*worker, options.cases_max, options.names, plan_json});
  if (!found) return pass(found);
  auto registered = rehearse(*worker, *place, plan_json);
  const Rehearsal rehearsal{std::move(*study), std::move(*found), std::move(registered)};
  Answer answer = answer_of(preflight_checks(rehearsal, SystemClock().now()));
  answer.text = fmt::format("Study {} against the data in {} ({:.0f} of {:.0f} cases looked at)\n",
                            options.study, place->root, number_at(rehearsal.found, "opened"),
                            number_at(rehearsal.found, "cases")) +
                answer.text + "Nothing was signed or sent: this stays at the site.\n";
  answer.json.set("study", options.study).set("data", rehearsal.found);
  if (rehearsal.registered) answer.json.set("registered", *rehearsal.registered);
  return answer;
}

void add_preflight(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "preflight", "What a study asks of this site's data and policy, before anybody accepts");
  const auto options = std::make_shared<PreflightOptions>();
  const auto agent = std::make_shared<std::filesystem::path>();
  verb->add_option("STUDY", options->study)->required();
  verb->add_option("--agent", *agent, "The agent's folder")->envname("CLOISTER_AGENT")->required();
  verb->add_option("--worker", options->worker, "Worker program")->capture_default_str();
  verb->add_option("--images", options->cases_max,
                   "How many cases to look at for spacing, size and labels; 0: all")
      ->capture_default_str();
  verb->add_flag("--cases", options->names, "Name the cases that something is wrong with");
  verb->footer("Example:\n  cloister site preflight heart-1 --agent /var/lib/cloister");
  verb->callback([&choice, options, agent] {
    choice.run = [options, agent]() -> Result<Answer> {
      auto line = AgentLine::open(*agent);
      if (!line) return pass(line);
      return preflight(*line, *options);
    };
  });
}

}  // namespace cloister::cli
