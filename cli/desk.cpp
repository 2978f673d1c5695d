#include "cli/desk.h"

namespace cloister::cli {

Result<protocol::SignerState> LineDesk::place_of(const MemberId& member) {
  return line_.ask<protocol::SignerState>(protocol::FetchSigner{member});
}

Result<void> LineDesk::submit(const std::vector<Bytes>& envelopes) {
  auto receipts = line_.ask<protocol::Receipts>(protocol::Submit{envelopes});
  if (!receipts) return pass(receipts);
  return {};
}

Result<std::vector<Digest>> sign_and_submit(Desk& desk, const Pen& pen,
                                            std::vector<provenance::Record> records) {
  auto place = desk.place_of(pen.identity.id);
  if (!place) return pass(place);
  Signer signer{pen.identity, pen.role, pen.org, *place};
  const Instant now = SystemClock().now();
  std::vector<Bytes> envelopes;
  std::vector<Digest> leaves;
  for (provenance::Record& record : records) {
    auto one = sign(signer, std::move(record), now);
    if (!one) return pass(one);
    envelopes.push_back(std::move(one->envelope));
    leaves.push_back(one->leaf);
  }
  if (auto submitted = desk.submit(envelopes); !submitted) return pass(submitted);
  return leaves;
}

}  // namespace cloister::cli
