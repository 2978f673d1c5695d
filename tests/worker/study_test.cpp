// One site's whole study through the real program, on phantoms.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "imaging/nifti.h"
#include "imaging/phantom.h"
#include "tests/worker/worker_run.h"

using namespace cloister;
using namespace cloister::testing;
using nlohmann::json;

namespace {

const Bytes seed(32, 7);

json parsed(const Bytes& bytes) { return json::parse(as_text(bytes)); }

// A phantom site, made once for all tests of this file.
const std::filesystem::path& site() {
  static const std::filesystem::path root = [] {
    auto at = std::filesystem::temp_directory_path() /
              ("cloister-worker-test-" + std::to_string(getpid()));
    imaging::PhantomSite phantom;
    phantom.field_mm = 160;
    phantom.slices_max = 6;
    phantom.training_patients = 3;
    phantom.test_patients = 2;
    REQUIRE(imaging::generate_phantom_site(phantom, at).has_value());
    return at;
  }();
  return root;
}

struct RemoveSite {
  ~RemoveSite() {
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::temp_directory_path() /
                                    ("cloister-worker-test-" + std::to_string(getpid())),
                                ignored);
  }
} remove_site;

Answer run_alone(const json& job, const Named& inputs = {}) {
  WorkerRun worker;
  Answer answer = worker.run(job, inputs);
  CHECK(worker.finish() == 0);
  INFO(answer.failure.dump());
  CHECK(answer.failure.is_null());
  return answer;
}

Bytes site_map() {
  static const Bytes map =
      run_alone(job_of("register-data", tiny_plan(), site())).artifacts.at("site-map");
  return map;
}

}  // namespace

TEST_CASE("a study runs from data to predictions through the real worker", "[worker]") {
  const protocol::StudyPlan plan = tiny_plan();
  const std::string root = site();

  const Answer registered = run_alone(job_of("register-data", plan, root), {{"seed", seed}});
  CHECK(registered.result.at("splits").at("train").at("patients") == 2);
  CHECK(registered.result.at("splits").at("tune").at("patients") == 1);
  CHECK(registered.result.at("splits").at("test").at("cases") == 4);
  CHECK(registered.result.at("excluded").empty());
  CHECK_FALSE(registered.result.at("sandbox").at("network").get<std::string>().starts_with("open"));
  const Bytes map = registered.artifacts.at("site-map");
  for (const json& entry : parsed(map).at("cases")) {
    CHECK(std::filesystem::exists(site() / entry.at("image").get<std::string>()));
  }

  const Answer image =
      run_alone(job_of("train-image-encoder", plan, root), {{"site-map", map}, {"seed", seed}});
  CHECK(image.result.at("unexplained").get<double>() > 0);
  CHECK_FALSE(image.progress.empty());
  const Answer mask =
      run_alone(job_of("train-mask-encoder", plan, root), {{"site-map", map}, {"seed", seed}});
  CHECK(mask.result.at("ceiling").size() == 3);

  const Answer encoded = run_alone(job_of("encode", plan, root),
                                   {{"site-map", map},
                                    {"seed", seed},
                                    {"image-encoder", image.artifacts.at("image-encoder")},
                                    {"mask-encoder", mask.artifacts.at("mask-encoder")}});
  CHECK(encoded.result.at("grid") == json{{"channels", 128}, {"height", 2}, {"width", 2}});
  CHECK(encoded.result.at("shards").size() == 5);
  CHECK(encoded.result.dump().find("P00") == std::string::npos);  // no patient's name leaves
  const Bytes code_map = encoded.artifacts.at("code-map");

  Named shards;
  Named tuning, evaluation, members;
  for (const json& shard : encoded.result.at("shards")) {
    const std::string number = fmt::format("{:06}", shard.at("number").get<int>());
    const Bytes& bytes = encoded.artifacts.at("shards/" + number + ".safetensors");
    CHECK(as_text(bytes).find("P00") == std::string_view::npos);
    const std::string purpose = shard.at("purpose");
    if (purpose == "training") shards["shards/site-a/" + number + ".safetensors"] = bytes;
    if (purpose == "training") members["codes/" + number] = bytes;
    if (purpose == "tuning") tuning["codes/" + number] = bytes;
    if (purpose == "evaluation") evaluation["codes/" + number] = bytes;
  }
  CHECK(shards.size() == 2);
  const Answer pooled = run_alone(job_of("train-segmentation", plan), shards);
  CHECK(pooled.result.at("shards").at("site-a") == 2);
  CHECK(pooled.progress.front().at("phase") == "opening shards");
  // A quorum may be fewer sites than the plan names, and the network says whose places it has.
  protocol::StudyPlan of_three = plan;
  of_three.sites = {"site-0", "site-a", "site-b"};
  WorkerRun alone;
  CHECK(alone.run(job_of("train-segmentation", of_three), shards).failure.at("code") ==
        "pool.site_without_shards");
  json of_quorum = job_of("train-segmentation", of_three);
  of_quorum["parameters"] = {{"sites", {"site-a"}}};
  const Answer by_quorum = run_alone(of_quorum, shards);
  Named asked = tuning;
  asked["network"] = by_quorum.artifacts.at("network");
  json from = job_of("predict", of_three);
  from["parameters"] = {{"site", "site-a"}};
  CHECK(run_alone(from, asked).result.at("replies").size() == tuning.size());
  from["parameters"] = {{"site", "site-b"}};
  WorkerRun stranger;
  CHECK(stranger.run(from, asked).failure.at("code") == "pool.unknown_site");
  const Bytes network = pooled.artifacts.at("network");

  // Two ranks come to nearly the same: batch-norm sees halves of the batches.
  json together = job_of("train-segmentation", plan);
  together["parameters"] = {{"ranks", 2}, {"loopback", true}};
  const Answer ranks = run_alone(together, shards);
  CHECK(ranks.artifacts.contains("network"));
  CHECK(ranks.result.at("final_loss").get<double>() ==
        Approx(pooled.result.at("final_loss").get<double>()).epsilon(0.2));
  CHECK_FALSE(ranks.result.at("sandbox").at("network").get<std::string>().starts_with("open"));
  together["device"] = "cuda:0";
  WorkerRun on_gpus;
  CHECK(on_gpus.run(together, shards).failure.at("code") == "ranks.gpu");
  together.erase("device");
  together["parameters"]["ranks"] = 65;
  WorkerRun too_many;
  CHECK(too_many.run(together, shards).failure.at("code") == "ranks.split");
  WorkerRun nowhere;
  json homeless = job_of("train-segmentation", plan);
  homeless["scratch"] = "/nowhere";
  CHECK(nowhere.run(homeless, shards).failure.at("code") == "codes.scratch");

  const Answer gate = run_alone(job_of("assess-privacy", plan, root),
                                {{"site-map", map},
                                 {"image-encoder", image.artifacts.at("image-encoder")},
                                 {"image-decoder", image.artifacts.at("image-decoder")},
                                 {"mask-encoder", mask.artifacts.at("mask-encoder")},
                                 {"mask-decoder", mask.artifacts.at("mask-decoder")}});
  std::set<std::string> indicators;
  for (const json& one : gate.result.at("indicators")) indicators.insert(one.at("name"));
  CHECK(indicators == std::set<std::string>{"re-identification", "channel-correlation",
                                            "surrogate-decoder", "known-plaintext-pairs",
                                            "foreign-decoder", "mask-leakage", "mask-ceiling"});
  CHECK(gate.result.at("notes").size() == 3);
  CHECK(gate.result.at("verdict") == "fail");  // twelve steps make no mask encoder
  CHECK(gate.artifacts.contains("gate-report"));

  // One warm worker predicts twice; the network travels once.
  WorkerRun warm;
  json predict = job_of("predict", plan);
  predict["parameters"] = {{"site", "site-a"}};
  Named first = tuning;
  first["network"] = network;
  const Answer for_tuning = warm.run(predict, first);
  REQUIRE(for_tuning.failure.is_null());
  predict["reuse"] = {"network"};
  const Answer for_evaluation = warm.run(predict, evaluation);
  REQUIRE(for_evaluation.failure.is_null());
  CHECK(for_evaluation.artifacts.size() == 2);
  const Answer for_members = warm.run(predict, members);
  REQUIRE(for_members.failure.is_null());
  CHECK(for_members.artifacts.size() == 2);
  CHECK(warm.finish() == 0);

  Named tune{{"site-map", map},
             {"code-map", code_map},
             {"mask-decoder", mask.artifacts.at("mask-decoder")}};
  tune.insert(for_tuning.artifacts.begin(), for_tuning.artifacts.end());
  const Answer tuned = run_alone(job_of("tune-mask-decoder", plan, root), tune);
  CHECK(tuned.result.at("patients") == 1);
  WorkerRun astray;  // the data folder is not where it was
  const Answer gone =
      astray.run(job_of("tune-mask-decoder", plan, (site() / "imagesTr").string()), tune);
  CHECK(astray.finish() == 0);
  CHECK(gone.failure.at("code") == "dataset.empty");

  Named judge{{"site-map", map},
              {"code-map", code_map},
              {"mask-decoder", tuned.artifacts.at("mask-decoder")},
              {"mask-encoder", mask.artifacts.at("mask-encoder")}};
  for (const Answer* replies : {&for_tuning, &for_evaluation, &for_members}) {
    judge.insert(replies->artifacts.begin(), replies->artifacts.end());
  }
  const Answer judged = run_alone(job_of("evaluate", plan, root), judge);
  CHECK(judged.result.at("patients") == 2);
  CHECK(judged.result.at("cases") == 4);
  CHECK(judged.result.at("structures").at("LV").at("dsc").at("count") == 4);
  CHECK(judged.result.at("function").at("patients") == 2);
  CHECK(judged.result.at("ceiling").size() == 3);
  REQUIRE(judged.result.at("membership").size() == 2);
  for (const json& one : judged.result.at("membership")) {
    CHECK(one.at("verdict") != "pass");  // five patients tell too little
  }
  CHECK(judged.result.at("calibration").at("temperature") != 1.0);
  CHECK(judged.result.at("calibration").at("ece") <=
        judged.result.at("calibration").at("ece_uncalibrated").get<double>() + 0.1);
  CHECK(judged.result.dump().find("P00") == std::string::npos);
  const json report = parsed(judged.artifacts.at("site-report"));
  CHECK(report.at("cases").size() == 4);
  CHECK(judged.artifacts.contains("overlays/worst.png"));

  // A prediction lies exactly on its image.
  const json& one = report.at("cases").at(0);
  const auto written = site() / "prediction.nii.gz";
  REQUIRE(write_file(written, judged.artifacts.at(one.at("prediction"))).has_value());
  const auto prediction = imaging::read_mask(written);
  const auto original = imaging::read_volume(site() / "imagesTs" /
                                             (one.at("case").get<std::string>() + "_0000.nii.gz"));
  REQUIRE(prediction.has_value());
  REQUIRE(original.has_value());
  CHECK(imaging::same_space(prediction->geometry, original->geometry, 1e-6).has_value());

  // A single image: there and back.
  json ask = job_of("encode-volume", plan);
  ask["parameters"] = {{"image", (site() / "imagesTs" / "P004_ED_0000.nii.gz").string()}};
  const Answer request = run_alone(ask, {{"image-encoder", image.artifacts.at("image-encoder")}});
  CHECK(request.result.at("views") == 3);
  json back = predict;
  back.erase("reuse");
  const Answer reply =
      run_alone(back, {{"network", network}, {"codes/one", request.artifacts.at("request")}});
  ask["kind"] = "decode-volume";
  ask["parameters"]["label_values"] = {{"LV", 3}, {"RV", 1}};
  const Answer drawn = run_alone(ask, {{"mask-decoder", tuned.artifacts.at("mask-decoder")},
                                       {"reply", reply.artifacts.at("replies/one")}});
  CHECK(drawn.artifacts.contains("prediction.nii.gz"));
  CHECK(drawn.result.at("structures").contains("MYO"));
}

TEST_CASE("a training resumed from a checkpoint equals an undisturbed one", "[worker]") {
  protocol::StudyPlan plan = tiny_plan();
  plan.budget.image_encoder_steps = 80;
  const json job = job_of("train-image-encoder", plan, site());
  Named inputs{{"site-map", site_map()}, {"seed", seed}};
  const Answer whole = run_alone(job, inputs);

  WorkerRun interrupted;
  interrupted.send(job, inputs);
  (void)interrupted.receive("training", 1);
  interrupted.signal(SIGTERM);
  const Answer stopped = interrupted.receive();
  REQUIRE(stopped.failure.is_object());
  CHECK(stopped.failure.at("code") == "worker.stopped");
  CHECK(interrupted.finish() == 0);
  REQUIRE_FALSE(stopped.checkpoints.empty());

  inputs["checkpoint"] = stopped.checkpoints.back();
  const Answer resumed = run_alone(job, inputs);
  CHECK(resumed.artifacts.at("image-encoder") == whole.artifacts.at("image-encoder"));
  CHECK(resumed.artifacts.at("image-decoder") == whole.artifacts.at("image-decoder"));
}

TEST_CASE("a task encoder and the paper's preset train as the plan says", "[worker]") {
  protocol::StudyPlan plan = tiny_plan();
  plan.encoder = "task";
  const Named inputs{{"site-map", site_map()}, {"seed", seed}};
  const Answer task = run_alone(job_of("train-image-encoder", plan, site()), inputs);
  const Answer plain = run_alone(job_of("train-image-encoder", tiny_plan(), site()), inputs);
  CHECK(task.artifacts.at("image-encoder") != plain.artifacts.at("image-encoder"));
  plan.backbone = "unet";
  const Answer segmenting = run_alone(job_of("train-image-encoder", plan, site()), inputs);
  CHECK(segmenting.artifacts.at("image-encoder").size() >
        task.artifacts.at("image-encoder").size());
  plan = tiny_plan();
  plan.preset = "paper";
  plan.pooling = "plain";
  plan.budget.test_time_views = 1;
  const Answer paper = run_alone(job_of("train-mask-encoder", plan, site()), inputs);
  CHECK(paper.result.at("ceiling").size() == 3);
}

TEST_CASE("where the plan says so, what a site decodes is half of its own encoder's segmentation",
          "[worker]") {
  protocol::StudyPlan plan = tiny_plan();
  plan.encoder = "task";
  plan.backbone = "unet";
  plan.parts.own_segmentation = true;
  const Named inputs{{"site-map", site_map()}, {"seed", seed}};
  const Answer image = run_alone(job_of("train-image-encoder", plan, site()), inputs);
  const Answer mask = run_alone(job_of("train-mask-encoder", plan, site()), inputs);
  json ask = job_of("encode-volume", plan);
  ask["parameters"] = {{"image", (site() / "imagesTs" / "P004_ED_0000.nii.gz").string()}};
  const Bytes encoder = image.artifacts.at("image-encoder");
  const Answer request = run_alone(ask, {{"image-encoder", encoder}});
  ask["kind"] = "decode-volume";
  // What comes back need not mean anything here.
  Named back{{"mask-decoder", mask.artifacts.at("mask-decoder")},
             {"reply", request.artifacts.at("request")}};
  WorkerRun without;
  CHECK(without.run(ask, back).failure.at("what").get<std::string>().find("image-encoder") !=
        std::string::npos);
  back["image-encoder"] = encoder;
  CHECK(run_alone(ask, back).artifacts.contains("prediction.nii.gz"));
  // An encoder that has none is no reason to go on without it.
  plan.backbone = "none";
  plan.parts.own_segmentation = false;
  const Answer plain = run_alone(job_of("train-image-encoder", plan, site()), inputs);
  back["image-encoder"] = plain.artifacts.at("image-encoder");
  WorkerRun other;
  CHECK(other.run(ask, back).failure.at("code") == "encoder.no_backbone");
}

TEST_CASE("a pilot tries a plan, its baselines and its gate in one process", "[worker]") {
  json job = job_of("pilot", tiny_plan());
  job["parameters"] = {
      {"sites",
       {{{"site", "one"}, {"root", site().string()}},
        {{"site", "two"}, {"root", site().string()}}}},
      {"modes", {"study", "local-only", "mask-ceiling", "paper", "plaintext-unet"}},
      {"gate", true},
      {"patients_max", 2}};
  const Answer answer = run_alone(job);
  std::map<std::string, int> scores;
  for (const json& one : answer.result.at("scores")) {
    ++scores[one.at("mode").get<std::string>()];
    CHECK(one.at("structures").at("LV").at("dsc").at("count") == 4);
  }
  CHECK(scores == std::map<std::string, int>{{"adapted", 2},
                                             {"local-only", 2},
                                             {"mask-ceiling", 2},
                                             {"paper", 2},
                                             {"plaintext-unet", 2}});
  CHECK(answer.result.at("gates").size() == 2);
  CHECK(answer.result.at("gates").at("one").at("indicators").size() >= 7);
  CHECK(answer.checkpoints.empty());
  job["parameters"]["sites"] = json::array();
  WorkerRun worker;
  CHECK(worker.run(job).failure.at("code") == "worker.bad_job");
}

TEST_CASE("a look at the data counts and names nobody, unless it is asked to", "[worker]") {
  json job{{"job_id", "inspect-data"}, {"kind", "inspect-data"}, {"data", {{"root", site()}}}};
  job["parameters"] = {{"cases_max", 4}};
  const Answer alone = run_alone(job);
  CHECK(alone.result.at("opened") == 4);
  CHECK(alone.result.at("usable") == 4);
  CHECK(alone.result.at("seen").at("LV") == 4);
  CHECK(alone.artifacts.empty());
  CHECK(alone.result.dump().find("P00") == std::string::npos);
  protocol::StudyPlan plan = tiny_plan();
  plan.structures.push_back("atrium");
  json asked = job_of("inspect-data", plan, site());
  asked["parameters"] = {{"names", true}, {"withdrawn", {"P001"}}};
  const Answer with_plan = run_alone(asked);
  CHECK(with_plan.result.at("asked").at("missing") == json{"ATRIUM"});
  CHECK(with_plan.result.at("problem_cases").empty());
  CHECK(with_plan.result.at("patients").get<int>() + 1 == alone.result.at("patients").get<int>());
}

TEST_CASE("a guided study's mask decoder travels beside the shards, and only there", "[worker]") {
  protocol::StudyPlan plan = tiny_plan();
  const Named inputs{{"site-map", site_map()}, {"seed", seed}};
  const Answer image = run_alone(job_of("train-image-encoder", plan, site()), inputs);
  const Answer mask = run_alone(job_of("train-mask-encoder", plan, site()), inputs);
  Named encode = inputs;
  encode["image-encoder"] = image.artifacts.at("image-encoder");
  encode["mask-encoder"] = mask.artifacts.at("mask-encoder");
  encode["mask-decoder"] = mask.artifacts.at("mask-decoder");
  const Answer closed = run_alone(job_of("encode", plan, site()), encode);
  CHECK_FALSE(closed.artifacts.contains("shards/000000.safetensors"));
  for (const auto& [name, bytes] : closed.artifacts) {
    CHECK(bytes != mask.artifacts.at("mask-decoder"));
  }
  plan.preset = "guided";
  plan.pooling = "guided";
  plan.mask_decoder_leaves = true;
  json job = job_of("encode", plan, site());
  WorkerRun worker;
  const Answer open = worker.run(job, encode);
  REQUIRE(open.failure.is_null());
  CHECK(open.artifacts.at("shards/000000.safetensors") == mask.artifacts.at("mask-decoder"));
  CHECK(open.result.at("shards").back().at("purpose") == "mask-decoder");
  CHECK(open.result.dump().find("P00") == std::string::npos);
  Named pool;
  for (const json& shard : open.result.at("shards")) {
    if (shard.at("purpose") != "training") continue;
    const std::string number = fmt::format("{:06}", shard.at("number").get<int>());
    pool["shards/site-a/" + number + ".safetensors"] =
        open.artifacts.at("shards/" + number + ".safetensors");
  }
  WorkerRun without;
  CHECK(without.run(job_of("train-segmentation", plan), pool).failure.at("code") ==
        "worker.input_missing");
  pool["decoders/site-a"] = open.artifacts.at("shards/000000.safetensors");
  CHECK(run_alone(job_of("train-segmentation", plan), pool).artifacts.contains("network"));
}

TEST_CASE("a withdrawn patient is left out of everything that follows", "[worker]") {
  json job = job_of("register-data", tiny_plan(), site());
  job["parameters"] = {{"withdrawn", {"P005"}}};
  const Answer answer = run_alone(job);
  CHECK(answer.result.at("excluded").at("dataset.withdrawn") == 2);
  for (const json& entry : parsed(answer.artifacts.at("site-map")).at("cases")) {
    CHECK(entry.at("patient") != "P005");
  }
}

TEST_CASE("data that leave nobody to test the network on are refused before anything is trained",
          "[worker]") {
  json job = job_of("register-data", tiny_plan(), site());
  job["parameters"] = {{"withdrawn", {"P004", "P005"}}};  // the folder's test patients
  CHECK(run_alone(job).result.at("splits").at("test").at("patients") == 1);
  job["parameters"] = {{"withdrawn", {"P003", "P004", "P005"}}};
  WorkerRun worker;
  const Answer refused = worker.run(job);
  INFO(refused.failure.dump());
  CHECK(worker.finish() == 0);
  CHECK(refused.failure.at("code") == "dataset.not_testable");
  CHECK(refused.failure.at("what").get<std::string>().find("0 be held out") != std::string::npos);
  CHECK(refused.failure.at("next").get<std::string>().starts_with("Add patients"));
}

TEST_CASE("a case that was damaged after registration is warned of and left out", "[worker]") {
  const auto damaged = site() / "labelsTs" / "P004_ED.nii.gz";
  const auto good = read_file(damaged);
  REQUIRE(good.has_value());
  json map = parsed(site_map());
  for (json& entry : map.at("cases")) {
    if (entry.at("case") == "P001_ED") entry["mask"] = "labelsTr/P002_gone.nii.gz";
    entry["split"] = "train";
  }
  const std::string text = map.dump();
  const Answer answer = run_alone(job_of("train-image-encoder", tiny_plan(), site()),
                                  {{"site-map", to_bytes(text)}, {"seed", seed}});
  REQUIRE(answer.warnings.size() == 1);
  CHECK(answer.warnings[0].at("code") == "image.missing");
  CHECK(answer.result.at("patients") == 5);
}

TEST_CASE("a site map that points out of the data folder is refused", "[worker]") {
  json map = parsed(site_map());
  map.at("cases").at(0)["image"] = "../../etc/passwd";
  WorkerRun worker;
  const Answer answer = worker.run(job_of("train-image-encoder", tiny_plan(), site()),
                                   {{"site-map", to_bytes(map.dump())}, {"seed", seed}});
  CHECK(answer.failure.at("code") == "worker.bad_site_map");
}
