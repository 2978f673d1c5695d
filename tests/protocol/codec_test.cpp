#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "base/file.h"
#include "base/prng.h"
#include "base/version.h"
#include "protocol/envelope.h"
#include "protocol/limits.h"
#include "tests/protocol/samples.h"

using namespace cloister;
using namespace cloister::protocol;

namespace {

std::map<std::string, std::string> golden() {
  std::map<std::string, std::string> lines;
  std::istringstream file(read_text("tests/protocol/golden/messages.hex").value());
  for (std::string name, hex; file >> name >> hex;) lines[name] = hex == "-" ? "" : hex;
  return lines;
}

template <class Message>
std::string code_of(const Message& message) {
  const Bytes body = encode(message);
  if constexpr (std::is_same_v<Message, Request>) {
    auto decoded = decode_request(method_of(message), body);
    return decoded ? "" : decoded.error().code;
  } else {
    auto decoded = decode_reply(method_of(message), body);
    return decoded ? "" : decoded.error().code;
  }
}
std::string request_code(Request request) { return code_of(request); }
std::string reply_code(Reply reply) { return code_of(reply); }

Bytes tagged(std::uint8_t tag, BytesView content) {
  Bytes bytes{tag, static_cast<std::uint8_t>(content.size())};
  append(bytes, content);
  return bytes;
}

}  // namespace

TEST_CASE("every message has the bytes that docs/formats.md promises for ever", "[protocol]") {
  const auto expected = golden();
  std::size_t checked = 0;
  auto check = [&](std::string_view name, BytesView bytes) {
    INFO(name << " " << (bytes.empty() ? "-" : to_hex(bytes)));
    const auto found = expected.find(std::string(name));
    CHECK((found != expected.end() && found->second == to_hex(bytes)));
    ++checked;
  };
  for (const Request& request : samples::requests()) {
    check(method_name(method_of(request)), encode(request));
  }
  for (const Reply& reply : samples::replies()) check(method_name(method_of(reply)), encode(reply));
  const Bytes header = encode_header(samples::header());
  check("Header", header);
  check("Envelope", encode_envelope({header, Bytes(64, 0x5f), to_bytes("body")}));
  check("signed-bytes", signed_bytes(header));
  check("enrolment-claim",
        enrolment_claim(samples::digest(0x70), std::get<Enrol>(samples::requests()[1])));
  CHECK(checked == expected.size());
}

TEST_CASE("every message comes back from its bytes as it was", "[protocol]") {
  for (const Request& request : samples::requests()) {
    INFO(method_name(method_of(request)));
    CHECK(decode_request(method_of(request), encode(request)).value() == request);
  }
  for (const Reply& reply : samples::replies()) {
    INFO(method_name(method_of(reply)));
    CHECK(decode_reply(method_of(reply), encode(reply)).value() == reply);
  }
  CHECK(samples::requests().size() == std::variant_size_v<Request>);
  CHECK(samples::replies().size() == std::variant_size_v<Reply>);
  CHECK(decode_header(encode_header(samples::header())).value() == samples::header());
  const SealedMessage sealed{encode_header(samples::header()), Bytes(64, 1), Bytes(100, 2)};
  CHECK(decode_envelope(encode_envelope(sealed)).value() == sealed);
}

TEST_CASE("a message of another protocol version is refused with what to upgrade", "[protocol]") {
  Header header = samples::header();
  for (std::uint32_t version : {protocol_version + 1, 4'000'000'000U}) {
    header.version = version;
    Bytes bytes = encode_header(header);
    // A newer version may have fields that we do not know: the version is still what we report.
    append(bytes, tagged(0x7a, to_bytes("new")));
    const auto decoded = decode_header(bytes);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == "protocol.version");
    CHECK(decoded.error().kind == Kind::unsupported);
    CHECK(decoded.error().next.find("pgrade") != std::string::npos);
  }
  header.version = 0;
  CHECK(decode_header(encode_header(header)).error().code == "protocol.version");
}

TEST_CASE("fields that no version knows, or twice, or of another type, are refused", "[protocol]") {
  const Request request = FetchSigner{samples::member("agent-a")};
  auto refused_with = [&](const Bytes& more) {
    Bytes body = encode(request);
    append(body, more);
    auto decoded = decode_request(method_of(request), body);
    return decoded ? "" : decoded.error().code;
  };
  CHECK(refused_with({}) == "");
  CHECK(refused_with(tagged(0x12, to_bytes("x"))) == "message.unknown_field");
  CHECK(refused_with({0x08, 0x01}) == "message.unknown_field");  // field 1 as a number
  CHECK(refused_with(tagged(0x0a, to_bytes("b"))) == "message.repeated_field");
  CHECK(refused_with({0x0b, 0x0c}) == "message.unknown_field");  // a group
  CHECK(refused_with({0x12}) == "message.unknown_field");
  CHECK(refused_with({0x80}) == "message.truncated");
  CHECK(decode_request(0, {}).error().code == "message.unknown_method");
  CHECK(decode_request(15, {}).error().code == "message.unknown_method");
  CHECK(decode_reply(999, {}).error().code == "message.unknown_method");
  CHECK(decode_reply(1013, {}).error().code == "message.unknown_method");
}

TEST_CASE("counts, sizes and ranges are taken up to their limit and refused beyond it",
          "[protocol]") {
  const Bytes tiny{1};
  CHECK(request_code(Submit{std::vector<Bytes>(limits::records_max, tiny)}) == "");
  CHECK(request_code(Submit{std::vector<Bytes>(limits::records_max + 1, tiny)}) == "message.field");
  CHECK(request_code(Submit{{Bytes(limits::envelope_bytes_max)}}) == "");
  CHECK(request_code(Submit{{Bytes(limits::envelope_bytes_max + 1)}}) == "message.field");
  CHECK(request_code(FetchRecords{0, limits::records_max}) == "");
  CHECK(request_code(FetchRecords{0, limits::records_max + 1}) == "message.field");
  CHECK(request_code(Poll{.wait = limits::poll_wait_max}) == "");
  CHECK(request_code(Poll{.wait = limits::poll_wait_max + Duration(1)}) == "message.field");
  CHECK(request_code(OpenSession{Bytes(15), 1, ""}) == "message.field");
  CHECK(request_code(OpenSession{Bytes(17), 1, ""}) == "message.field");
  CHECK(request_code(OpenSession{Bytes(16), 1, std::string(100, 'x')}) == "");
  CHECK(request_code(OpenSession{Bytes(16), 1, std::string(101, 'x')}) == "message.field");
  const Digest blob = samples::digest(1);
  const JobId job = JobId::trusted("j");
  CHECK(request_code(BlobOpen{blob, limits::blob_bytes_max, job}) == "");
  CHECK(request_code(BlobOpen{blob, limits::blob_bytes_max + 1, job}) == "message.field");
  CHECK(request_code(BlobGet{blob, 0, limits::chunk_bytes_max}) == "");
  CHECK(request_code(BlobGet{blob, 0, limits::chunk_bytes_max + 1}) == "message.field");
  CHECK(request_code(GetWraps{std::vector<Digest>(limits::wraps_max, blob)}) == "");
  CHECK(request_code(GetWraps{std::vector<Digest>(limits::wraps_max + 1, blob)}) ==
        "message.field");
  CHECK(reply_code(Told{std::string(limits::told_bytes_max, ' ')}) == "");
  CHECK(reply_code(Told{std::string(limits::told_bytes_max + 1, ' ')}) == "message.field");
  CHECK(reply_code(Told{std::string(limits::message_bytes_max, ' ')}) == "message.too_large");
  CHECK(reply_code(BlobState{blob, 10, 10, true, 8}) == "");
  CHECK(reply_code(BlobState{blob, 10, 11, false, 8}) == "message.field");
  Work work;
  work.consistency.assign(limits::proof_hashes_max, Bytes(32));
  CHECK(reply_code(work) == "");
  work.consistency.emplace_back(32);
  CHECK(reply_code(work) == "message.field");
  work.consistency = {Bytes(31)};
  CHECK(reply_code(work) == "message.field");
}

TEST_CASE("names, roles, states and figures out of their range are refused", "[protocol]") {
  CHECK(request_code(FetchSigner{MemberId::trusted("Agent A")}) == "message.field");
  CHECK(request_code(FetchSigner{MemberId{}}) == "message.field");
  CHECK(request_code(BlobOpen{samples::digest(1), 1, JobId{}}) == "message.field");
  Invite invite = std::get<Invite>(samples::requests()[2]);
  invite.role = static_cast<Role>(10);
  CHECK(request_code(invite) == "message.field");
  invite.role = static_cast<Role>(0);
  CHECK(request_code(invite) == "message.field");
  Work work{.jobs = {samples::job()}};
  work.jobs[0].state = static_cast<JobState>(9);
  CHECK(reply_code(work) == "message.field");
  Poll poll{.progress = {samples::progress()}};
  poll.progress[0].per_second = std::numeric_limits<double>::infinity();
  CHECK(request_code(poll) == "message.field");
  poll.progress[0].per_second = std::nan("");
  CHECK(request_code(poll) == "message.field");
  CHECK(reply_code(Refused{{static_cast<Kind>(11), "a.b", "c", "d"}}) == "message.field");
}

TEST_CASE("two bytes on the wire cannot become hundreds of bytes in memory without end",
          "[protocol]") {
  Bytes empty_jobs;
  for (std::size_t i = 0; i <= limits::elements_max; ++i) append(empty_jobs, Bytes{0x12, 0x00});
  const auto decoded = decode_reply(1006, empty_jobs);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == "message.too_many");
}

TEST_CASE("text that is no UTF-8 leaves as question marks and never enters", "[protocol]") {
  const Reply reply = Refused{{Kind::invalid, "a.b", "bad \xff path", "caf\xc3\xa9"}};
  const auto back = decode_reply(method_of(reply), encode(reply)).value();
  CHECK(std::get<Refused>(back).error.what == "bad ? path");
  CHECK(std::get<Refused>(back).error.next == "caf\xc3\xa9");
  CHECK(decode_reply(1010, tagged(0x0a, to_bytes("\xed\xa0\x80"))).error().code == "message.text");
}

TEST_CASE("mutated, cut and lengthened messages are refused or read, and never crash",
          "[protocol]") {
  Prng prng(20261123);
  auto mutate = [&](Bytes bytes) {
    const std::uint64_t edits = 1 + prng.below(4);
    for (std::uint64_t i = 0; i < edits; ++i) {
      const std::uint64_t choice = prng.below(3);
      if (choice == 0 && !bytes.empty()) {
        bytes[prng.below(bytes.size())] = static_cast<std::uint8_t>(prng.next());
      } else if (choice == 1 && !bytes.empty()) {
        bytes.resize(prng.below(bytes.size()));
      } else {
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(prng.below(bytes.size() + 1)),
                     static_cast<std::uint8_t>(prng.next()));
      }
    }
    return bytes;
  };
  std::size_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    for (const Request& request : samples::requests()) {
      refused += decode_request(method_of(request), mutate(encode(request))) ? 0 : 1;
    }
    for (const Reply& reply : samples::replies()) {
      refused += decode_reply(method_of(reply), mutate(encode(reply))) ? 0 : 1;
    }
    const Bytes header = mutate(encode_header(samples::header()));
    refused += decode_header(header) ? 0 : 1;
    refused += decode_envelope(mutate(encode_envelope({header, Bytes(64), header}))) ? 0 : 1;
  }
  CHECK(refused > 1000);
}
