// One fully filled example of every message, shared by the golden, limit and mutation tests.
#pragma once

#include <vector>

#include "protocol/envelope.h"

namespace cloister::protocol::samples {

inline Digest digest(std::uint8_t fill) {
  Digest value;
  value.bytes.fill(fill);
  return value;
}

inline MemberId member(const char* name) { return MemberId::trusted(name); }

inline MemberKeys keys() { return {Bytes(32, 0x51), Bytes(32, 0x5e), Bytes(32, 0xc0)}; }

inline JobProgress progress() {
  return {.job = JobId::trusted("heart-site-a-encode-1"),
          .attempt = 2,
          .phase = "encoding",
          .step = 30,
          .steps = 120,
          .per_second = 2.5,
          .seconds_left = 36,
          .metrics_json = R"({"loss":0.125})"};
}

inline JobView job() {
  return {.id = JobId::trusted("heart-site-a-encode-1"),
          .study = StudyId::trusted("heart"),
          .kind = "encode",
          .assignee = member("agent-a"),
          .site = "site-a",
          .attempt = 2,
          .state = JobState::running,
          .spec_json = R"({"views":3})",
          .spec_digest = digest(0x11),
          .inputs = {{"encoder", digest(0x12), 4096}},
          .outputs = {{"manifest", digest(0x13), 0}},
          .waits_for = "the worker at site-a",
          .since = Instant(1'795'420'800'000),
          .progress = progress()};
}

inline std::vector<Request> requests() {
  const Digest blob = digest(0xb1);
  const JobId upload = JobId::trusted("heart-site-a-release-1");
  return {
      OpenSession{Bytes(16, 0xaa), 1, "0.1.0"},
      Enrol{Bytes(32, 0x77), member("agent-a"), Role::site_agent, "site-a", keys(), Bytes(64, 9),
            Bytes(64, 8)},
      Invite{member("agent-a"), Role::site_agent, "site-a", digest(0x70),
             Instant(1'795'421'700'000)},
      ListEnrolments{},
      Submit{{to_bytes("{\"one\":1}"), to_bytes("{\"two\":2}")}},
      FetchRecords{128, 256},
      FetchSigner{member("agent-a")},
      Poll{7, Duration(20'000), 41, {progress()}, to_bytes("- site-a AAAA")},
      BlobOpen{blob, 3'000'000, upload},
      BlobChunk{blob, 1'048'576, 1'048'576},
      BlobGet{blob, 2'097'152, 902'848},
      PutWraps{
          StudyId::trusted("heart"), upload, member("trainer"), {{digest(0x5a), Bytes(120, 1)}}},
      GetWraps{{digest(0x5a), digest(0x5b)}},
      Ask{"job", "heart-site-a-encode-1"},
  };
}

inline std::vector<Reply> replies() {
  const Digest blob = digest(0xb1);
  const Bytes checkpoint = to_bytes("cloister.example/log\n41\nq83v\n");
  return {
      SessionOpened{Bytes(16, 0xaa), Bytes(16, 0xbb), 1},
      EnrolmentState{EnrolmentState::Step::enrolled, "Welcome.", {to_bytes("{}")}},
      Enrolments{{{member("agent-a"), Role::site_agent, "site-a", keys(),
                   Instant(1'795'420'800'000), Bytes(64, 8)}}},
      Receipts{{{40, digest(0x1e)}}, checkpoint},
      Records{{{40, to_bytes("{\"leaf\":1}"), to_bytes("{\"env\":1}")}}, checkpoint},
      SignerState{12, digest(0x1e)},
      Work{8,
           {job()},
           {{StudyId::trusted("heart"), "encoding", to_bytes("{}"), {to_bytes("{}")}}},
           {to_bytes("{}")},
           checkpoint,
           {Bytes(32, 3)},
           {checkpoint}},
      BlobState{blob, 3'000'000, 1'048'576, false, 8},
      BlobData{blob, 3'000'000, 2'097'152},
      Wraps{{{digest(0x5a), Bytes(120, 1)}}},
      Told{R"({"jobs":[]})"},
      Done{},
      Refused{{Kind::unsupported, "protocol.version", "Too old.", "Upgrade."}},
  };
}

inline Header header() {
  return {.version = 1,
          .sender = member("agent-a"),
          .audience = member("coordinator"),
          .session = Bytes(16, 0xbb),
          .counter = 5,
          .issued_at = Instant(1'795'420'800'123),
          .method = 8,
          .body_digest = digest(0xd1),
          .in_reply_to = digest(0xd2)};
}

}  // namespace cloister::protocol::samples
