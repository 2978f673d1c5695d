#include "consortium.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
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
                                        std::tuple{"agent-a", Role::site_agent, "a"},
                                        std::tuple{"agent-b", Role::site_agent, "b"}}) {
    people.emplace(name, test::signing_person(name, role, org, entropy));
  }
}

Bytes Consortium::sign(const std::string& member, Record record) {
  return test::sign_next(people.at(member), std::move(record), entropy);
}

Bytes Consortium::bound(const std::string& member, Role role, const std::string& org) {
  return sign("root", test::key_bound(people.at(member), role, org, log));
}

std::vector<Bytes> Consortium::genesis() {
  return {bound("root", Role::root, "consortium"),
          bound("coordinator", Role::coordinator, "consortium"),
          bound("trainer", Role::trainer, "consortium")};
}

provenance::LedgerRules Consortium::rules() const {
  const auto& root = people.at("root");
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
