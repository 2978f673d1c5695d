#include "site-agent/core/policy.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "protocol/jobs.h"
#include "site-agent/core/orders.h"
#include "site-agent/daemon.h"
#include "site-agent/policy_file.h"
#include "tests/support/consortium.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::site_agent;
using cloister::test::Consortium;

namespace {

member::Study a_study(Consortium& all) {
  const auto membership = member::Membership::from(all.root(), all.bindings());
  return member::verify_study(all.study(all.plan()), membership).value();
}

SitePolicy everything() {
  SitePolicy policy;
  policy.studies = {"*"};
  for (const auto& kind : protocol::job_kinds()) policy.automatic.emplace_back(kind.name);
  return policy;
}

Instant at(int hour, int minute) {
  return Instant(std::int64_t{20'000} * 24 * 3600 * 1000) + Duration((hour * 60 + minute) * 60'000);
}

}  // namespace

TEST_CASE("a release is a person's decision whatever the policy says", "[site-agent]") {
  Consortium all;
  const auto study = a_study(all);
  const SitePolicy policy = everything();
  CHECK(decide(policy, true, study, test::a_job(study.plan, "release")).ruling == Ruling::person);
  CHECK(decide(policy, true, study, test::a_job(study.plan, "encode")).ruling == Ruling::automatic);
}

TEST_CASE("a policy that nobody signed decides nothing", "[site-agent]") {
  Consortium all;
  const auto study = a_study(all);
  CHECK(decide(everything(), false, study, test::a_job(study.plan, "encode")).ruling ==
        Ruling::person);
}

TEST_CASE("studies and purposes that are not allowed are never run", "[site-agent]") {
  Consortium all;
  const auto study = a_study(all);
  SitePolicy policy = everything();
  policy.studies = {"another"};
  CHECK(decide(policy, true, study, test::a_job(study.plan, "encode")).ruling == Ruling::never);
  policy = everything();
  policy.purposes = {"care"};
  CHECK(decide(policy, true, study, test::a_job(study.plan, "encode")).ruling == Ruling::never);
  policy = everything();
  auto guided = study;
  guided.plan.mask_decoder_leaves = true;
  CHECK(decide(policy, true, guided, test::a_job(study.plan, "encode")).ruling == Ruling::never);
  policy.mask_decoder_leaves = true;
  CHECK(decide(policy, true, guided, test::a_job(study.plan, "encode")).ruling ==
        Ruling::automatic);
}

TEST_CASE("working hours may pass midnight", "[site-agent]") {
  const WorkingHours night = hours_from_text("20:00-06:30").value();
  CHECK(is_within(night, at(23, 0)));
  CHECK(is_within(night, at(6, 29)));
  CHECK_FALSE(is_within(night, at(6, 30)));
  CHECK_FALSE(is_within(night, at(12, 0)));
  CHECK(next_opening(night, at(12, 0)) == at(20, 0));
  CHECK(is_within(hours_from_text("always").value(), at(12, 0)));
  for (const char* bad : {"", "25:00-06:00", "20-06", "20:00", "2x:00-06:00"}) {
    CHECK_FALSE(hours_from_text(bad).has_value());
  }
}

TEST_CASE("a policy file is read whole or refused with every problem", "[site-agent]") {
  test::TempFolder folder;
  const auto file = folder.path() / "policy.toml";
  REQUIRE(crypto::start().has_value());
  REQUIRE(write_text(file, R"(
data_root = "/data"
studies = ["heart"]
automatic = ["encode"]
leave_bytes_max = "2 GiB"
hours = "20:00-06:00"
cpu_time_max = "2 h"
)")
              .has_value());
  const auto policy = load_policy(file);
  REQUIRE(policy.has_value());
  CHECK(policy->leave_bytes_max == 2ULL << 30);
  CHECK(policy->cpu_seconds_max == 7200);
  CHECK(policy->hours.from_minute == 20 * 60);
  CHECK(policy->digest == crypto::sha256(as_bytes(policy->text)));

  REQUIRE(write_text(file, "automatic = [\"release\", \"dance\"]\nlimits = 3\n").has_value());
  const auto bad = load_policy(file);
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().what.find("a person decides it") != std::string::npos);
  CHECK(bad.error().what.find("dance") != std::string::npos);
  CHECK(bad.error().what.find("limits") != std::string::npos);
}

TEST_CASE("a policy without a GPU refuses a device that is one, before anything runs",
          "[site-agent]") {
  const test::TempFolder folder;
  const auto agent = folder.path() / "agent.toml";
  const auto policy = folder.path() / "policy.toml";
  REQUIRE(write_text(policy, "studies = [\"*\"]\ngpu = false\n"));
  const std::string common = "coordinator = \"127.0.0.1:1\"\nworker = \"/bin/true\"\n";
  REQUIRE(write_text(agent, common + "device = \"cuda\"\n"));
  const auto refused = load_config(agent);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "policy.gpu");
  REQUIRE(write_text(agent, common + "device = \"cpu\"\n"));
  CHECK(load_config(agent));
  REQUIRE(write_text(agent, common + "device = \"cuda\"\n"));
  REQUIRE(write_text(policy, "studies = [\"*\"]\n"));
  CHECK(load_config(agent));
}

TEST_CASE("a worker is told its share of a GPU's memory only where there is one", "[site-agent]") {
  const test::TempFolder folder;
  const auto file = folder.path() / "policy.toml";
  const auto limits_of = [&](const std::string& text) {
    REQUIRE(write_text(file, text));
    Consortium all;
    const auto study = a_study(all);
    const auto policy = load_policy(file).value();
    const Products products{member::Stored{}};
    const std::string site = "site-a";
    const std::string device = "cuda";
    const OrderContext context{study, policy, products, site, device, {}};
    const auto order = order_for(test::a_job(study.plan, "register-data"), context).value();
    return *provenance::parse_json(order.order_json).value().find("limits");
  };
  CHECK(limits_of("").find("gpu_memory_share") == nullptr);
  CHECK(*limits_of("gpu_memory_share = 0.5\n").find("gpu_memory_share")->number() == 0.5);
  REQUIRE(write_text(file, "gpu_memory_share = 1.5\n"));
  CHECK_FALSE(load_policy(file));
}

TEST_CASE("cases that were taken back are named in a file that is never published",
          "[site-agent]") {
  const test::TempFolder folder;
  REQUIRE(write_text(folder.path() / "policy.toml", "studies = [\"*\"]\ndata_root = \"/data\"\n"));
  const auto before = load_policy(folder.path() / "policy.toml");
  INFO((before ? std::string() : to_string(before.error())));
  REQUIRE(before);
  CHECK(before->withdrawn.empty());
  REQUIRE(write_text(folder.path() / "withdrawn-cases.txt",
                     "# asked on Monday\n  P005 \r\n\nP007_ED # one phase\nP009"));
  const auto policy = load_policy(folder.path() / "policy.toml").value();
  CHECK(policy.withdrawn == std::vector<std::string>{"P005", "P007_ED", "P009"});
  CHECK(policy.digest == before->digest);
  CHECK(policy.text.find("P005") == std::string::npos);

  // A running agent hears of what is written later, and of nothing while it stays.
  WithdrawnCases withdrawn(folder.path() / "policy.toml");
  CHECK(withdrawn.changed()->value() == policy.withdrawn);
  CHECK_FALSE(withdrawn.changed().has_value());
  REQUIRE(write_text(folder.path() / "withdrawn-cases.txt", "P005\nP007_ED\nP009\nP011\n"));
  CHECK(withdrawn.changed()->value() ==
        std::vector<std::string>{"P005", "P007_ED", "P009", "P011"});
  REQUIRE(write_text(folder.path() / "withdrawn-cases.txt", std::string(2U << 20, 'x')));
  const auto too_large = withdrawn.changed();
  REQUIRE(too_large.has_value());
  CHECK_FALSE(too_large->has_value());
  CHECK_FALSE(withdrawn.changed().has_value());  // told once
  REQUIRE(std::filesystem::remove(folder.path() / "withdrawn-cases.txt"));
  CHECK(withdrawn.changed()->value().empty());

  Consortium all;
  const auto study = a_study(all);
  const Products products{member::Stored{}};
  const std::string site = "site-a";
  const std::string device = "cpu";
  const OrderContext context{study, policy, products, site, device, {}};
  const auto order = order_for(test::a_job(study.plan, "register-data"), context).value();
  const auto json = provenance::parse_json(order.order_json).value();
  const auto* names = json.find("parameters")->find("withdrawn");
  REQUIRE(names != nullptr);
  CHECK(names->items()->size() == 3);
  CHECK(*names->items()->front().text() == "P005");
}

TEST_CASE("the encoder whose segmentation counts goes to whoever decodes", "[site-agent]") {
  Consortium all;
  auto study = a_study(all);
  SitePolicy policy;
  Products products{member::Stored{}};
  const auto add = [&](const std::string& kind, const std::string& part) {
    Product product{kind, study.plan.study, crypto::sha256(as_bytes(part)), {}, {}};
    product.kept = {{part, member::KeepAs::vault, crypto::sha256(as_bytes(part)), 1, {}}};
    (void)products.add(std::move(product));
  };
  add("train-mask-encoder", "mask-decoder");
  const std::string site = "site-a";
  const std::string device = "cpu";
  const VolumeQuestion question{JobId::trusted("predict-1"), "/image.nii.gz", 0};
  const auto names = [&] {
    const OrderContext context{study, policy, products, site, device, {}};
    std::vector<std::string> list;
    const auto order = decode_volume_order(question, {}, "/out.nii.gz", context);
    if (!order) return std::vector{order.error().code};
    for (const auto& input : order->inputs) list.push_back(input.name);
    return list;
  };
  study.plan.parts.own_segmentation = false;
  CHECK(names() == std::vector<std::string>{"mask-decoder", "reply"});
  study.plan.parts.own_segmentation = true;
  CHECK(names() == std::vector<std::string>{"job.input"});  // it is not in the vault
  add("train-image-encoder", "image-encoder");
  CHECK(names() == std::vector<std::string>{"mask-decoder", "image-encoder", "reply"});
}
