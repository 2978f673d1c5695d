#include "protocol/codec_messages.h"
#include "protocol/limits.h"
#include "protocol/work.pb.h"

namespace cloister::protocol::codec {
namespace {

using google::protobuf::RepeatedPtrField;

void write_progress(const JobProgress& from, v1::JobProgress& to) {
  to.set_job(from.job.text());
  to.set_attempt(from.attempt);
  to.set_phase(utf8(from.phase));
  to.set_step(from.step);
  to.set_steps(from.steps);
  to.set_per_second(from.per_second);
  to.set_seconds_left(from.seconds_left);
  to.set_metrics_json(utf8(from.metrics_json));
}

JobProgress read_progress(const v1::JobProgress& from, Fields& fields) {
  return JobProgress{
      .job = fields.id<JobId>("job", from.job()),
      .attempt = from.attempt(),
      .phase = fields.text("phase", from.phase(), limits::word_bytes_max),
      .step = from.step(),
      .steps = from.steps(),
      .per_second = fields.finite("per_second", from.per_second()),
      .seconds_left = fields.finite("seconds_left", from.seconds_left()),
      .metrics_json = fields.text("metrics_json", from.metrics_json(), limits::metrics_bytes_max)};
}

void write_digests(const std::vector<NamedDigest>& from, RepeatedPtrField<v1::NamedDigest>& to) {
  for (const NamedDigest& named : from) {
    v1::NamedDigest& one = *to.Add();
    one.set_name(utf8(named.name));
    one.set_digest(to_string(named.digest));
    one.set_size(named.size);
  }
}

std::vector<NamedDigest> read_digests(const RepeatedPtrField<v1::NamedDigest>& from,
                                      Fields& fields) {
  std::vector<NamedDigest> to;
  if (!fields.count("digests", from.size(), limits::digests_in_job_max)) return to;
  for (const v1::NamedDigest& named : from) {
    to.push_back({.name = fields.text("name", named.name(), limits::word_bytes_max),
                  .digest = fields.digest("digest", named.digest()),
                  .size = named.size()});
  }
  return to;
}

void write_job(const JobView& from, v1::JobView& to) {
  to.set_id(from.id.text());
  to.set_study(from.study.text());
  to.set_kind(from.kind);
  to.set_assignee(from.assignee.text());
  to.set_site(from.site);
  to.set_attempt(from.attempt);
  to.set_state(static_cast<v1::JobState>(from.state));
  to.set_spec_json(utf8(from.spec_json));
  to.set_spec_digest(to_string(from.spec_digest));
  write_digests(from.inputs, *to.mutable_inputs());
  write_digests(from.outputs, *to.mutable_outputs());
  to.set_waits_for(utf8(from.waits_for));
  to.set_since_ms(from.since.unix_milliseconds());
  if (!from.progress.job.empty()) write_progress(from.progress, *to.mutable_progress());
}

JobView read_job(const v1::JobView& from, Fields& fields) {
  JobView to{.id = fields.id<JobId>("id", from.id()),
             .study = fields.id<StudyId>("study", from.study()),
             .kind = fields.text("kind", from.kind(), limits::word_bytes_max),
             .assignee = fields.optional_id<MemberId>("assignee", from.assignee()),
             .site = fields.site(from.site()),
             .attempt = from.attempt()};
  if (from.state() < 1 || from.state() > 8) {
    fields.wrong("state", "is none that this version knows");
  } else {
    to.state = static_cast<JobState>(from.state());
  }
  to.spec_json = fields.text("spec_json", from.spec_json(), limits::text_bytes_max);
  to.spec_digest = fields.digest("spec_digest", from.spec_digest());
  to.inputs = read_digests(from.inputs(), fields);
  to.outputs = read_digests(from.outputs(), fields);
  to.waits_for = fields.text("waits_for", from.waits_for(), limits::sentence_bytes_max);
  to.since = Instant(from.since_ms());
  if (from.has_progress()) to.progress = read_progress(from.progress(), fields);
  return to;
}

StudyView read_study(const v1::StudyView& from, Fields& fields) {
  StudyView to{.study = fields.id<StudyId>("study", from.study()),
               .phase = fields.text("phase", from.phase(), limits::word_bytes_max),
               .opened = fields.bytes("opened", from.opened(), limits::envelope_bytes_max)};
  if (!fields.count("more", from.more_size(), limits::records_max)) return to;
  for (const std::string& envelope : from.more()) {
    to.more.push_back(fields.bytes("more", envelope, limits::envelope_bytes_max));
  }
  return to;
}

}  // namespace

void write(const Poll& from, v1::Poll& to) {
  to.set_seen_version(from.seen_version);
  to.set_wait_ms(static_cast<std::uint32_t>(from.wait.count()));
  to.set_head_size(from.head_size);
  for (const JobProgress& progress : from.progress) write_progress(progress, *to.add_progress());
  to.set_cosignature(to_string(from.cosignature));
}

Poll read(const v1::Poll& from, Fields& fields) {
  constexpr auto wait_max = static_cast<std::uint32_t>(limits::poll_wait_max.count());
  Poll to{.seen_version = from.seen_version(),
          .wait = Duration(fields.at_most("wait_ms", from.wait_ms(), wait_max)),
          .head_size = from.head_size()};
  to.cosignature = fields.bytes("cosignature", from.cosignature(), limits::checkpoint_bytes_max);
  if (!fields.count("progress", from.progress_size(), limits::jobs_in_work_max)) return to;
  for (const v1::JobProgress& progress : from.progress()) {
    to.progress.push_back(read_progress(progress, fields));
  }
  return to;
}

void write(const Work& from, v1::Work& to) {
  to.set_version(from.version);
  for (const JobView& job : from.jobs) write_job(job, *to.add_jobs());
  for (const StudyView& study : from.studies) {
    v1::StudyView& one = *to.add_studies();
    one.set_study(study.study.text());
    one.set_phase(study.phase);
    one.set_opened(to_string(study.opened));
    for (const Bytes& envelope : study.more) one.add_more(to_string(envelope));
  }
  for (const Bytes& envelope : from.membership) to.add_membership(to_string(envelope));
  to.set_checkpoint(to_string(from.checkpoint));
  for (const Bytes& hash : from.consistency) to.add_consistency(to_string(hash));
  for (const Bytes& head : from.peer_heads) to.add_peer_heads(to_string(head));
}

Work read(const v1::Work& from, Fields& fields) {
  Work to{.version = from.version()};
  to.checkpoint = fields.bytes("checkpoint", from.checkpoint(), limits::checkpoint_bytes_max);
  const bool bounded =
      fields.count("jobs", from.jobs_size(), limits::jobs_in_work_max) &&
      fields.count("studies", from.studies_size(), limits::studies_in_work_max) &&
      fields.count("membership", from.membership_size(), limits::members_max) &&
      fields.count("consistency", from.consistency_size(), limits::proof_hashes_max) &&
      fields.count("peer_heads", from.peer_heads_size(), limits::members_max);
  if (!bounded) return to;
  for (const v1::JobView& job : from.jobs()) to.jobs.push_back(read_job(job, fields));
  for (const v1::StudyView& study : from.studies()) {
    to.studies.push_back(read_study(study, fields));
  }
  for (const std::string& envelope : from.membership()) {
    to.membership.push_back(fields.bytes("membership", envelope, limits::envelope_bytes_max));
  }
  for (const std::string& hash : from.consistency()) {
    to.consistency.push_back(fields.exactly("consistency", hash, sizeof(Digest)));
  }
  for (const std::string& head : from.peer_heads()) {
    to.peer_heads.push_back(fields.bytes("peer_heads", head, limits::checkpoint_bytes_max));
  }
  return to;
}

}  // namespace cloister::protocol::codec
