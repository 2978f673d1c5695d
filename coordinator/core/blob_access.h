// Whose blobs and key wraps may go where. Fails closed.
//
//   upload      a site's agent: shards of its own datasets that a release permit lets out, of
//               exactly the manifest's size; requests on demand under a standing permit;
//               the trainer: replies, under a predict job of its own that may run
//   download    the trainer: shards that were admitted or requested, of its studies;
//               a site's agent: replies to its own site
//   wraps       as the blobs: to the plan's trainer, or to the agent of the job's site
//
// "blob.not_released", "blob.forbidden", "wrap.recipient".
#pragma once

#include "coordinator/core/membership.h"
#include "coordinator/core/study.h"
#include "protocol/blob_messages.h"

namespace cloister::coordinator {

struct BlobView {
  const std::map<StudyId, Study>& studies;
  const Membership& membership;
};

[[nodiscard]] Result<void> may_upload(const Member& member, const protocol::BlobOpen& open,
                                      const BlobView& view);
[[nodiscard]] Result<void> may_download(const Member& member, const Digest& blob,
                                        const BlobView& view);
[[nodiscard]] Result<void> may_put_wraps(const Member& member, const protocol::PutWraps& put,
                                         const BlobView& view);

}  // namespace cloister::coordinator
