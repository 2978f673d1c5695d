#include "coordinator/core/answers.h"

#include <catch2/catch.hpp>
#include <limits>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

Json told(Desk& desk, const std::string& member, const std::string& what,
          const std::string& argument = {}) {
  const auto reply = desk.ask(member, protocol::Ask{what, argument});
  REQUIRE(std::holds_alternative<protocol::Told>(reply));
  return provenance::parse_json(std::get<protocol::Told>(reply).json).value();
}

}  // namespace

TEST_CASE("a study's status says for each site what it waits for and whose move it is",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  const Json status = told(desk, "owner", "study", "heart");
  const auto& sites = *status.find("sites")->items();
  REQUIRE(sites.size() == 3);
  CHECK(provenance::text_or_empty(sites[0], "waits_for") ==
        "release: waits for exceptions, each signed by a data steward of a, for what the gate did "
        "not pass (channel-correlation), and for the release permit");
  CHECK(provenance::text_or_empty(sites[1], "waits_for") ==
        "register-data: waits for approval by the policy or a person of b");
  CHECK(provenance::text_or_empty(*sites[0].find("dataset"), "gate") == "closed");
  CHECK(told(desk, "agent-a", "study", "heart").find("sites")->items()->size() == 1);
}

TEST_CASE("every question has an answer, and an unknown one a refusal", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  for (const char* what : {"health", "members", "studies", "jobs", "egress"})
    CHECK(provenance::text_or_empty(told(desk, "auditor", what), "what") == what);
  CHECK(told(desk, "auditor", "egress").find("datasets")->items()->size() == 3);
  CHECK(told(desk, "agent-a", "egress").find("datasets")->items()->size() == 1);
  CHECK(std::holds_alternative<protocol::Refused>(
      desk.ask("auditor", protocol::Ask{"everything", ""})));
  CHECK(std::holds_alternative<protocol::Refused>(
      desk.ask("auditor", protocol::Ask{"study", "nothing"})));
}

TEST_CASE("strange numbers in a peer's progress cannot break an answer", "[coordinator]") {
  Desk desk;
  desk.open_study();
  const JobId id = desk.job("a", "register-data")->id;
  desk.approve(id, "agent-a");
  protocol::Poll poll;
  poll.progress.resize(1);
  poll.progress[0].job = id;
  poll.progress[0].phase = "reading";
  poll.progress[0].step = std::numeric_limits<std::uint64_t>::max();
  poll.progress[0].per_second = std::numeric_limits<double>::quiet_NaN();
  poll.progress[0].seconds_left = std::numeric_limits<double>::infinity();
  poll.progress[0].metrics_json = "{\"loss\": 1e999";
  desk.request("agent-a", poll);
  const Json job = told(desk, "owner", "job", id.text());
  CHECK(job.find("progress")->find("seconds_left")->number() == -1);
}
