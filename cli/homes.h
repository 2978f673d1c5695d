// The files of docs/homes.md that the command line writes and reads.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "crypto/curve_key.h"
#include "crypto/sign.h"
#include "protocol/roles.h"

namespace cloister::cli {

// How the coordinator proves to be itself.
struct CoordinatorKeys {
  MemberId member;
  crypto::PublicKey sign;
  crypto::CurvePublicKey curve;
  friend bool operator==(const CoordinatorKeys&, const CoordinatorKeys&) = default;
};

// membership.json: who we are, and what we believe of the others.
struct MembershipFile {
  std::string consortium;
  std::string log;   // origin of the ledger's checkpoints
  std::string root;  // crypto::key_id of the consortium's root key
  MemberId member;
  protocol::Role role = protocol::Role::auditor;
  std::string site;  // empty: of no site
  CoordinatorKeys coordinator;
  std::vector<Bytes> envelopes;  // key.bound records, DSSE JSON
  friend bool operator==(const MembershipFile&, const MembershipFile&) = default;
};
[[nodiscard]] Result<void> save_membership(const std::filesystem::path& path,
                                           const MembershipFile& membership);
[[nodiscard]] Result<MembershipFile> load_membership(const std::filesystem::path& path);

// genesis.json: the first records of a ledger.
struct Genesis {
  std::string consortium;
  std::string log;
  std::string root;
  std::vector<Bytes> envelopes;
  friend bool operator==(const Genesis&, const Genesis&) = default;
};
[[nodiscard]] Result<void> save_genesis(const std::filesystem::path& path, const Genesis& genesis);
[[nodiscard]] Result<Genesis> load_genesis(const std::filesystem::path& path);

// connection.toml of a person.
struct PersonConnection {
  std::string coordinator;    // "host:port"
  std::string enrolment;      // "host:port" of newcomers, for those who invite
  std::filesystem::path key;  // absolute or relative to the file
};
[[nodiscard]] Result<void> save_connection(const std::filesystem::path& home,
                                           const PersonConnection& connection);
[[nodiscard]] Result<PersonConnection> load_connection(const std::filesystem::path& home);

struct ProcessConfig {
  std::string file_name;    // "agent.toml", "trainer.toml"
  std::string coordinator;  // "host:port"
  std::string worker = "cloister-worker";
  bool has_policy = false;
  std::string device = "cpu";  // docs/homes.md
};
[[nodiscard]] Result<void> save_process_config(const std::filesystem::path& home,
                                               const ProcessConfig& config);

struct CoordinatorConfig {
  std::string members;    // "host:port"
  std::string enrolment;  // "host:port"
};
[[nodiscard]] Result<void> save_coordinator_config(const std::filesystem::path& home,
                                                   const CoordinatorConfig& config);
[[nodiscard]] Result<CoordinatorConfig> load_coordinator_config(const std::filesystem::path& home);

// Text as a TOML basic string, quotes included.
[[nodiscard]] std::string toml_text(std::string_view text);

}  // namespace cloister::cli
