#include "coordinator/core/blob_access.h"

#include <algorithm>

namespace cloister::coordinator {
namespace {

using protocol::Role;

// One patient's codes for one prediction, with room to spare.
constexpr std::uint64_t request_bytes_max = 4ULL << 30;

struct Found {
  const Study* study = nullptr;
  const Dataset* dataset = nullptr;
};

Found find_shard(const Digest& shard, const std::map<StudyId, Study>& studies) {
  for (const auto& [id, study] : studies) {
    if (const Dataset* dataset = study.dataset_of_shard(shard)) return {&study, dataset};
  }
  return {};
}

bool may_leave(const Study& study, const Dataset& dataset) {
  if (study.is_closed() || dataset.quarantined) return false;
  if (dataset.on_demand) return dataset.release || study.has_standing_permit(dataset.site);
  return dataset.release && dataset.gate_is_open();
}

std::uint64_t size_of(const Dataset& dataset, const Digest& shard) {
  for (const Shard& known : dataset.shards) {
    if (known.digest == shard) return known.bytes;
  }
  return 0;
}

// A prediction request is uploaded before its record names it (the record says what arrived): a
// steward's standing permit and a released model must be there.
bool may_request(const Member& member, const std::map<StudyId, Study>& studies) {
  if (member.role != Role::site_agent) return false;
  return std::any_of(studies.begin(), studies.end(), [&](const auto& entry) {
    const Study& study = entry.second;
    const Model* model = study.newest_model();
    return !study.is_closed() && study.has_standing_permit(member.site) && model != nullptr &&
           model->released && !model->quarantined;
  });
}

tl::unexpected<Error> not_released(const Digest& blob) {
  return fail(Kind::forbidden, "blob.not_released",
              fmt::format("No permit lets the shard {} leave its site.", short_hex(blob)),
              "A data steward of the site signs the release first.");
}

tl::unexpected<Error> forbidden(const Digest& blob) {
  return fail(Kind::forbidden, "blob.forbidden",
              fmt::format("The blob {} is not yours to send or fetch.", short_hex(blob)),
              "Only the parties of a job exchange its blobs.");
}

// The predict job of this trainer under which it sends replies.
const Job* open_prediction(const Member& member, const JobId& id,
                           const std::map<StudyId, Study>& studies) {
  for (const auto& [study_id, study] : studies) {
    const Job* job = study.job(id);
    const bool fits = job != nullptr && job->kind == "predict" && job->assignee == member.id;
    if (fits && job->may_finish() && !study.is_closed()) return job;
  }
  return nullptr;
}

}  // namespace

Result<void> may_upload(const Member& member, const protocol::BlobOpen& open,
                        const BlobView& view) {
  if (member.role == Role::trainer) {
    if (open_prediction(member, open.job, view.studies) == nullptr) return forbidden(open.digest);
    return {};
  }
  const Found found = find_shard(open.digest, view.studies);
  if (member.role != Role::site_agent) return forbidden(open.digest);
  if (found.dataset == nullptr) {
    const bool fits = open.size <= request_bytes_max && may_request(member, view.studies);
    if (fits) return {};
    return not_released(open.digest);
  }
  if (found.dataset->site != member.site) return forbidden(open.digest);
  if (!may_leave(*found.study, *found.dataset)) return not_released(open.digest);
  const std::uint64_t size = size_of(*found.dataset, open.digest);
  if (size == open.size) return {};
  return fail(Kind::invalid, "blob.size",
              fmt::format("The manifest says {} bytes for {}, the upload {}.", size,
                          short_hex(open.digest), open.size),
              "Encode again.");
}

Result<void> may_download(const Member& member, const Digest& blob, const BlobView& view) {
  if (member.role == Role::trainer) {
    const Found found = find_shard(blob, view.studies);
    const bool may = found.dataset != nullptr && !found.dataset->quarantined &&
                     found.study->plan().trainer == member.id.text() &&
                     (found.dataset->admitted || found.dataset->on_demand);
    if (may) return {};
    return forbidden(blob);
  }
  for (const auto& [id, study] : view.studies) {
    const std::string* site = study.reply_site(blob);
    if (site != nullptr && *site == member.site && member.role == Role::site_agent) return {};
  }
  return forbidden(blob);
}

Result<void> may_put_wraps(const Member& member, const protocol::PutWraps& put,
                           const BlobView& view) {
  const auto wrong_recipient = [&]() -> tl::unexpected<Error> {
    return fail(Kind::forbidden, "wrap.recipient",
                fmt::format("'{}' is not whom these keys are to be sealed to.", put.recipient),
                "Shards are sealed to the plan's trainer, replies to the site's agent.");
  };
  if (member.role == Role::trainer) {
    const Job* job = open_prediction(member, put.job, view.studies);
    if (job == nullptr) return forbidden(put.wraps.empty() ? Digest{} : put.wraps.front().shard);
    const Member* agent = view.membership.agent_of(job->site);
    if (agent == nullptr || agent->id != put.recipient) return wrong_recipient();
    return {};
  }
  for (const protocol::KeyWrap& wrap : put.wraps) {
    const Found found = find_shard(wrap.shard, view.studies);
    if (found.dataset == nullptr && may_request(member, view.studies)) {
      const auto study = view.studies.find(put.study);
      const bool fits = study != view.studies.end() &&
                        study->second.has_standing_permit(member.site) &&
                        study->second.plan().trainer == put.recipient.text();
      if (!fits) return wrong_recipient();
      continue;
    }
    if (found.dataset == nullptr || found.dataset->site != member.site ||
        member.role != Role::site_agent)
      return forbidden(wrap.shard);
    if (!may_leave(*found.study, *found.dataset)) return not_released(wrap.shard);
    if (found.study->plan().trainer != put.recipient.text()) return wrong_recipient();
  }
  return {};
}

}  // namespace cloister::coordinator
