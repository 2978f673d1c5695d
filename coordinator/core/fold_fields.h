// The fields of everything a fold is made of, once for writing and once for reading alike.
// Private to this room.
//
// Each structured binding names every field of its type: a field that is added and not named here
// does not compile, so nothing of the state can be left out of what is written.
#pragma once

#include <concepts>
#include <type_traits>

#include "coordinator/core/fold.h"

namespace cloister::coordinator {

template <class T, class Wanted>
concept Is = std::same_as<std::remove_const_t<T>, Wanted>;

struct FoldFields {
  // `visit` takes any number of fields; they are const where the value is.
  static void of(Is<protocol::NamedDigest> auto& value, auto& visit) {
    auto& [name, digest, size] = value;
    visit(name, digest, size);
  }
  static void of(Is<protocol::MemberKeys> auto& value, auto& visit) {
    auto& [sign, seal, curve] = value;
    visit(sign, seal, curve);
  }
  static void of(Is<Member> auto& value, auto& visit) {
    auto& [id, role, site, keys, former, key_digest, bound_at, changed_at, keys_since, revoked_at,
           envelopes] = value;
    visit(id, role, site, keys, former, key_digest, bound_at, changed_at, keys_since, revoked_at,
          envelopes);
  }
  static void of(Is<ConsortiumRules> auto& value, auto& visit) {
    auto& [approvals] = value;
    visit(approvals);
  }
  static void of(Is<Membership> auto& value, auto& visit) {
    auto& [members, by_key, agents, by_site, everybodys, vouched, rules, site_versions, version,
           any_version] = value;
    visit(members, by_key, agents, by_site, everybodys, vouched, rules, site_versions, version,
          any_version);
  }
  static void of(Is<StudyIndex> auto& value, auto& visit) {
    auto& [by_site, by_person, newest_by_person, newest, by_job, by_shard] = value;
    visit(by_site, by_person, newest_by_person, newest, by_job, by_shard);
  }
  static void of(Is<Job> auto& value, auto& visit) {
    auto& [id, study, kind, site, version, part, assignee, spec_json, spec_digest, inputs, outputs,
           state, failures, reason, since, was_approved, approval, needs_permit, changed] = value;
    visit(id, study, kind, site, version, part, assignee, spec_json, spec_digest, inputs, outputs,
          state, failures, reason, since, was_approved, approval, needs_permit, changed);
  }
  static void of(Is<Shard> auto& value, auto& visit) {
    auto& [number, digest, bytes, purpose] = value;
    visit(number, digest, bytes, purpose);
  }
  static void of(Is<ReleasePermit> auto& value, auto& visit) {
    auto& [permit, index, recipient] = value;
    visit(permit, index, recipient);
  }
  static void of(Is<Dataset> auto& value, auto& visit) {
    auto& [manifest, site, plan_version, on_demand, manifest_json, shards, index, report,
           not_passed, exceptions, release, sent, received, admitted, quarantined] = value;
    visit(manifest, site, plan_version, on_demand, manifest_json, shards, index, report, not_passed,
          exceptions, release, sent, received, admitted, quarantined);
  }
  static void of(Is<Model> auto& value, auto& visit) {
    auto& [version, digest, manifests, index, evaluations, untested, approvals, released,
           quarantined, evidence] = value;
    visit(version, digest, manifests, index, evaluations, untested, approvals, released,
          quarantined, evidence);
  }
  static void of(Is<Replies> auto& value, auto& visit) {
    auto& [job, site, blobs] = value;
    visit(job, site, blobs);
  }
  static void of(Is<Withdrawal> auto& value, auto& visit) {
    auto& [leaf, index, site, reason, subjects, quarantined, confirmed, is_assessed, is_erased,
           retrained, exception] = value;
    visit(leaf, index, site, reason, subjects, quarantined, confirmed, is_assessed, is_erased,
          retrained, exception);
  }
  static void of(Is<Study::Binding> auto& value, auto& visit) {
    auto& [site, envelope] = value;
    visit(site, envelope);
  }
  static void of(Is<Study> auto& value, auto& visit) {
    auto& [plan, plan_digest, opened, binding, closed_reason, jobs, jobs_by_site, jobs_by_assignee,
           datasets, manifests_by_site, reply_site, shard_owner, models, replies, standing,
           withdrawals, versions, version, any_version] = value;
    visit(plan, plan_digest, opened, binding, closed_reason, jobs, jobs_by_site, jobs_by_assignee,
          datasets, manifests_by_site, reply_site, shard_owner, models, replies, standing,
          withdrawals, versions, version, any_version);
  }

  static Study empty_study() { return {}; }
};

}  // namespace cloister::coordinator
