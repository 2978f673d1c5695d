// Evidence bundles through programs that know nothing of us.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/prng.h"
#include "provenance/bundle.h"
#include "provenance/erasure.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::World;
namespace fs = std::filesystem;

namespace {

std::size_t mutants() {
  const char* wanted = std::getenv("CLOISTER_STOCK_MUTANTS");
  return wanted == nullptr ? 2000 : static_cast<std::size_t>(std::atoi(wanted));
}

bool has(const std::string& tool) {
  return std::system(("command -v " + tool + " >/dev/null 2>&1").c_str()) == 0;
}

// A bundle on disk, removed at the end.
struct OnDisk {
  World world;
  BundleFiles files;
  fs::path folder;
  fs::path bundle;
  fs::path prediction;  // the very file that the bundle proves

  OnDisk() {
    world.run_study();
    // The words of a permit are erased: every proof must still hold for everybody's tools.
    const auto permit = stored_record(world.ledger, world.records.at("a.release").index).value();
    Record erasure = erasure_of(permit).value();
    erasure.actor = world.members.at("steward-a").actor;
    world.add(erasure);
    const TlogPolicy policy = default_policy(world.log_key(), world.witnesses());
    const Answer answer = explain(world.ledger, world.predictions[1].output).value();
    BundlePlan plan{world.checkpoint(), policy, world.rules.roots};
    plan.answer = &answer;
    plan.predictions = {world.predictions[1].output};
    files = make_bundle(world.ledger, plan).value();
    char name[] = "/tmp/cloister-stock-XXXXXX";
    folder = mkdtemp(name);
    bundle = folder / "bundle";
    for (const auto& [path, content] : files) put(bundle / path, content);
    prediction = folder / "prediction.nii.gz";
    put(prediction, to_bytes("prediction 1"));
  }
  OnDisk(const OnDisk&) = delete;
  OnDisk& operator=(const OnDisk&) = delete;
  ~OnDisk() { fs::remove_all(folder); }

  static void put(const fs::path& path, BytesView content) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  // All but the one whose words were erased: its place is proved, its signature cannot be checked.
  [[nodiscard]] std::uint64_t whole_records() const { return ledger_head(world.ledger)->size - 1; }
  // Exit status of a shell command, its output in `out`.
  int run(const std::string& command) {
    const int status =
        std::system(("cd " + folder.string() + " && " + command + " >out.txt 2>&1").c_str());
    out = read_text(folder / "out.txt").value();
    return status;
  }
  std::string out;
};

// What openssl needs for one signature.
struct Signed {
  Bytes message;
  Bytes signature;
  std::string pem;
};

std::vector<Signed> signatures(const OnDisk& disk) {
  std::vector<Signed> all;
  for (const auto& [path, content] : disk.files) {
    if (!path.starts_with("records/")) continue;
    const Envelope envelope = parse_envelope(as_text(content)).value();
    const auto& one = envelope.signatures[0];
    all.push_back({pae(envelope.payload_type, envelope.payload),
                   Bytes(one.signature.begin(), one.signature.end()),
                   "bundle/keys/" + one.keyid + ".pem"});
  }
  const Note note = parse_note(as_text(disk.files.at("checkpoint"))).value();
  all.push_back({to_bytes(note.text), note.signatures[0].signature, "bundle/keys/log.pem"});
  for (std::size_t i = 1; i < note.signatures.size(); ++i) {
    const BytesView bytes = note.signatures[i].signature;
    const std::string message =
        fmt::format("cosignature/v1\ntime {}\n{}", read_be64(bytes.first(8)), note.text);
    const BytesView signature = bytes.subspan(8);
    all.push_back({to_bytes(message), Bytes(signature.begin(), signature.end()),
                   i == 1 ? "bundle/keys/witness-site-a.pem" : "bundle/keys/witness-site-b.pem"});
  }
  return all;
}

void flip(Bytes& bytes, Prng& prng) {
  bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
}

// Every node of a tree of 512 leaves, as the Go program builds it.
class AllNodes final : public NodeReader {
 public:
  AllNodes() {
    CompactRange range;
    for (std::uint64_t i = 0; i < 512; ++i) {
      range.append(leaf_hash(be64(i)),
                   [&](unsigned level, std::uint64_t index, const Digest& hash) {
                     nodes_[{level, index}] = hash;
                   });
    }
  }
  [[nodiscard]] Result<Digest> node(unsigned level, std::uint64_t index) const override {
    return nodes_.at({level, index});
  }

 private:
  std::map<std::pair<unsigned, std::uint64_t>, Digest> nodes_;
};

std::string digest_of_all_proofs() {
  const AllNodes nodes;
  crypto::Sha256 sum;
  for (std::uint64_t size = 1; size <= 512; ++size) {
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto inclusion = inclusion_proof(nodes, i, size).value();
      const auto consistency = consistency_proof(nodes, i + 1, size).value();
      for (const auto& hash : inclusion) sum.add(hash.view());
      for (const auto& hash : consistency) sum.add(hash.view());
    }
  }
  return to_hex(sum.finish());
}

}  // namespace

TEST_CASE("openssl accepts every signature and refuses every mutant", "[stock]") {
  if (!has("openssl")) {
    WARN("SKIPPED: openssl is not installed");
    return;
  }
  OnDisk disk;
  const auto all = signatures(disk);
  REQUIRE(all.size() == disk.whole_records() + 3);
  const auto check = [&](const Signed& one) {
    OnDisk::put(disk.folder / "message", one.message);
    OnDisk::put(disk.folder / "signature", one.signature);
    return disk.run("openssl pkeyutl -verify -pubin -inkey " + one.pem +
                    " -rawin -in message -sigfile signature") == 0;
  };
  for (const auto& one : all) REQUIRE(check(one));
  Prng prng(1);
  for (std::size_t i = 0; i < mutants(); ++i) {
    Signed mutant = all[prng.below(all.size())];
    if (i % 3 == 0) {
      flip(mutant.signature, prng);
    } else if (i % 3 == 1) {
      flip(mutant.message, prng);
    } else {
      mutant.message.resize(prng.below(mutant.message.size()));
    }
    INFO("mutant " << i);
    REQUIRE_FALSE(check(mutant));
  }
}

TEST_CASE("the README's script checks a prediction with openssl and jq, and refuses mutants",
          "[stock]") {
  if (!has("openssl") || !has("jq")) {
    WARN("SKIPPED: openssl and jq are not both installed");
    return;
  }
  OnDisk disk;
  // As a stranger would: the script is cut out of the README.
  REQUIRE(disk.run("(awk '/^```bash/{on=1;next} /^```/{on=0} on' bundle/README.md >check.sh)") ==
          0);
  const std::string check = "bash check.sh bundle prediction.nii.gz";
  const int status = disk.run(check);
  INFO(disk.out);
  REQUIRE(status == 0);
  CHECK(disk.out.starts_with("OK: record"));
  OnDisk::put(disk.folder / "other", to_bytes("another file"));
  CHECK(disk.run("bash check.sh bundle other") != 0);
  CHECK(disk.out.find("FAIL: the bundle says nothing about this file") != std::string::npos);

  const std::string inner = "predictions/" + to_hex(disk.world.predictions[1].output) + ".json";
  const std::string number = fmt::format("{}", disk.world.records.at("batch").index);
  const Envelope envelope =
      parse_envelope(as_text(disk.files.at("records/" + number + ".dsse.json"))).value();
  Prng prng(2);
  for (std::size_t i = 0; i < std::min<std::size_t>(mutants() / 20, 200); ++i) {
    const std::string path = i % 3 == 0 ? inner
                                        : (i % 3 == 1 ? "records/" : "proofs/") + number +
                                              (i % 3 == 1 ? ".dsse.json" : ".tlog-proof");
    Bytes content = disk.files.at(path);
    if (i % 3 == 0) {
      PredictionProof proof = parse_prediction_proof(as_text(content)).value();
      std::array<Digest*, 5> parts{&proof.prediction.output, &proof.prediction.input,
                                   &proof.prediction.model, &proof.batch.root,
                                   &proof.hashes[prng.below(proof.hashes.size())]};
      parts[prng.below(5)]->bytes[prng.below(32)] ^= 1;
      Json json = parse_json(to_json(proof)).value();
      json.set("record", disk.world.records.at("batch").index);
      content = to_bytes(to_jcs(json));
    } else if (i % 3 == 1) {
      Envelope changed = envelope;
      if (prng.chance(0.5)) {
        flip(changed.payload, prng);
      } else {
        changed.signatures[0].signature[prng.below(64)] ^= 1;
      }
      content = to_bytes(to_json(changed));
    } else {
      TlogProof proof = parse_tlog_proof(as_text(content)).value();
      if (prng.chance(0.5)) {
        proof.hashes[prng.below(proof.hashes.size())].bytes[prng.below(32)] ^= 1;
      } else {
        proof.checkpoint.signatures[0].signature[prng.below(64)] ^= 1;
      }
      content = to_bytes(to_text(proof));
    }
    OnDisk::put(disk.bundle / path, content);
    INFO("mutant " << i << " of " << path);
    REQUIRE(disk.run(check) != 0);
    OnDisk::put(disk.bundle / path, disk.files.at(path));
  }
  CHECK(disk.run(check) == 0);
}

TEST_CASE("signify accepts the checkpoint and refuses mutants", "[stock]") {
  if (!has("signify-openbsd")) {
    WARN("SKIPPED: signify-openbsd is not installed");
    return;
  }
  OnDisk disk;
  const std::string check =
      "signify-openbsd -V -p bundle/signify/log.pub -x bundle/signify/checkpoint.sig -m "
      "bundle/signify/checkpoint";
  REQUIRE(disk.run(check) == 0);
  Prng prng(3);
  for (std::size_t i = 0; i < mutants() / 10; ++i) {
    Bytes text = disk.files.at("signify/checkpoint");
    flip(text, prng);
    OnDisk::put(disk.bundle / "signify/checkpoint", text);
    REQUIRE(disk.run(check) != 0);
  }
}

TEST_CASE("Go's checksum database accepts log, proofs and cosignatures, and makes the same proofs",
          "[stock]") {
  const std::string go = fs::exists("/usr/lib/go-1.19/bin/go") ? "/usr/lib/go-1.19/bin/go" : "go";
  if (!has(go) || !fs::exists("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")) {
    WARN("SKIPPED: golang-1.19-go and golang-golang-x-mod-dev are not both installed");
    return;
  }
  OnDisk disk;
  const int built = disk.run("env GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= GOCACHE=" +
                             (disk.folder / "cache").string() + " " + go +
                             " build -o check " STOCK_FOLDER "/check.go");
  INFO(disk.out);
  REQUIRE(built == 0);
  const int status =
      disk.run(fmt::format("./check bundle {} {}", digest_of_all_proofs(), mutants()));
  INFO(disk.out);
  REQUIRE(status == 0);
  CHECK(disk.out == fmt::format("accepted {}\nproofs equal\nrefused {}\n",
                                ledger_head(disk.world.ledger)->size, mutants()));
}

TEST_CASE("the npm Sigstore client accepts every record and refuses every mutant", "[stock]") {
  if (!has("node") || !fs::exists(STOCK_FOLDER "/node_modules/@sigstore/verify")) {
    WARN("SKIPPED: node, or @sigstore/verify from npm (npm ci in tests/stock), is not installed");
    return;
  }
  OnDisk disk;
  const int status = disk.run(fmt::format("node " STOCK_FOLDER "/check.mjs bundle {}", mutants()));
  INFO(disk.out);
  REQUIRE(status == 0);
  CHECK(disk.out == fmt::format("accepted {}\nrefused {}\n", disk.whole_records(), mutants()));
}
