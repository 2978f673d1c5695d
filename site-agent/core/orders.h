// Turns an approved job of this site into a worker's order: which inputs, which parameters, what
// becomes of each artifact. The worker's side of the contract: worker/README.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "member/actions.h"
#include "member/membership.h"
#include "member/study.h"
#include "protocol/work_messages.h"
#include "site-agent/core/policy.h"
#include "site-agent/core/products.h"

namespace cloister::site_agent {

// A reply blob of the trainer that lies in the scratch, with its key.
struct ReplyBlob {
  Digest digest;
  Bytes wrap;
};

struct OrderContext {
  const member::Study& study;
  const SitePolicy& policy;
  const Products& products;
  const std::string& site;
  const std::string& device;
  std::vector<ReplyBlob> replies;  // of tune and evaluate, in the order of the job's inputs
};

// "job.input": something it needs was never made here (another machine's vault, a lost folder).
[[nodiscard]] Result<member::RunWorker> order_for(const protocol::JobView& job,
                                                  const OrderContext& context);

// Segmenting one volume on demand: two orders for the warm worker.
struct VolumeQuestion {
  JobId job;  // a local name
  std::string image;
  std::uint32_t frame = 0;
};
[[nodiscard]] Result<member::RunWorker> encode_volume_order(const VolumeQuestion& question,
                                                            const OrderContext& context);
// `reply`: its sealed predictions; `output`: where the mask is written.
[[nodiscard]] Result<member::RunWorker> decode_volume_order(const VolumeQuestion& question,
                                                            const ReplyBlob& reply,
                                                            const std::string& output,
                                                            const OrderContext& context);

}  // namespace cloister::site_agent
