#include "members.h"

#include "coordinator/core/membership.h"

namespace cloister::simulation {

using protocol::Role;
using provenance::Record;

constexpr auto log_origin = "cloister/simulation";

Members::Members(std::uint64_t seed, const std::vector<std::string>& sites) : entropy_(seed) {
  add("root", Role::root, "consortium");
  add("coordinator", Role::coordinator, "consortium");
  add("trainer", Role::trainer, "consortium");
  add("owner", Role::study_owner, "consortium");
  for (const std::string& site : sites) {
    add("agent-" + site, Role::site_agent, site);
    add("admin-" + site, Role::site_admin, site);
    add("steward-" + site, Role::site_steward, site);
  }
  provenance::SignerPlace place;
  for (const std::string& name : order_) {
    const Person& person = people_.at(name);
    const auto keys = crypto::public_part(person.identity);
    provenance::KeyBinding binding;
    binding.member = person.identity.id;
    binding.role = coordinator::provenance_role(person.role);
    binding.org = person.org;
    binding.seal = Bytes(keys.seal.bytes.begin(), keys.seal.bytes.end());
    binding.curve = Bytes(keys.curve.bytes.begin(), keys.curve.bytes.end());
    binding = provenance::prove_key(binding, person.identity.sign, log_origin);
    Record record;
    record.kind = provenance::RecordKind::key_bound;
    record.subjects = {{name, provenance::member_key_digest(binding)}};
    record.details = provenance::to_details(binding);
    genesis_.push_back(sign("root", std::move(record), Instant(1'799'999'999'000), place));
    const auto envelope = provenance::parse_envelope(as_text(genesis_.back())).value();
    place = {place.next_seq + 1,
             provenance::record_hash(envelope, at("root").identity.sign.public_key()).value()};
  }
}

void Members::add(const std::string& name, Role role, const std::string& org) {
  people_.emplace(name, Person{crypto::generate_identity(MemberId::trusted(name),
                                                         std::string(to_string(role)), entropy_),
                               role, org});
  order_.push_back(name);
}

provenance::LedgerRules Members::rules() const {
  const Person& root = at("root");
  return {log_origin, {{root.identity.id, root.org, root.identity.sign.public_key()}}, {}};
}

std::string Members::root_key_id() const {
  return crypto::key_id(at("root").identity.sign.public_key());
}

Bytes Members::sign(const std::string& name, Record record, Instant now,
                    const provenance::SignerPlace& place) {
  const Person& person = people_.at(name);
  std::array<std::uint8_t, 10> random{};
  entropy_.fill(random);
  record.record_id = uuid_v7(now, random);
  record.issued_at = now;
  record.signer_seq = place.next_seq;
  record.prev_by_signer = place.last;
  record.actor = {person.identity.id, coordinator::provenance_role(person.role), person.org, {}};
  return to_bytes(
      provenance::to_json(provenance::sign_record(record, person.identity.sign).value()));
}

}  // namespace cloister::simulation
