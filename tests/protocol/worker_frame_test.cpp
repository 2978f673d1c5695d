#include <catch2/catch.hpp>

#include "protocol/envelope.h"
#include "protocol/jobs.h"
#include "protocol/limits.h"
#include "protocol/plan.h"
#include "protocol/worker_frame.h"

using namespace cloister;
using namespace cloister::protocol;

TEST_CASE("frames come out whole however the bytes arrive", "[protocol]") {
  Bytes stream = encode_frame(FrameType::progress, as_bytes("{}"));
  append(stream, encode_frame(FrameType::checkpoint, Bytes(3000, 7)));
  append(stream, encode_frame(FrameType::start, {}));
  for (std::size_t step : {1U, 2U, 9U, 1000U, 5000U}) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.feed(BytesView(stream).subspan(at, std::min(step, stream.size() - at)));
      while (true) {
        auto frame = reader.next();
        REQUIRE(frame.has_value());
        if (!frame->has_value()) break;
        frames.push_back(**frame);
      }
    }
    REQUIRE(frames.size() == 3);
    CHECK(frames[0] == Frame{FrameType::progress, to_bytes("{}")});
    CHECK(frames[1].payload.size() == 3000);
    CHECK(frames[2].type == FrameType::start);
  }
}

TEST_CASE("garbage from a worker is refused, not allocated", "[protocol]") {
  FrameReader unknown;
  unknown.feed(Bytes(9, 0));
  CHECK(unknown.next().error().code == "worker.garbage");
  FrameReader huge;
  huge.feed(frame_head(FrameType::artifact, UINT64_MAX));
  CHECK(huge.next().error().code == "worker.garbage");
}

TEST_CASE("names of artifacts cannot leave a folder", "[protocol]") {
  Bytes good = named_payload_head("shard/0001");
  append(good, as_bytes("content"));
  const auto named = decode_named(good);
  REQUIRE(named.has_value());
  CHECK(named->name == "shard/0001");
  CHECK(as_text(named->content) == "content");
  for (std::string_view bad : {"../x", "/x", "A", "a b"}) {
    Bytes payload{static_cast<std::uint8_t>(bad.size()), 0};
    append(payload, as_bytes(bad));
    CHECK_FALSE(decode_named(payload).has_value());
  }
  CHECK_FALSE(decode_named(Bytes{9, 0, 'a'}).has_value());
}

TEST_CASE("the same job of the same study has the same id", "[protocol]") {
  const auto study = StudyId::trusted("heart");
  CHECK(job_id(study, "site-a", "encode", 1).text() == "heart-site-a-encode-1");
  CHECK(job_id(study, "", "train-segmentation", 2).text() == "heart-pool-train-segmentation-2");
  CHECK(job_kind("encode").value().performer == Performer::site);
  CHECK(job_kind("release").value().leaves_site);
  CHECK(job_kind("mine-bitcoin").error().kind == Kind::unsupported);
}
