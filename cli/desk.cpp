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

Result<std::vector<Digest>> sign_and_submit(Seat& seat, std::vector<provenance::Record> records) {
  LineDesk desk(*seat.line);
  const MembershipFile& me = seat.membership;
  return sign_and_submit(desk, {seat.line->identity(), me.role, org_of(me.site, me.log)},
                         std::move(records));
}

Answer signed_answer(std::string text, const Digest& leaf, const MemberId& by) {
  Answer answer;
  answer.text = std::move(text) + fmt::format("  record {}\n", to_hex(leaf));
  answer.json.set("record", to_hex(leaf)).set("signed_by", by.text());
  return answer;
}

Result<void> needs_reason(const std::string& reason) {
  if (!reason.empty()) return {};
  return fail(Kind::invalid, "sign.reason", "This needs a reason: it goes into the ledger.",
              "Give --reason \"...\".");
}

}  // namespace cloister::cli
