#include <catch2/catch.hpp>

#include "cli/site_records.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

bool means_something(std::string_view state, const std::string& word) {
  const auto checked = check_decision("job-1", state, {word, "a reason"});
  if (!checked) {
    CHECK(checked.error().code == "decide.moot");
  }
  return checked.has_value();
}

}  // namespace

TEST_CASE("nobody signs a decision that changes nothing", "[cli]") {
  for (const auto* word : {"approve", "deny", "hold", "resume", "abort", "retry"})
    CHECK_FALSE(means_something("done", word));
  CHECK_FALSE(means_something("running", "retry"));
  CHECK_FALSE(means_something("approved", "resume"));
  CHECK_FALSE(means_something("aborted", "hold"));
  CHECK_FALSE(means_something("failed", "abort"));
  CHECK_FALSE(means_something("denied", "deny"));
  for (const auto* state : {"denied", "held", "running", "aborted"})
    CHECK_FALSE(means_something(state, "approve"));
}

TEST_CASE("each decision fits the states that it is for", "[cli]") {
  CHECK(means_something("offered", "approve"));
  CHECK(means_something("offered", "deny"));
  CHECK(means_something("offered", "hold"));
  CHECK(means_something("running", "hold"));
  CHECK(means_something("running", "abort"));
  CHECK(means_something("held", "resume"));
  CHECK(means_something("held", "abort"));
  for (const auto* state : {"failed", "denied", "aborted"}) CHECK(means_something(state, "retry"));
}

TEST_CASE("what a record of a reason is about does not tell the reason", "[cli]") {
  // The digests stay in the ledger when the words are erased, and must not let anybody guess them.
  const Leaving leaving{StudyId::trusted("heart"), "a", Digest{}, Digest{}, "trainer", "00"};
  const std::vector<provenance::Indicator> none;
  const auto subjects = [&](const std::string& reason) {
    std::vector<Digest> all;
    for (const auto& record :
         {release_permit(leaving, reason), decoder_permit(leaving, reason),
          exception_permit(leaving, none, reason), model_exception(leaving, none, reason),
          standing_permit(leaving, reason)})
      for (const auto& subject : record.subjects) all.push_back(subject.digest);
    return all;
  };
  CHECK(subjects("Mrs Doe asked").size() == 5);
  CHECK(subjects("Mrs Doe asked") == subjects("another"));
}

TEST_CASE("an exception for another network than the one that was evaluated is refused", "[cli]") {
  const Digest asked = digest_from_hex(std::string(64, 'a')).value();
  CHECK(check_evaluated(asked, std::string(64, 'a')));
  for (const std::string& evaluated : {std::string(64, 'b'), std::string(12, 'a'), std::string()}) {
    const auto refused = check_evaluated(asked, evaluated);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "exception.model");
    CHECK_FALSE(refused.error().next.empty());
  }
}
