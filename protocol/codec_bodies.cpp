// The one place that knows which message has which number and which generated type.
#include <array>
#include <utility>

#include "protocol/blob.pb.h"
#include "protocol/codec_messages.h"
#include "protocol/codec_wire.h"
#include "protocol/envelope.h"
#include "protocol/ledger.pb.h"
#include "protocol/limits.h"
#include "protocol/methods.h"
#include "protocol/session.pb.h"
#include "protocol/work.pb.h"

namespace cloister::protocol {
namespace {

// The generated types, in the order of Request and Reply.
template <class... Wire>
struct WireTypes {
  static constexpr std::size_t count = sizeof...(Wire);
  template <std::size_t I>
  using At = std::tuple_element_t<I, std::tuple<Wire...>>;
};
using RequestWire = WireTypes<v1::OpenSession, v1::Enrol, v1::Invite, v1::ListEnrolments,
                              v1::Submit, v1::FetchRecords, v1::FetchSigner, v1::Poll, v1::BlobOpen,
                              v1::BlobChunk, v1::BlobGet, v1::PutWraps, v1::GetWraps, v1::Ask>;
using ReplyWire = WireTypes<v1::SessionOpened, v1::EnrolmentState, v1::Enrolments, v1::Receipts,
                            v1::Records, v1::SignerState, v1::Work, v1::BlobState, v1::BlobData,
                            v1::Wraps, v1::Told, v1::Done, v1::Refused>;
static_assert(RequestWire::count == std::variant_size_v<Request>);
static_assert(ReplyWire::count == std::variant_size_v<Reply>);

constexpr std::array<std::string_view, RequestWire::count> request_names{
    "OpenSession", "Enrol", "Invite",   "ListEnrolments", "Submit",  "FetchRecords",
    "FetchSigner", "Poll",  "BlobOpen", "BlobChunk",      "BlobGet", "PutWraps",
    "GetWraps",    "Ask"};
constexpr std::array<std::string_view, ReplyWire::count> reply_names{
    "SessionOpened", "EnrolmentState", "Enrolments", "Receipts", "Records", "SignerState", "Work",
    "BlobState",     "BlobData",       "Wraps",      "Told",     "Done",    "Refused"};

template <class Types, class Variant, std::size_t I>
void encode_if(const Variant& message, Bytes& bytes) {
  if (message.index() != I) return;
  typename Types::template At<I> wire;
  codec::write(std::get<I>(message), wire);
  bytes = codec::serialise(wire);
}

template <class Types, class Variant, std::size_t... I>
Bytes encode_any(const Variant& message, std::index_sequence<I...>) {
  Bytes bytes;
  (encode_if<Types, Variant, I>(message, bytes), ...);
  return bytes;
}

template <class Types, class Variant, std::size_t I>
void decode_if(std::size_t index, BytesView body, Result<Variant>& out) {
  if (index != I) return;
  typename Types::template At<I> wire;
  if (auto parsed = codec::parse(body, limits::message_bytes_max, wire); !parsed) {
    out = pass(parsed);
    return;
  }
  codec::Fields fields;
  auto message = codec::read(wire, fields);
  if (fields.error()) {
    out = tl::unexpected<Error>(*fields.error());
  } else {
    out = Variant(std::in_place_index<I>, std::move(message));
  }
}

template <class Types, class Variant, std::size_t... I>
Result<Variant> decode_any(std::size_t index, BytesView body, std::index_sequence<I...>) {
  Result<Variant> out = fail(Kind::unsupported, "message.unknown_method",
                             "The other side asks for something that this version does not know.",
                             "Upgrade this side to the version of the other.");
  (decode_if<Types, Variant, I>(index, body, out), ...);
  return out;
}

}  // namespace

std::uint32_t method_of(const Request& request) {
  return static_cast<std::uint32_t>(request.index()) + 1;
}

std::uint32_t method_of(const Reply& reply) {
  return reply_method_base + static_cast<std::uint32_t>(reply.index());
}

std::string_view method_name(std::uint32_t method) {
  if (method >= 1 && method <= request_names.size()) return request_names[method - 1];
  const std::uint32_t reply = method - reply_method_base;
  return reply < reply_names.size() ? reply_names[reply] : "unknown";
}

Bytes encode(const Request& request) {
  return encode_any<RequestWire>(request, std::make_index_sequence<RequestWire::count>());
}

Bytes encode(const Reply& reply) {
  return encode_any<ReplyWire>(reply, std::make_index_sequence<ReplyWire::count>());
}

// A method number that is too small wraps round to an index that nothing has.
Result<Request> decode_request(std::uint32_t method, BytesView body) {
  return decode_any<RequestWire, Request>(std::size_t{method} - 1, body,
                                          std::make_index_sequence<RequestWire::count>());
}

Result<Reply> decode_reply(std::uint32_t method, BytesView body) {
  return decode_any<ReplyWire, Reply>(std::size_t{method} - reply_method_base, body,
                                      std::make_index_sequence<ReplyWire::count>());
}

}  // namespace cloister::protocol
