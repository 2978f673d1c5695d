#include "consortium.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "coordinator/core/membership.h"
#include "crypto/start.h"
#include "provenance/json.h"

namespace cloister::coordinator::testing {

using protocol::Role;
using provenance::Json;
using provenance::Record;

std::filesystem::path fresh_folder(const std::string& name) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("cloister-{}-{}", name, ::getpid());
  std::filesystem::remove_all(folder);
  REQUIRE(make_folder(folder).has_value());
  return folder;
}

Consortium::Consortium(const std::filesystem::path& folder) : home(folder) {
  REQUIRE(crypto::start().has_value());
  for (const auto& [name, role, org] : {std::tuple{"root", Role::root, "consortium"},
                                        std::tuple{"coordinator", Role::coordinator, "consortium"},
                                        std::tuple{"trainer", Role::trainer, "consortium"},
                                        std::tuple{"owner", Role::study_owner, "consortium"},
                                        std::tuple{"agent-a", Role::site_agent, "a"}}) {
    people.emplace(name, Person{crypto::generate_identity(MemberId::trusted(name),
                                                          std::string(to_string(role)), entropy),
                                role,
                                org,
                                0,
                                {}});
  }
}

Bytes Consortium::sign(const std::string& member, Record record) {
  Person& person = people.at(member);
  std::array<std::uint8_t, 10> random{};
  entropy.fill(random);
  const Instant now = SystemClock().now();
  record.record_id = uuid_v7(now, random);
  record.issued_at = now;
  record.signer_seq = ++person.seq;
  record.prev_by_signer = person.last;
  record.actor = {person.identity.id, provenance_role(person.role), person.org, {}};
  const auto envelope = provenance::sign_record(record, person.identity.sign);
  REQUIRE(envelope.has_value());
  person.last = provenance::record_hash(*envelope, person.identity.sign.public_key()).value();
  return to_bytes(provenance::to_json(*envelope));
}

Bytes Consortium::bound(const std::string& member, Role role, const std::string& org) {
  const Person& person = people.at(member);
  const auto keys = crypto::public_part(person.identity);
  provenance::KeyBinding binding;
  binding.member = person.identity.id;
  binding.role = provenance_role(role);
  binding.org = org;
  binding.seal = Bytes(keys.seal.bytes.begin(), keys.seal.bytes.end());
  binding.curve = Bytes(keys.curve.bytes.begin(), keys.curve.bytes.end());
  binding = provenance::prove_key(binding, person.identity.sign, log);
  Record record;
  record.kind = provenance::RecordKind::key_bound;
  record.stage = "enrolment";
  record.subjects = {{member, provenance::member_key_digest(binding)}};
  record.details = provenance::to_details(binding);
  return sign("root", std::move(record));
}

std::vector<Bytes> Consortium::genesis() {
  return {bound("root", Role::root, "consortium"),
          bound("coordinator", Role::coordinator, "consortium"),
          bound("trainer", Role::trainer, "consortium")};
}

provenance::LedgerRules Consortium::rules() const {
  const Person& root = people.at("root");
  return {log, {{root.identity.id, root.org, root.identity.sign.public_key()}}, {}};
}

void Consortium::write_home(std::uint16_t members_port, std::uint16_t enrolment_port) {
  const auto passphrase = crypto::Passphrase::from_text("not a secret").value();
  REQUIRE(crypto::save_identity(home / "identity.key", people.at("coordinator").identity,
                                passphrase, crypto::KeyFileCost::fast_for_tests_only, entropy));
  REQUIRE(write_text(home / "passphrase", "not a secret\n", FileMode::owner_only));
  Json list = Json::array();
  for (const Bytes& envelope : genesis())
    list.push(provenance::parse_json(as_text(envelope)).value());
  Json json = Json::object();
  json.set("format", "cloister-genesis/1").set("consortium", "test").set("log", log);
  json.set("root", crypto::key_id(people.at("root").identity.sign.public_key()));
  json.set("envelopes", std::move(list));
  REQUIRE(write_text(home / "genesis.json", provenance::to_jcs(json)));
  write_config(members_port, enrolment_port);
}

void Consortium::write_config(std::uint16_t members_port, std::uint16_t enrolment_port) {
  REQUIRE(write_text(home / "coordinator.toml",
                     fmt::format("members = \"127.0.0.1:{}\"\nenrolment = \"127.0.0.1:{}\"\n"
                                 "passphrase_file = \"passphrase\"\n",
                                 members_port, enrolment_port)));
}

}  // namespace cloister::coordinator::testing
