#include "cli/consortium_init.h"

#include "base/file.h"
#include "cli/homes.h"
#include "cli/signing.h"
#include "transport/address.h"

namespace cloister::cli {
namespace {

struct People {
  crypto::Identity root;
  crypto::Identity coordinator;
  crypto::Identity trainer;
};

crypto::PublicIdentity named(std::string_view id, std::string role) {
  crypto::PublicIdentity who;
  who.id = MemberId::trusted(std::string(id));
  who.role = std::move(role);
  return who;
}

Result<void> check(const InitOptions& options) {
  if (!is_valid_id(options.name)) return tl::unexpected<Error>(bad_id("consortium", options.name));
  for (const auto& address : {options.members, options.enrolment}) {
    if (auto parsed = transport::address_from_text(address); !parsed) return pass(parsed);
  }
  std::error_code ignored;
  if (std::filesystem::exists(options.folder / "coordinator" / "genesis.json", ignored)) {
    return fail(Kind::conflict, "consortium.exists",
                fmt::format("There is a consortium in {} already.", options.folder.string()),
                "Choose another folder: a second init would make another root.");
  }
  return {};
}

Result<People> make_people(const InitOptions& options) {
  for (const auto* part : {"root", "coordinator", "trainer"}) {
    if (auto made = make_folder(options.folder / part); !made) return pass(made);
  }
  auto root = make_key(options.folder / "root" / "root.key", named("root", "root"),
                       options.root_passphrase);
  if (!root) return pass(root);
  auto coordinator =
      make_process_key(options.folder / "coordinator", named("coordinator", "coordinator"));
  if (!coordinator) return pass(coordinator);
  auto trainer = make_process_key(options.folder / "trainer", named("trainer", "trainer"));
  if (!trainer) return pass(trainer);
  return People{std::move(*root), std::move(*coordinator), std::move(*trainer)};
}

Result<std::vector<Bytes>> first_records(const People& people, const std::string& log) {
  Signer root{people.root, protocol::Role::root, org_of("", log), {}};
  const Instant now = SystemClock().now();
  std::vector<Bytes> envelopes;
  const auto bind = [&](const crypto::Identity& identity, protocol::Role role) -> Result<void> {
    auto record = key_bound(prove_member(identity, role, "", log), log);
    if (!record) return pass(record);
    auto signed_record = sign(root, std::move(*record), now);
    if (!signed_record) return pass(signed_record);
    envelopes.push_back(std::move(signed_record->envelope));
    return {};
  };
  if (auto bound = bind(people.root, protocol::Role::root); !bound) return pass(bound);
  if (auto bound = bind(people.coordinator, protocol::Role::coordinator); !bound)
    return pass(bound);
  if (auto bound = bind(people.trainer, protocol::Role::trainer); !bound) return pass(bound);
  return envelopes;
}

Result<void> write_homes(const InitOptions& options, const People& people, const Genesis& genesis) {
  const auto& folder = options.folder;
  if (auto saved =
          save_coordinator_config(folder / "coordinator", {options.members, options.enrolment});
      !saved)
    return saved;
  MembershipFile membership{genesis.consortium,
                            genesis.log,
                            genesis.root,
                            people.trainer.id,
                            protocol::Role::trainer,
                            "",
                            {people.coordinator.id, people.coordinator.sign.public_key(),
                             people.coordinator.curve.public_key()},
                            genesis.envelopes};
  if (auto saved = save_membership(folder / "trainer" / "membership.json", membership); !saved)
    return saved;
  const ProcessConfig trainer{"trainer.toml", options.members, options.worker, false,
                              options.device};
  if (auto saved = save_process_config(folder / "trainer", trainer); !saved) return saved;
  membership.member = people.root.id;
  membership.role = protocol::Role::root;
  if (auto saved = save_membership(folder / "root" / "membership.json", membership); !saved)
    return saved;
  if (auto saved =
          save_connection(folder / "root", {options.members, options.enrolment, "root.key"});
      !saved)
    return saved;
  // Last, because its presence says that all the rest is there.
  return save_genesis(folder / "coordinator" / "genesis.json", genesis);
}

Answer told(const InitOptions& options, const People& people, const Genesis& genesis) {
  Answer answer;
  const std::string print = crypto::fingerprint(people.root.sign.public_key());
  const std::string folder = options.folder.string();
  answer.text = fmt::format(
      "Consortium '{0}' is founded.\n"
      "  root fingerprint  {1}\n"
      "                    Read it out to every site by telephone: their trust starts here.\n"
      "  {2}/root         the root key. Keep it with people, off the coordinator's machine.\n"
      "  {2}/coordinator  start: cloister-coordinator --config {2}/coordinator/coordinator.toml\n"
      "  {2}/trainer      start: cloister-trainer --config {2}/trainer/trainer.toml\n"
      "Next: cloister consortium invite SITE --home {2}/root\n",
      options.name, print, folder);
  answer.json.set("consortium", options.name)
      .set("log", genesis.log)
      .set("root_fingerprint", print)
      .set("root", genesis.root)
      .set("members", options.members)
      .set("enrolment", options.enrolment)
      .set("folder", folder);
  return answer;
}

}  // namespace

Result<Answer> init_consortium(const InitOptions& options) {
  if (auto good = check(options); !good) return pass(good);
  auto people = make_people(options);
  if (!people) return pass(people);
  Genesis genesis;
  genesis.consortium = options.name;
  genesis.log = "cloister/" + options.name;
  genesis.root = crypto::key_id(people->root.sign.public_key());
  auto envelopes = first_records(*people, genesis.log);
  if (!envelopes) return pass(envelopes);
  genesis.envelopes = std::move(*envelopes);
  if (auto written = write_homes(options, *people, genesis); !written) return pass(written);
  return told(options, *people, genesis);
}

}  // namespace cloister::cli
