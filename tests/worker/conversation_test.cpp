// What the worker answers when the conversation goes wrong, and what its sandbox refuses.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "tests/worker/worker_run.h"

using namespace cloister;
using namespace cloister::testing;
using nlohmann::json;
using protocol::FrameType;

namespace {

std::string failure_code(const json& job, const Named& inputs = {}) {
  WorkerRun worker;
  const Answer answer = worker.run(job, inputs);
  REQUIRE(answer.failure.is_object());
  CHECK(answer.failure.at("what").get<std::string>().size() > 10);
  CHECK(worker.finish() == 0);
  return answer.failure.at("code");
}

}  // namespace

TEST_CASE("a host that closes its end without a job ends the worker quietly", "[worker]") {
  WorkerRun worker;
  CHECK(worker.finish() == 0);
}

TEST_CASE("garbage on standard input is answered and ends the worker", "[worker]") {
  WorkerRun worker;
  worker.send_raw(Bytes(500, 0xEE));
  const Answer answer = worker.receive();
  CHECK(answer.failure.at("code") == "worker.bad_frame");
  CHECK(worker.finish() == 2);
}

TEST_CASE("a frame that is cut short or claims the whole memory is no harm", "[worker]") {
  WorkerRun cut;
  Bytes frame = protocol::encode_frame(FrameType::job, as_bytes("{\"kind\": \"encode\"}"));
  frame.resize(frame.size() - 3);
  cut.send_raw(frame);
  CHECK(cut.finish() == 2);
  WorkerRun huge;
  huge.send_raw(protocol::frame_head(FrameType::job, 3ULL << 30));
  CHECK(huge.finish() == 2);
}

TEST_CASE("frames out of turn are refused", "[worker]") {
  WorkerRun worker;
  worker.send_raw(protocol::encode_frame(FrameType::start, {}));
  const Answer answer = worker.receive();
  CHECK(answer.failure.at("code") == "worker.bad_frame");
  CHECK(worker.finish() == 2);
}

TEST_CASE("jobs that cannot be understood or lack what they need say so", "[worker]") {
  const auto plan = tiny_plan();
  CHECK(failure_code(json::array()) == "worker.bad_job");
  CHECK(failure_code({{"kind", "encode"}, {"colour", "blue"}}) == "worker.bad_job");
  CHECK(failure_code({{"kind", "encode"}, {"limits", {{"threads", -1}}}}) == "worker.bad_job");
  CHECK(failure_code({{"kind", "dance"}}) == "worker.unknown_kind");
  CHECK(failure_code({{"kind", "encode"}}) == "worker.plan_missing");
  CHECK(failure_code(job_of("train-segmentation", plan)) == "pool.site_without_shards");
  CHECK(failure_code(job_of("encode", plan, "/nowhere")) == "worker.input_missing");
  CHECK(failure_code(job_of("register-data", plan, "/nowhere")) == "dataset.missing");
  CHECK(failure_code(job_of("register-data", plan)) == "worker.bad_job");
  json predict = job_of("predict", plan);
  predict["parameters"] = {{"site", "site-z"}};
  CHECK(failure_code(predict) == "worker.input_missing");
  predict["parameters"] = {{"site", 3}};
  CHECK(failure_code(predict) == "worker.bad_job");
}

TEST_CASE(
    "a GPU that is not there fails the job with what is there, and nothing is computed elsewhere",
    "[worker]") {
  json job = job_of("register-data", tiny_plan(), "/nowhere");
  job["device"] = "cuda:63";
  CHECK(failure_code(job) == "device.not_there");
  job["device"] = "gpu";
  CHECK(failure_code(job) == "device.unknown");
  job["device"] = "cpu";
  job["limits"] = {{"gpu_memory_share", 0.5}};
  CHECK(failure_code(job) == "dataset.missing");  // a share of a GPU means nothing to a CPU
  for (const double share : {0.0, -0.5, 1.5}) {
    job["limits"] = {{"gpu_memory_share", share}};
    CHECK(failure_code(job) == "worker.bad_job");
  }
}

TEST_CASE("a failed job leaves the worker ready for the next one", "[worker]") {
  WorkerRun worker;
  CHECK(worker.run({{"kind", "dance"}}).failure.at("code") == "worker.unknown_kind");
  CHECK(worker.run({{"kind", "sing"}}).failure.at("code") == "worker.unknown_kind");
  CHECK(worker.finish() == 0);
}

TEST_CASE("a worker that waits is stopped by SIGTERM with an answer", "[worker]") {
  WorkerRun worker;
  CHECK(worker.run({{"kind", "dance"}}).failure.is_object());
  worker.signal(SIGTERM);
  const Answer answer = worker.receive();
  REQUIRE(answer.failure.is_object());
  CHECK(answer.failure.at("code") == "worker.stopped");
  CHECK(worker.finish() == 0);
}

TEST_CASE("inside of the sandbox nothing can be written, and another sandbox is not to be had",
          "[worker]") {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("cloister-sandbox-test-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  WorkerRun worker;
  CHECK(worker.run({{"kind", "dance"}}).failure.is_object());  // a read-only sandbox is made
  const json phantom{{"kind", "phantom"},
                     {"parameters", {{"folder", folder.string()}, {"training_patients", 1}}}};
  CHECK(worker.run(phantom).failure.at("code") == "worker.sandbox_fixed");
  CHECK(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST_CASE("the phantom job writes a folder and names what held", "[worker]") {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("cloister-phantom-test-" + std::to_string(getpid()));
  WorkerRun worker;
  const Answer answer = worker.run({{"kind", "phantom"},
                                    {"parameters",
                                     {{"folder", folder.string()},
                                      {"training_patients", 2},
                                      {"test_patients", 0},
                                      {"field_mm", 100},
                                      {"slices_max", 5}}}});
  INFO(answer.failure.dump());
  REQUIRE(answer.result.is_object());
  CHECK(answer.result.at("cases") == 4);
  CHECK(std::filesystem::exists(folder / "imagesTr" / "P002_ES_0000.nii.gz"));
  CHECK(answer.result.at("sandbox").size() == 5);
  CHECK(worker.finish() == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a worker whose memory limit is too small answers instead of dying silently",
          "[worker]") {
  json job = job_of("encode-volume", tiny_plan());
  job["limits"] = {{"memory_bytes", 900 << 20}};
  WorkerRun worker;
  Named inputs{{"image-encoder", Bytes(300 << 20, 1)}};
  const Answer answer = worker.run(job, inputs);
  REQUIRE(answer.failure.is_object());
  CHECK(answer.failure.at("code") == "worker.out_of_memory");
  CHECK(worker.finish() == 3);
}
