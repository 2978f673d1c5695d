// What a finished worker made, as a product of the site and as the record that closes the job.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "member/job_records.h"
#include "member/study.h"
#include "protocol/work_messages.h"
#include "provenance/record.h"
#include "site-agent/core/products.h"

namespace cloister::site_agent {

struct Made {
  Product product;
  provenance::Record record;  // without actor, counters and approvals
};

// "worker.result": the result lacks what its kind must have.
[[nodiscard]] Result<Made> make_product(const protocol::JobView& job, const member::Study& study,
                                        const std::string& site, const member::Worked& worked);

}  // namespace cloister::site_agent
