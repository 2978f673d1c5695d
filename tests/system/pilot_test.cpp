// A plan tried before anybody joins, by the command line and a real worker.
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "cli/child.h"
#include "cli/json_read.h"
#include "tests/cli/folder.h"
#include "tests/system/small_consortium.h"

using namespace cloister;
using namespace cloister::system_test;

namespace {

// Networks that learn next to nothing, in seconds.
const std::string plan = R"(study = "heart-1"
title = "Hearts"
purpose = "research"
legal_basis = "drawn hearts"
owner = "olivia"
trainer = "trainer"
trainer_seal_key = "0000000000000000000000000000000000000000000000000000000000000000"
sites = ["site-a"]
quorum = 1
structures = ["LV"]
[budget]
name = "custom"
spacing_mm = 6.0
size_px = 32
image_encoder_steps = 10
mask_encoder_steps = 10
segmentation_steps = 2
tune_steps = 10
attack_steps = 10
)";

// `study preassess` of the plan in `folder`, with these words behind.
Result<cli::Ran> preassess(const std::filesystem::path& folder, std::vector<std::string> more) {
  REQUIRE(write_text(folder / "plan.toml", plan));
  std::vector<std::string> words{"study",
                                 "preassess",
                                 (folder / "plan.toml").string(),
                                 "-o",
                                 (folder / "pilot").string(),
                                 "--data",
                                 (folder / "data").string(),
                                 "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return cli::run_program(std::string(CLOISTER_BIN) + "/cloister", words,
                          {.in = {}, .limit = Duration{600'000}, .log = {}, .on_out = {}});
}

}  // namespace

TEST_CASE(
    "a pilot of baselines alone answers with one document and no gate, and its progress apart",
    "[system]") {
  const cli::Folder folder;
  make_phantom(folder.path / "data" / "site-a", 0);
  const auto ran = preassess(folder.path, {"--modes", "plaintext-unet"});
  REQUIRE(ran);
  INFO(ran->out + ran->err);
  REQUIRE(ran->status == 0);
  const auto answer = provenance::parse_json(ran->out);  // nothing else stands there
  REQUIRE(answer);
  CHECK(cli::items_at(*answer, "modes") == std::vector{provenance::Json("plaintext-unet")});
  CHECK(cli::object_at(*answer, "sites").fields()->empty());
  REQUIRE(cli::items_at(*answer, "scores").size() == 1);
  CHECK(cli::items_at(*answer, "scores").front().find("dsc")->number());
  const auto page = read_text(folder.path / "pilot" / "preassessment.html");
  REQUIRE(page);
  CHECK(page->find("No gate was run") != std::string::npos);
  const auto line = provenance::parse_json(ran->err.substr(0, ran->err.find('\n')));
  REQUIRE(line);
  CHECK(provenance::text_or_empty(*line, "event") == "progress");
}

TEST_CASE("a pilot on a GPU that is not there says what devices there are", "[system]") {
  const cli::Folder folder;
  make_phantom(folder.path / "data" / "site-a", 0);
  const auto ran = preassess(folder.path, {"--device", "cuda:99"});
  REQUIRE(ran);
  INFO(ran->out + ran->err);
  CHECK(ran->status == exit_status(Kind::unsupported));
  CHECK((ran->out + ran->err).find("device.not_there") != std::string::npos);
}

TEST_CASE("a worker's self-check tries the device that it is asked about", "[system]") {
  const auto check = [](const std::string& device) {
    return cli::run_program(std::string(CLOISTER_BIN) + "/cloister-worker",
                            {"--self-check", device},
                            {.in = {}, .limit = Duration{60'000}, .log = {}, .on_out = {}});
  };
  const auto here = check("cpu");
  REQUIRE(here);
  INFO(here->out + here->err);
  CHECK(here->status == 0);
  CHECK(here->out.find("cpu computes") != std::string::npos);
  const auto missing = check("cuda:99");
  REQUIRE(missing);
  CHECK(missing->status == 20);
  CHECK(missing->out.find("'cuda:99' is not there") != std::string::npos);
  CHECK(missing->out.find("\"next\"") != std::string::npos);
  const auto unknown = check("gpu");
  REQUIRE(unknown);
  CHECK(unknown->status == 20);
}
