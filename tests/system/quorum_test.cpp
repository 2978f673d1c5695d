// A study of two sites of which one says no: the quorum trains without it, in two processes, and
// what comes of it is released and used by the site that took part, and by no other.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "cli/json_read.h"
#include "tests/cli/folder.h"
#include "tests/system/small_consortium.h"

using namespace cloister;
using namespace cloister::system_test;
using cli::items_at;
using provenance::text_or_empty;
namespace fs = std::filesystem;

namespace {

constexpr const char* study = "heart-1";
const std::string all_kinds =
    R"("register-data", "train-image-encoder", "train-mask-encoder", "encode", "assess-privacy",
       "tune-mask-decoder", "evaluate")";

// Networks that learn next to nothing, in seconds.
std::string plan_for_two(SmallConsortium& all) {
  return fmt::format(R"(study = "heart-1"
title = "Hearts"
purpose = "research"
legal_basis = "drawn hearts"
owner = "olivia"
trainer = "trainer"
trainer_seal_key = "{}"
sites = ["site-b", "site-a"]
quorum = 1
release_approvals = 1
patients_min = 4
structures = ["LV", "MYO", "RV"]
encoder = "reconstruct"
mask_ceiling_min = 0.0
[budget]
name = "custom"
spacing_mm = 3.0
size_px = 64
image_encoder_steps = 30
mask_encoder_steps = 60
segmentation_steps = 40
tune_steps = 10
attack_steps = 20
)",
                     trainer_seal_of(all));
}

struct Two {
  explicit Two(const fs::path& folder) : all(folder) {
    all.start_trainer("ranks = 2\n");
    for (const char* site : {"site-a", "site-b"}) {
      const std::string name = site;
      make_phantom(folder / "data" / site, name == "site-a" ? 0 : 1);
      const auto policy = policy_for(folder / "data" / site, name == "site-a" ? all_kinds : "");
      all.add_agent(site, policy + "standing_predictions = true\n");
      all.add_person("admin-" + name, "site-admin", name);
      all.add_person("steward-" + name, "site-steward", name);
    }
    all.add_person("olivia", "study-owner");
    const auto policy = (all.agent("site-a") / "policy.toml").string();
    must(all.at("site-a", "admin-site-a", {"site", "publish-policy", policy}));
    const auto plan = folder / "plan.toml";
    REQUIRE(write_text(plan, plan_for_two(all)));
    must(all.as("olivia", {"study", "open", plan.string()}));
  }
  static Said must(Said said) {
    INFO(said.text);
    REQUIRE(said.status == 0);
    return said;
  }
  // Waits for this job of the study; its state at the end, where it never gets there.
  std::string state_after(const std::string& job, const std::string& state) {
    std::string last = "none";
    for (int minutes = 0; minutes < 4; ++minutes) {
      const bool is_there = all.eventually([&] {
        for (const auto& one : items_at(all.as("olivia", {"study", "jobs", study}).json, "jobs"))
          if (text_or_empty(one, "id") == job) last = text_or_empty(one, "state");
        return last == state || last == "failed";
      });
      if (is_there) break;
    }
    return last;
  }
  std::string network() {
    const auto models = items_at(must(all.as("olivia", {"study", "status", study})).json, "models");
    REQUIRE(models.size() == 1);
    return text_or_empty(models[0], "digest");
  }

  SmallConsortium all;
};

}  // namespace

TEST_CASE("a quorum trains without the site that refused, in two ranks, for itself alone",
          "[system]") {
  const cli::Folder folder;
  Two two(folder.path);
  auto& all = two.all;
  const std::string refused = "heart-1-site-b-register-data-1";
  REQUIRE(two.state_after(refused, "offered") == "offered");
  Two::must(all.at("site-b", "admin-site-b",
                   {"site", "deny", refused, "--reason", "the ethics board did not agree"}));

  REQUIRE(two.state_after("heart-1-site-a-release-1", "offered") == "offered");
  const auto steward = [&](std::vector<std::string> words) {
    return all.at("site-a", "steward-site-a", std::move(words));
  };
  Two::must(steward({"site", "exception", study, "--reason", "drawn hearts"}));
  Two::must(steward({"site", "release", study}));
  INFO(read_text(folder.path / "trainer.log").value_or(""));
  REQUIRE(two.state_after("heart-1-pool-train-segmentation-1", "done") == "done");
  REQUIRE(two.state_after("heart-1-site-a-evaluate-1", "done") == "done");

  const std::string network = two.network();
  Two::must(steward({"site", "accept-model", study}));
  (void)steward({"site", "exception", study, "--model", network, "--reason", "drawn hearts"});
  Two::must(all.as("olivia", {"study", "release", study, "--reason", "a test"}));

  const auto image = fs::directory_iterator(folder.path / "data/site-a/imagesTs")->path();
  const auto stand = [&](const std::string& site) {
    return all.at(site, "steward-" + site, {"site", "standing", study, "--reason", "own patients"});
  };
  const auto predict_at = [&](const std::string& site) {
    return all.at(site, "",
                  {"predict", image.string(), "-o", (folder.path / (site + ".nii.gz")).string()});
  };
  Two::must(stand("site-a"));
  Two::must(predict_at("site-a"));
  CHECK(fs::exists(folder.path / "site-a.nii.gz"));
  // The network has no place for the site that it did not learn from; both verbs say so.
  const Said early = stand("site-b");
  Two::must(early);
  CHECK_FALSE(cli::truth_at(early.json, "learnt_from_us"));
  const Said stranger = predict_at("site-b");
  INFO(stranger.text);
  CHECK(stranger.code == "predict.not_learnt");
  CHECK_FALSE(fs::exists(folder.path / "site-b.nii.gz"));
}
