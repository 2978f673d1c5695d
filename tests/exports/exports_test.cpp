// One study in the words of other people's systems, read by programs that know nothing of us.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "exports/exports.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::exports::ExportView;
using cloister::exports::Files;
using cloister::provenance::test::World;
namespace fs = std::filesystem;

namespace {

// A study with a denial, an exception, an on-demand request, a withdrawal and what followed it.
struct Study {
  World world;
  std::map<std::string, std::vector<Departure>> departures;
  Answer history;

  Study() {
    world.run_study();
    const StudyId study = StudyId::trusted("heart");
    Record refused = world.draft("admin-b", RecordKind::job_denied);
    refused.study = study;
    refused.subjects = {{"spec", world.things.at("b.spec")}};
    refused.outcome = Outcome::denied;
    refused.reason = "=cmd|'/c calc'!A1, \"quoted\" <script>alert(1)</script>";
    world.add(refused);
    withdraw(study);
    for (const std::string site : {"site-a", "site-b"}) {
      departures[site] = egress(world.ledger, site).value();
    }
    history = provenance::history(world.ledger, study).value();
  }
  void withdraw(const StudyId& study) {
    Record withdrawal = world.draft("steward-a", RecordKind::consent_withdrawn);
    withdrawal.study = study;
    withdrawal.reason = "two patients asked";
    withdrawal.subjects = {{"dataset", world.things.at("a.dataset")}};
    const std::vector<Digest> digests{world.things.at("a.dataset")};
    Record quarantine = world.draft("coordinator", RecordKind::quarantine_set);
    quarantine.study = study;
    quarantine.subjects = plan_quarantine(world.ledger, digests).value().at(0);
    const Batch batch = world.add_group({withdrawal, quarantine}, true);
    Record confirmed = world.draft("agent-b", RecordKind::impact_assessed);
    confirmed.study = study;
    confirmed.subjects = {{"confirmation", test::digest_of("confirmed")}};
    confirmed.details.set("confirms", batch.outcomes[0]->leaf_hash);
    world.add(confirmed);
  }
  // A steward of site b lets its mask decoder go.
  void guide() {
    Record consent = world.draft("steward-b", RecordKind::permit_granted);
    consent.study = StudyId::trusted("heart");
    consent.inputs = {{"manifest", "manifest", world.things.at("b.manifest"), {}}};
    consent.subjects = {{"permit", test::digest_of("decoder permit")}};
    consent.details = to_details(
        Permit{Permit::Type::release, {"mask-decoder"}, "trainer", "key", {}, "our board agreed"});
    world.add(consent);
    history = provenance::history(world.ledger, consent.study).value();
  }
  [[nodiscard]] ExportView view() const { return {history, world.rules.log_origin, departures}; }
};

struct Folder {
  fs::path path;
  Folder() {
    char name[] = "/tmp/cloister-exports-XXXXXX";
    path = mkdtemp(name);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    if (std::getenv("CLOISTER_KEEP") == nullptr) fs::remove_all(path);
  }
  void put(const Files& files) const {
    for (const auto& [name, text] : files) {
      fs::create_directories((path / name).parent_path());
      std::ofstream(path / name, std::ios::binary) << text;
    }
  }
  int run(const std::string& command) {
    const int status =
        std::system(("cd " + path.string() + " && " + command + " >out.txt 2>&1").c_str());
    out = read_text(path / "out.txt").value();
    return status;
  }
  std::string out;
};

bool works(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Debian's own interpreter: what packages-test.txt installs is there.
const std::string python = "/usr/bin/python3";

std::string all_text(const Files& files) {
  std::string text;
  for (const auto& [name, content] : files) text += name + "\n" + content;
  return text;
}

}  // namespace

TEST_CASE("the PROV form is read, written and read again by python3-prov", "[exports]") {
  if (!works(python + " -c 'import prov'")) {
    WARN("SKIPPED: python3-prov is not installed");
    return;
  }
  const Study study;
  Folder folder;
  folder.put(exports::to_prov(study.view()));
  const int status = folder.run(python + " " CHECKERS "/check_prov.py prov.json");
  INFO(folder.out);
  REQUIRE(status == 0);
  CHECK(folder.out.find("agents: 9") != std::string::npos);
  std::string text = read_text(folder.path / "prov.json").value();
  const auto at = text.find("\"prov:activity\"");
  text.replace(at, 15, "\"prov:nonsense\"");
  std::ofstream(folder.path / "prov.json") << text;
  CHECK(folder.run(python + " " CHECKERS "/check_prov.py prov.json") != 0);
}

TEST_CASE("every OpenLineage event holds against the schema of 2-0-2", "[exports]") {
  if (!works(python + " -c 'import jsonschema'")) {
    WARN("SKIPPED: python3-jsonschema is not installed");
    return;
  }
  const Study study;
  Folder folder;
  folder.put(exports::to_openlineage(study.view()));
  const std::string check = python + " " CHECKERS "/check_openlineage.py " CHECKERS
                                     "/openlineage-2-0-2.schema.json openlineage.ndjson";
  const int status = folder.run(check);
  INFO(folder.out);
  REQUIRE(status == 0);
  std::string text = read_text(folder.path / "openlineage.ndjson").value();
  const auto at = text.find("\"runId\":\"");
  text.replace(at + 9, 8, "notauuid");
  std::ofstream(folder.path / "openlineage.ndjson") << text;
  CHECK(folder.run(check) != 0);
}

TEST_CASE("the RO-Crate is accepted by the npm checker", "[exports]") {
  if (!works("command -v node") || !fs::exists(STOCK_FOLDER "/node_modules/ro-crate")) {
    WARN("SKIPPED: node, or ro-crate from npm (npm ci in tests/stock), is not installed");
    return;
  }
  const Study study;
  Folder folder;
  folder.put(exports::to_ro_crate(study.view()));
  const std::string check = "node " STOCK_FOLDER "/check_crate.mjs .";
  const int status = folder.run(check);
  INFO(folder.out);
  REQUIRE(status == 0);
  CHECK(folder.out.find("CreateAction") != std::string::npos);
  fs::remove_all(folder.path / "records");  // the files that the crate lists
  CHECK(folder.run(check) != 0);
}

TEST_CASE("the FHIR bundle holds for the npm R4 validator", "[exports]") {
  if (!works("command -v node") || !fs::exists(STOCK_FOLDER "/node_modules/fhir")) {
    WARN("SKIPPED: node, or fhir from npm (npm ci in tests/stock), is not installed");
    return;
  }
  const Study study;
  Folder folder;
  folder.put(exports::to_fhir(study.view()));
  const std::string check = "node " STOCK_FOLDER "/check_fhir.mjs fhir.json";
  const int status = folder.run(check);
  INFO(folder.out);
  REQUIRE(status == 0);
  CHECK(folder.out.find("Provenance") != std::string::npos);
  CHECK(folder.out.find("AuditEvent") != std::string::npos);
  std::string text = read_text(folder.path / "fhir.json").value();
  const auto at = text.find("\"recorded\"");
  text.replace(at, 10, "\"recordad\"");
  std::ofstream(folder.path / "fhir.json") << text;
  CHECK(folder.run(check) != 0);
}

TEST_CASE("tables for authorities and boards are read by Python's csv and html.parser",
          "[exports]") {
  const Study study;
  Folder folder;
  for (const char* form : {"article30", "disclosures", "evidence-pack"}) {
    folder.put(exports::to_form(form, study.view()).value());
  }
  const int status = folder.run("python3 " CHECKERS "/check_tables.py .");
  INFO(folder.out);
  REQUIRE(status == 0);
  const std::string pack = read_text(folder.path / "evidence-pack.html").value();
  CHECK(pack.find("two patients asked") != std::string::npos);
  CHECK(pack.find("It is out of use") != std::string::npos);
  CHECK(pack.find(to_hex(study.history.closure_digest)) != std::string::npos);
  const std::string csv = read_text(folder.path / "disclosures.csv").value();
  CHECK(csv.find(",trainer,") != std::string::npos);
  CHECK(csv.find("steward-a (record") != std::string::npos);
  CHECK(csv.find(",1234,") != std::string::npos);
}

TEST_CASE("a guided study's board and authority read that masks can be read, and who agreed",
          "[exports]") {
  Study study;
  const auto text_of = [&](const char* form) {
    return all_text(exports::to_form(form, study.view()).value());
  };
  CHECK(text_of("evidence-pack").find("masks, encoders and decoders never left") !=
        std::string::npos);
  study.guide();
  const std::string pack = text_of("evidence-pack");
  CHECK(pack.find("The trainer can read masks of site-b") != std::string::npos);
  CHECK(pack.find("masks, encoders and decoders never left") == std::string::npos);
  CHECK(pack.find("our board agreed") != std::string::npos);
  const std::string record = text_of("article30");
  CHECK(record.find("not the mask decoder") != std::string::npos);
  CHECK(record.find("mask decoders of site-b") != std::string::npos);
}

TEST_CASE("what a person wrote cannot become a formula or a script", "[exports]") {
  const Study study;
  for (const char* form : {"article30", "disclosures", "evidence-pack"}) {
    const std::string text = all_text(exports::to_form(form, study.view()).value());
    CHECK(text.find("<script>") == std::string::npos);
    CHECK(text.find("\n=cmd") == std::string::npos);
    CHECK(text.find(",=cmd") == std::string::npos);
  }
}

TEST_CASE("each form names the checkpoint or the closure at which it holds", "[exports]") {
  const Study study;
  for (const auto form : exports::form_names) {
    const std::string text = all_text(exports::to_form(form, study.view()).value());
    const bool names_it = text.find(to_hex(study.history.head.root)) != std::string::npos ||
                          text.find(to_hex(study.history.closure_digest)) != std::string::npos;
    INFO(form);
    if (form != "disclosures") CHECK(names_it);
  }
  CHECK(exports::to_form("pdf", study.view()).error().code == "export.form");
  Answer none = study.history;
  none.records.clear();
  CHECK(exports::to_form("prov", {none, "log", study.departures}).error().code == "export.empty");
}

TEST_CASE("no detail of a record travels that a form did not choose", "[exports]") {
  Study study;
  for (auto& stored : study.history.records) {
    if (stored.record) stored.record->details.set("free", "MARKED-DETAIL");
  }
  for (const auto form : exports::form_names) {
    if (form == "ro-crate") continue;  // its files are the signed records themselves
    CHECK(all_text(exports::to_form(form, study.view()).value()).find("MARKED-DETAIL") ==
          std::string::npos);
  }
}
