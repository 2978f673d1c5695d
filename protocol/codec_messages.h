// Private to the codec: one write() and one read() for each message. Generated types are only
// declared here; their headers are included by the codec_*.cpp that need them.
#pragma once

#include "protocol/codec_fields.h"
#include "protocol/messages.h"

namespace cloister::v1 {
class OpenSession;
class SessionOpened;
class Enrol;
class EnrolmentState;
class Invite;
class ListEnrolments;
class Enrolments;
class Ask;
class Told;
class Done;
class Refused;
class Submit;
class Receipts;
class FetchRecords;
class Records;
class FetchSigner;
class SignerState;
class Poll;
class Work;
class BlobOpen;
class BlobState;
class BlobChunk;
class BlobGet;
class BlobData;
class PutWraps;
class GetWraps;
class Wraps;
}  // namespace cloister::v1

namespace cloister::protocol::codec {

void write(const OpenSession& from, v1::OpenSession& to);
void write(const SessionOpened& from, v1::SessionOpened& to);
void write(const Enrol& from, v1::Enrol& to);
void write(const EnrolmentState& from, v1::EnrolmentState& to);
void write(const Invite& from, v1::Invite& to);
void write(const ListEnrolments& from, v1::ListEnrolments& to);
void write(const Enrolments& from, v1::Enrolments& to);
void write(const Ask& from, v1::Ask& to);
void write(const Told& from, v1::Told& to);
void write(const Done& from, v1::Done& to);
void write(const Refused& from, v1::Refused& to);
void write(const Submit& from, v1::Submit& to);
void write(const Receipts& from, v1::Receipts& to);
void write(const FetchRecords& from, v1::FetchRecords& to);
void write(const Records& from, v1::Records& to);
void write(const FetchSigner& from, v1::FetchSigner& to);
void write(const SignerState& from, v1::SignerState& to);
void write(const Poll& from, v1::Poll& to);
void write(const Work& from, v1::Work& to);
void write(const BlobOpen& from, v1::BlobOpen& to);
void write(const BlobState& from, v1::BlobState& to);
void write(const BlobChunk& from, v1::BlobChunk& to);
void write(const BlobGet& from, v1::BlobGet& to);
void write(const BlobData& from, v1::BlobData& to);
void write(const PutWraps& from, v1::PutWraps& to);
void write(const GetWraps& from, v1::GetWraps& to);
void write(const Wraps& from, v1::Wraps& to);

[[nodiscard]] OpenSession read(const v1::OpenSession& from, Fields& fields);
[[nodiscard]] SessionOpened read(const v1::SessionOpened& from, Fields& fields);
[[nodiscard]] Enrol read(const v1::Enrol& from, Fields& fields);
[[nodiscard]] EnrolmentState read(const v1::EnrolmentState& from, Fields& fields);
[[nodiscard]] Invite read(const v1::Invite& from, Fields& fields);
[[nodiscard]] ListEnrolments read(const v1::ListEnrolments& from, Fields& fields);
[[nodiscard]] Enrolments read(const v1::Enrolments& from, Fields& fields);
[[nodiscard]] Ask read(const v1::Ask& from, Fields& fields);
[[nodiscard]] Told read(const v1::Told& from, Fields& fields);
[[nodiscard]] Done read(const v1::Done& from, Fields& fields);
[[nodiscard]] Refused read(const v1::Refused& from, Fields& fields);
[[nodiscard]] Submit read(const v1::Submit& from, Fields& fields);
[[nodiscard]] Receipts read(const v1::Receipts& from, Fields& fields);
[[nodiscard]] FetchRecords read(const v1::FetchRecords& from, Fields& fields);
[[nodiscard]] Records read(const v1::Records& from, Fields& fields);
[[nodiscard]] FetchSigner read(const v1::FetchSigner& from, Fields& fields);
[[nodiscard]] SignerState read(const v1::SignerState& from, Fields& fields);
[[nodiscard]] Poll read(const v1::Poll& from, Fields& fields);
[[nodiscard]] Work read(const v1::Work& from, Fields& fields);
[[nodiscard]] BlobOpen read(const v1::BlobOpen& from, Fields& fields);
[[nodiscard]] BlobState read(const v1::BlobState& from, Fields& fields);
[[nodiscard]] BlobChunk read(const v1::BlobChunk& from, Fields& fields);
[[nodiscard]] BlobGet read(const v1::BlobGet& from, Fields& fields);
[[nodiscard]] BlobData read(const v1::BlobData& from, Fields& fields);
[[nodiscard]] PutWraps read(const v1::PutWraps& from, Fields& fields);
[[nodiscard]] GetWraps read(const v1::GetWraps& from, Fields& fields);
[[nodiscard]] Wraps read(const v1::Wraps& from, Fields& fields);

}  // namespace cloister::protocol::codec
