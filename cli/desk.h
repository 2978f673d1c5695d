// Where a person's signed records go: straight to the coordinator, or through the site's agent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "cli/line.h"
#include "cli/signing.h"

namespace cloister::cli {

class Desk {
 public:
  virtual ~Desk() = default;
  [[nodiscard]] virtual Result<protocol::SignerState> place_of(const MemberId& member) = 0;
  // All or none; answered once they are durable in the ledger.
  [[nodiscard]] virtual Result<void> submit(const std::vector<Bytes>& envelopes) = 0;
};

class LineDesk final : public Desk {
 public:
  explicit LineDesk(Line& line) : line_(line) {}
  [[nodiscard]] Result<protocol::SignerState> place_of(const MemberId& member) override;
  [[nodiscard]] Result<void> submit(const std::vector<Bytes>& envelopes) override;

 private:
  Line& line_;
};

struct Pen {
  const crypto::Identity& identity;
  protocol::Role role = protocol::Role::auditor;
  std::string org;
};

// Signs the records in order with the next counters, submits them together, and names their leaves.
[[nodiscard]] Result<std::vector<Digest>> sign_and_submit(Desk& desk, const Pen& pen,
                                                          std::vector<provenance::Record> records);
// The same in the name of who sits there, over that line.
[[nodiscard]] Result<std::vector<Digest>> sign_and_submit(Seat& seat,
                                                          std::vector<provenance::Record> records);

// Ends the text with the one record that was signed, and says the same as JSON.
[[nodiscard]] Answer signed_answer(std::string text, const Digest& leaf, const MemberId& by);
// "sign.reason": there is none.
[[nodiscard]] Result<void> needs_reason(const std::string& reason);

}  // namespace cloister::cli
