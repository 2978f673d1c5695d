// The program: what it says, how it exits, what it links.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "provenance/bundle.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::World;
namespace fs = std::filesystem;

namespace {

struct Bundle {
  fs::path folder;
  BundleFiles files;
  std::string out;

  Bundle() {
    World world;
    world.run_study();
    const TlogPolicy policy = default_policy(world.log_key(), world.witnesses());
    files = make_bundle(world.ledger, {world.checkpoint(), policy, world.rules.roots}).value();
    char name[] = "/tmp/cloister-verify-XXXXXX";
    folder = mkdtemp(name);
    for (const auto& [path, content] : files) put("bundle/" + path, as_text(content));
  }
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;
  ~Bundle() { fs::remove_all(folder); }

  void put(const std::string& path, std::string_view content) const {
    fs::create_directories((folder / path).parent_path());
    std::ofstream(folder / path, std::ios::binary) << content;
  }
  int verify(const std::string& arguments) {
    const std::string command =
        "cd " + folder.string() + " && " VERIFY_PROGRAM " " + arguments + " >out.txt 2>&1";
    const int status = std::system(command.c_str());
    out = read_text(folder / "out.txt").value();
    return WEXITSTATUS(status);
  }
};

}  // namespace

TEST_CASE("the program says in words what it proved and exits 0", "[verify]") {
  Bundle bundle;
  const std::string anchors = " --policy bundle/trust/tlog-policy --roots bundle/trust/roots";
  CHECK(bundle.verify("bundle" + anchors) == 0);
  CHECK(bundle.out.find("PROVED      Going through the whole log again") != std::string::npos);
  CHECK(bundle.out.find("The bundle holds") != std::string::npos);
  CHECK(bundle.out.find("taken from the bundle itself") == std::string::npos);
  CHECK(bundle.verify("bundle") == 0);
  CHECK(bundle.out.find("taken from the bundle itself") != std::string::npos);
  CHECK(bundle.verify("bundle --json") == 0);
  CHECK(bundle.out.find("\"holds\": true") != std::string::npos);
}

TEST_CASE("the program exits by the kind of what is wrong", "[verify]") {
  Bundle bundle;
  std::string record(as_text(bundle.files.at("records/5.dsse.json")));
  std::swap(record[40], record[41]);
  bundle.put("bundle/records/5.dsse.json", record);
  CHECK(bundle.verify("bundle") == exit_status(Kind::corrupt));
  CHECK(bundle.out.find("The bundle does NOT hold") != std::string::npos);
  CHECK(bundle.verify("nowhere") == exit_status(Kind::not_found));
  CHECK(bundle.verify(".") ==
        exit_status(Kind::not_found));  // beside the bundle: nobody changed it
  CHECK(bundle.out.find("holds no bundle") != std::string::npos);
  bundle.put("policy", "quorum none\n");
  CHECK(bundle.verify("bundle --policy policy") == exit_status(Kind::unauthenticated));
  bundle.put("policy", "nonsense\n");
  CHECK(bundle.verify("bundle --policy policy") == exit_status(Kind::invalid));
  CHECK(bundle.verify("") != 0);
  fs::create_symlink("/etc/hostname", bundle.folder / "bundle/extra");
  CHECK(bundle.verify("bundle") == exit_status(Kind::invalid));
  CHECK(bundle.out.find("no plain file") != std::string::npos);
}

TEST_CASE("the program links neither RocksDB nor ZeroMQ nor LibTorch", "[verify]") {
  Bundle bundle;
  const std::string command =
      "ldd " VERIFY_PROGRAM " >" + (bundle.folder / "libraries").string() + " 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string libraries = read_text(bundle.folder / "libraries").value();
  CHECK(libraries.find("libsodium") != std::string::npos);
  for (const char* heavy : {"rocksdb", "zmq", "torch", "itk", "ITK", "protobuf"}) {
    CHECK(libraries.find(heavy) == std::string::npos);
  }
}
