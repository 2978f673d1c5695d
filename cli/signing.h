// Records that people sign at the command line.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "crypto/identity.h"
#include "protocol/ledger_messages.h"
#include "protocol/roles.h"
#include "protocol/session_messages.h"
#include "provenance/record.h"

namespace cloister::cli {

// Who signs, with which keys, and where its last record stands.
struct Signer {
  const crypto::Identity& identity;
  protocol::Role role = protocol::Role::auditor;
  std::string org;              // the site, or the consortium for members of no site
  protocol::SignerState state;  // moves on with every record signed
};

struct SignedRecord {
  Bytes envelope;  // DSSE JSON
  Digest leaf;     // its name in the ledger
};

// Completes the record (id, counters, actor, time) and signs it.
[[nodiscard]] Result<SignedRecord> sign(Signer& signer, provenance::Record record, Instant now);

// A key.bound record for these keys. `possession` comes from their holder.
struct NewMember {
  MemberId member;
  protocol::Role role = protocol::Role::site_agent;
  std::string site;
  protocol::MemberKeys keys;
  Bytes possession;
};
[[nodiscard]] Result<provenance::Record> key_bound(const NewMember& member, std::string_view log);
// The holder's side: its public keys and its proof, ready for key_bound().
[[nodiscard]] NewMember prove_member(const crypto::Identity& identity, protocol::Role role,
                                     const std::string& site, std::string_view log);

[[nodiscard]] protocol::MemberKeys member_keys(const crypto::Identity& identity);
// The organisation a member acts for, as records name it: its site, or the consortium whose log
// this is.
[[nodiscard]] std::string org_of(const std::string& site, std::string_view log);
// The role as records name it: roots write as consortium-admin.
[[nodiscard]] provenance::Role record_role(protocol::Role role);

}  // namespace cloister::cli
