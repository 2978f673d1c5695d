#include "site-agent/core/product_records.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::site_agent;

TEST_CASE("an evaluation knows which network it is of, and its record says so as an input",
          "[site-agent]") {
  const Digest network = digest_from_hex(std::string(64, 'a')).value();
  protocol::JobView job;
  job.id = JobId::trusted("heart-a-evaluate-1");
  job.study = StudyId::trusted("heart");
  job.kind = "evaluate";
  job.inputs = {{"model", network}};
  const auto made = make_product(job, {}, "a", {1, R"({"structures":{}})", {}, {}});
  REQUIRE(made);
  CHECK(provenance::text_or_empty(made->product.result, "model") == to_hex(network));
  const auto& inputs = made->record.inputs;
  CHECK(std::any_of(inputs.begin(), inputs.end(),
                    [&](const auto& one) { return one.digest == network && one.role == "model"; }));
}
