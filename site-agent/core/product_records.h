// What a finished worker made, as a product of the site and as the record that closes the job.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "member/study.h"
#include "protocol/work_messages.h"
#include "provenance/record.h"
#include "site-agent/core/products.h"

namespace cloister::site_agent {

// A worker's outcome, durable.
struct Worked {
  std::uint32_t attempt = 1;
  std::string result_json;
  std::vector<member::Kept> kept;
  std::vector<Digest> commitments;  // of register-data: HMACs of images and masks, sorted
};

struct Made {
  Product product;
  provenance::Record record;  // without actor, counters and approvals
};

// "worker.result": the result lacks what its kind must have.
[[nodiscard]] Result<Made> make_product(const protocol::JobView& job, const member::Study& study,
                                        const std::string& site, const Worked& worked);

// The fields that every record about a job shares.
[[nodiscard]] provenance::Record job_record(provenance::RecordKind kind,
                                            const protocol::JobView& job,
                                            const member::Study& study);
// job.failed; docs/protocol.md has its details.
[[nodiscard]] provenance::Record failed_record(const protocol::JobView& job,
                                               const member::Study& study, const Error& error);

}  // namespace cloister::site_agent
