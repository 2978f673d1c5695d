// A member as witness: it believes a head only if it extends the last one it believed.
//
// The new head is persisted before its cosignature goes out. A rollback or a fork stops the member:
// from then on it signs, sends and starts nothing, saves the two heads as evidence, and tells the
// person; only a person can go on (see `forgive`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crypto/sign.h"
#include "member/actions.h"
#include "member/record_outbox.h"
#include "protocol/work_messages.h"
#include "provenance/witness.h"

namespace cloister::member {

class LedgerWatch {
 public:
  // Keys "head" and "halted" of `stored` are its own. `key` must outlive this.
  LedgerWatch(std::string name, const crypto::SecretKey& key, const Stored& stored);

  // `log`: the coordinator's certified signing key.
  [[nodiscard]] Actions on_work(const protocol::Work& work, const crypto::PublicKey& log,
                                Instant now);
  // Stops for a reason of somebody else's, for example counters that do not fit.
  [[nodiscard]] Actions halt_because(const std::string& why);
  // A person looked at the evidence and confirms the coordinator's present head.
  [[nodiscard]] Actions forgive();

  [[nodiscard]] bool halted() const { return !halted_why_.empty(); }
  [[nodiscard]] const std::string& halted_why() const { return halted_why_; }
  [[nodiscard]] std::uint64_t head_size() const { return head_size_; }
  [[nodiscard]] const std::string& head_text() const { return head_text_; }
  [[nodiscard]] const Bytes& cosignature() const { return cosignature_; }  // note signature line

 private:
  [[nodiscard]] Actions halt(const provenance::ForkEvidence& evidence);
  [[nodiscard]] Actions compare_peers(const protocol::Work& work, const provenance::NoteKey& log,
                                      const provenance::Note& ours);
  void adopt(const provenance::Note& note);

  std::string name_;
  const crypto::SecretKey& key_;
  std::string head_text_;  // signed note
  std::uint64_t head_size_ = 0;
  Bytes cosignature_;
  std::string halted_why_;
};

}  // namespace cloister::member
