#include "site-agent/core/agreed.h"

#include <catch2/catch.hpp>

#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::site_agent;
using cloister::test::a_job;
using cloister::test::Consortium;

namespace {

member::Study study_of(Consortium& all, const protocol::StudyPlan& plan) {
  const auto membership = member::Membership::from(all.root(), all.bindings());
  return member::verify_study(all.study(plan), membership).value();
}

member::Stored stored(const member::Actions& actions) {
  member::Stored disk;
  for (const auto& action : actions) {
    const auto* persist = std::get_if<member::Persist>(&action);
    if (persist != nullptr && persist->value) disk[persist->key] = *persist->value;
  }
  return disk;
}

}  // namespace

TEST_CASE("every choice that differs is named with both values, and nothing else", "[site-agent]") {
  const auto changes = changes_between(
      R"({"a":1,"b":{"c":"x","d":[1,2]},"gate":[{"name":"n","fail":0.2}],"gone":true})",
      R"({"a":1,"b":{"c":"y","d":[1,3]},"gate":[{"name":"n","fail":0.3}],"new":null})");
  REQUIRE(changes.size() == 5);
  CHECK(changes[0] == Change{"b.c", "x", "y"});
  CHECK(changes[1] == Change{"b.d", "[1,2]", "[1,3]"});
  CHECK(changes[2] == Change{"gate[1].fail", "0.2", "0.3"});
  CHECK(changes[3] == Change{"gone", "true", "(none)"});
  CHECK(changes[4] == Change{"new", "(none)", "null"});
  CHECK(changes_between("{}", "{}").empty());
}

TEST_CASE("an amended plan is compared with what was approved last, after a restart too",
          "[site-agent]") {
  Consortium all;
  const auto plan = all.plan();
  Agreements fresh({});
  const auto first = study_of(all, plan);
  const auto job = a_job(plan, "encode");
  CHECK(provenance::to_jcs(compared(fresh, job, first)).find("\"first\":true") !=
        std::string::npos);
  Agreements known(stored(fresh.approved(job, first)));

  auto amended = plan;
  amended.version = 2;
  amended.budget.views = plan.budget.views + 3;
  const auto second = study_of(all, amended);
  const auto json = compared(known, a_job(amended, "encode"), second);
  REQUIRE(json.find("changes")->items()->size() == 1);
  const auto& change = json.find("changes")->items()->front();
  CHECK(provenance::text_or_empty(change, "what") == "plan.budget.views");
  CHECK(provenance::text_or_empty(change, "after") == std::to_string(amended.budget.views));
  // Another kind was never approved.
  CHECK(known.last(plan.study, "evaluate") == nullptr);
}

TEST_CASE("an amended plan needs a person once, the first version and a known one do not",
          "[site-agent]") {
  Consortium all;
  auto plan = all.plan();
  Agreements agreements({});
  CHECK_FALSE(agreements.needs_person(study_of(all, plan)));
  plan.version = 2;
  CHECK(agreements.needs_person(study_of(all, plan)));
  Agreements after(stored(agreements.person_agreed(plan.study, 2)));
  CHECK_FALSE(after.needs_person(study_of(all, plan)));
  plan.version = 3;
  CHECK(after.needs_person(study_of(all, plan)));
}
