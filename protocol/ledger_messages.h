// Messages that write and read the ledger. See protocol/messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "protocol/roles.h"

namespace cloister::protocol {

// --- Ledger
// -----------------------------------------------------------------------------------------

// Signed records, admitted together or not at all. A record already in the ledger is answered with
// its old place, so a repeated Submit is harmless.
struct Submit {
  std::vector<Bytes> envelopes;  // DSSE JSON bytes
  friend bool operator==(const Submit&, const Submit&) = default;
};
struct Receipt {
  std::uint64_t index = 0;
  Digest leaf_hash;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};
struct Receipts {
  std::vector<Receipt> receipts;
  Bytes checkpoint;  // signed note that covers them
  friend bool operator==(const Receipts&, const Receipts&) = default;
};

// For audits and agents that replay: entries [from, from + count) with what lies beside them.
struct FetchRecords {
  std::uint64_t from = 0;
  std::uint32_t count = 0;
  friend bool operator==(const FetchRecords&, const FetchRecords&) = default;
};
struct LedgerEntry {
  std::uint64_t index = 0;
  Bytes leaf;      // leaf entry bytes (JCS)
  Bytes envelope;  // empty when the payload was shredded
  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};
struct Records {
  std::vector<LedgerEntry> entries;
  Bytes checkpoint;  // newest, with the cosignatures known so far
  friend bool operator==(const Records&, const Records&) = default;
};

// The next counter values a signer must use, after a restore or at first contact.
struct FetchSigner {
  MemberId member;
  friend bool operator==(const FetchSigner&, const FetchSigner&) = default;
};
struct SignerState {
  std::uint64_t last_seq = 0;  // 0: none yet
  Digest last_leaf;
  friend bool operator==(const SignerState&, const SignerState&) = default;
};

}  // namespace cloister::protocol
