#include <catch2/catch.hpp>

#include "base/file.h"
#include "cli/network_export.h"
#include "crypto/hash.h"
#include "folder.h"
#include "protocol/plan.h"
#include "tests/onnx_export/toy_network.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::cli;
using cloister::onnx_export::test::toy_network;
using cloister::provenance::RecordKind;
using cloister::provenance::test::World;

namespace {

// A study whose plan named these sites when its network was trained, in a trainer's home.
struct TrainedStudy {
  World world;
  Folder folder;
  Bytes network;
  report::ModelFacts facts;

  explicit TrainedStudy(int sites) {
    network = write_tensor_file(toy_network({1, 0, sites}));
    facts.digest = to_hex(crypto::sha256(network));
    facts.released = true;
    REQUIRE(make_folder(folder.path / "trainer/models"));
    REQUIRE(write_file(model_path(), network));
  }
  [[nodiscard]] std::filesystem::path model_path() const {
    return folder.path / "trainer/models" / facts.digest;
  }
  // The plan's digest.
  Digest open(std::uint32_t version, const std::vector<std::string>& sites) {
    protocol::StudyPlan plan;
    plan.study = StudyId::trusted("heart");
    plan.version = version;
    plan.title = plan.purpose = plan.legal_basis = "testing";
    plan.owner = "owner";
    plan.trainer = "trainer";
    plan.trainer_seal_key = std::string(64, 'a');
    plan.sites = sites;
    plan.structures = {"LV"};
    plan.budget = protocol::budget_preset("quick").value();
    plan.gate = protocol::default_thresholds();
    const std::string json = to_json(plan);
    auto record = draft("owner", RecordKind::study_opened);
    record.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
    record.details.set("plan", provenance::parse_json(json).value());
    world.add(record);
    return record.subjects.front().digest;
  }
  void train_under(const Digest& plan) {
    const std::string job = "heart-pool-train-segmentation-1";
    auto offered = draft("coordinator", RecordKind::job_submitted);
    offered.job = JobId::trusted(job);
    offered.subjects = {{"spec", provenance::test::digest_of(job)}};
    offered.inputs = {{"plan", "plan", plan, std::nullopt}};
    world.add(offered);
    auto made = draft("trainer", RecordKind::model_produced);
    made.job = JobId::trusted(job);
    made.subjects = {{"model", digest_from_hex(facts.digest).value()}};
    world.add(made);
  }
  [[nodiscard]] Result<std::vector<report::ExportedFile>> write() const {
    Replica replica;
    replica.ledger = world.ledger;
    return export_network(replica, facts,
                          {StudyId::trusted("heart"), folder.path / "trainer", folder.path});
  }
  [[nodiscard]] std::string refusal() const {
    const auto files = write();
    if (!files) UNSCOPED_INFO(files.error().what);
    return files ? "none" : files.error().code;
  }

 private:
  [[nodiscard]] provenance::Record draft(const std::string& member, RecordKind kind) const {
    auto record = world.draft(member, kind);
    record.study = StudyId::trusted("heart");
    return record;
  }
};

}  // namespace

TEST_CASE("a released network is written as it is, and as a model for each site", "[cli]") {
  TrainedStudy study(2);
  study.train_under(study.open(1, {"site-b", "site-a"}));
  const auto files = study.write();
  REQUIRE(files);
  REQUIRE(files->size() == 3);
  CHECK(files->at(0).name == "network.safetensors");
  CHECK(files->at(0).digest == study.facts.digest);
  CHECK(files->at(1).name == "network-site-b.onnx");
  CHECK(files->at(2).name == "network-site-a.onnx");
  for (const auto& file : *files)
    CHECK(to_hex(crypto::sha256(read_file(study.folder.path / file.name).value())) == file.digest);
}

TEST_CASE("the sites are those of the plan that the network was trained under", "[cli]") {
  TrainedStudy study(2);
  study.train_under(study.open(1, {"site-a", "site-b"}));
  study.open(2, {"site-c", "site-a", "site-b"});
  const auto files = study.write();
  REQUIRE(files);
  CHECK(files->at(1).name == "network-site-a.onnx");
}

TEST_CASE("a network pooled plainly is one model for all sites", "[cli]") {
  TrainedStudy study(0);
  study.train_under(study.open(1, {"site-a", "site-b"}));
  const auto files = study.write();
  REQUIRE(files);
  REQUIRE(files->size() == 2);
  CHECK(files->at(1).name == "network.onnx");
}

TEST_CASE("a network that is not released, not there, another or of no plan is not exported",
          "[cli]") {
  TrainedStudy study(2);
  CHECK(study.refusal() == "lineage.unknown");
  const Digest plan = study.open(1, {"site-a"});
  CHECK(study.refusal() == "model.no_plan");
  study.train_under(plan);
  CHECK(study.refusal() == "onnx.sites");
  CHECK_FALSE(std::filesystem::exists(study.folder.path / "network.safetensors"));
  study.facts.released = false;
  CHECK(study.refusal() == "model.not_released");
  study.facts.released = true;
  REQUIRE(write_text(study.model_path(), "another network"));
  CHECK(study.refusal() == "model.other_file");
  std::filesystem::remove(study.model_path());
  CHECK(study.refusal() == "model.not_here");
}
