#include "protocol/codec_messages.h"
#include "protocol/limits.h"
#include "protocol/session.pb.h"

namespace cloister::protocol::codec {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t signature_bytes = 64;

void write_keys(const MemberKeys& from, v1::MemberKeys& to) {
  to.set_sign(to_string(from.sign));
  to.set_seal(to_string(from.seal));
  to.set_curve(to_string(from.curve));
}

MemberKeys read_keys(const v1::MemberKeys& from, Fields& fields) {
  return MemberKeys{.sign = fields.exactly("sign", from.sign(), key_bytes),
                    .seal = fields.exactly("seal", from.seal(), key_bytes),
                    .curve = fields.exactly("curve", from.curve(), key_bytes)};
}

}  // namespace

void write(const OpenSession& from, v1::OpenSession& to) {
  to.set_client_nonce(to_string(from.client_nonce));
  to.set_protocol_version(from.protocol_version);
  to.set_program_version(utf8(from.program_version));
}

OpenSession read(const v1::OpenSession& from, Fields& fields) {
  return OpenSession{
      .client_nonce = fields.exactly("client_nonce", from.client_nonce(), limits::nonce_bytes),
      .protocol_version = from.protocol_version(),
      .program_version =
          fields.text("program_version", from.program_version(), limits::word_bytes_max)};
}

void write(const SessionOpened& from, v1::SessionOpened& to) {
  to.set_client_nonce(to_string(from.client_nonce));
  to.set_session(to_string(from.session));
  to.set_protocol_version(from.protocol_version);
}

SessionOpened read(const v1::SessionOpened& from, Fields& fields) {
  return SessionOpened{
      .client_nonce = fields.exactly("client_nonce", from.client_nonce(), limits::nonce_bytes),
      .session = fields.exactly("session", from.session(), limits::nonce_bytes),
      .protocol_version = from.protocol_version()};
}

void write(const Enrol& from, v1::Enrol& to) {
  to.set_token_secret(to_string(from.token_secret));
  to.set_member(from.member.text());
  to.set_role(static_cast<v1::Role>(from.role));
  to.set_site(from.site);
  write_keys(from.keys, *to.mutable_keys());
  to.set_proof(to_string(from.proof));
  to.set_possession(to_string(from.possession));
}

Enrol read(const v1::Enrol& from, Fields& fields) {
  return Enrol{.token_secret = fields.exactly("token_secret", from.token_secret(), key_bytes),
               .member = fields.id<MemberId>("member", from.member()),
               .role = fields.role(from.role()),
               .site = fields.site(from.site()),
               .keys = read_keys(from.keys(), fields),
               .proof = fields.exactly("proof", from.proof(), signature_bytes),
               .possession = fields.exactly("possession", from.possession(), signature_bytes)};
}

void write(const EnrolmentState& from, v1::EnrolmentState& to) {
  to.set_step(static_cast<v1::EnrolmentState::Step>(from.step));
  to.set_note(utf8(from.note));
  for (const Bytes& envelope : from.membership) to.add_membership(to_string(envelope));
}

EnrolmentState read(const v1::EnrolmentState& from, Fields& fields) {
  EnrolmentState to;
  if (from.step() < 1 || from.step() > 4) {
    fields.wrong("step", "is none that this version knows");
  } else {
    to.step = static_cast<EnrolmentState::Step>(from.step());
  }
  to.note = fields.text("note", from.note(), limits::sentence_bytes_max);
  if (!fields.count("membership", from.membership_size(), limits::members_max)) return to;
  for (const std::string& envelope : from.membership()) {
    to.membership.push_back(fields.bytes("membership", envelope, limits::envelope_bytes_max));
  }
  return to;
}

void write(const Invite& from, v1::Invite& to) {
  to.set_member(from.member.text());
  to.set_role(static_cast<v1::Role>(from.role));
  to.set_site(from.site);
  to.set_token_hash(to_string(from.token_hash));
  to.set_expires_ms(from.expires.unix_milliseconds());
}

Invite read(const v1::Invite& from, Fields& fields) {
  return Invite{.member = fields.id<MemberId>("member", from.member()),
                .role = fields.role(from.role()),
                .site = fields.site(from.site()),
                .token_hash = fields.digest("token_hash", from.token_hash()),
                .expires = Instant(from.expires_ms())};
}

void write(const ListEnrolments&, v1::ListEnrolments&) {}
ListEnrolments read(const v1::ListEnrolments&, Fields&) { return {}; }

void write(const Enrolments& from, v1::Enrolments& to) {
  for (const PendingEnrolment& pending : from.pending) {
    v1::PendingEnrolment& one = *to.add_pending();
    one.set_member(pending.member.text());
    one.set_role(static_cast<v1::Role>(pending.role));
    one.set_site(pending.site);
    write_keys(pending.keys, *one.mutable_keys());
    one.set_asked_ms(pending.asked.unix_milliseconds());
    one.set_possession(to_string(pending.possession));
  }
}

Enrolments read(const v1::Enrolments& from, Fields& fields) {
  Enrolments to;
  if (!fields.count("pending", from.pending_size(), limits::members_max)) return to;
  for (const v1::PendingEnrolment& pending : from.pending()) {
    to.pending.push_back(
        {.member = fields.id<MemberId>("member", pending.member()),
         .role = fields.role(pending.role()),
         .site = fields.site(pending.site()),
         .keys = read_keys(pending.keys(), fields),
         .asked = Instant(pending.asked_ms()),
         .possession = fields.exactly("possession", pending.possession(), signature_bytes)});
  }
  return to;
}

void write(const Ask& from, v1::Ask& to) {
  to.set_what(utf8(from.what));
  to.set_argument(utf8(from.argument));
}

Ask read(const v1::Ask& from, Fields& fields) {
  return Ask{.what = fields.text("what", from.what(), limits::word_bytes_max),
             .argument = fields.text("argument", from.argument(), limits::sentence_bytes_max)};
}

void write(const Told& from, v1::Told& to) { to.set_json(utf8(from.json)); }

Told read(const v1::Told& from, Fields& fields) {
  return Told{.json = fields.text("json", from.json(), limits::told_bytes_max)};
}

void write(const Done&, v1::Done&) {}
Done read(const v1::Done&, Fields&) { return {}; }

void write(const Refused& from, v1::Refused& to) {
  to.set_kind(static_cast<std::uint32_t>(from.error.kind));
  to.set_code(utf8(std::string_view(from.error.code).substr(0, limits::word_bytes_max)));
  to.set_what(utf8(std::string_view(from.error.what).substr(0, limits::sentence_bytes_max)));
  to.set_next(utf8(std::string_view(from.error.next).substr(0, limits::sentence_bytes_max)));
}

Refused read(const v1::Refused& from, Fields& fields) {
  Refused to;
  if (from.kind() < 1 || from.kind() > 10) {
    fields.wrong("kind", "is none that this version knows");
  } else {
    to.error.kind = kind_from_number(static_cast<int>(from.kind()));
  }
  to.error.code = fields.text("code", from.code(), limits::word_bytes_max);
  to.error.what = fields.text("what", from.what(), limits::sentence_bytes_max);
  to.error.next = fields.text("next", from.next(), limits::sentence_bytes_max);
  return to;
}

}  // namespace cloister::protocol::codec
