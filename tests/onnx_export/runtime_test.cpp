// The exported models in other people's hands: Debian's onnx checks them, npm's onnxruntime-web
// runs them, and LibTorch says what must come out.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "onnx-export/onnx_export.h"
#include "tests/onnx_export/toy_network.h"

using namespace cloister;
using namespace cloister::onnx_export;
using cloister::onnx_export::test::toy_network;
namespace fs = std::filesystem;

namespace {

// Debian's: another one on PATH has other packages.
const std::string python = "/usr/bin/python3";

struct Folder {
  fs::path path;
  std::string out;  // of the last command

  Folder() {
    char name[] = "/tmp/cloister-onnx-XXXXXX";
    path = mkdtemp(name);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }

  bool run(const std::string& command) {
    const int status =
        std::system(("cd " + path.string() + " && " + command + " >out.txt 2>&1").c_str());
    out = read_text(path / "out.txt").value();
    return status == 0;
  }
};

// `network` as models in the folder, 0.onnx for the first site.
void put_models(const fs::path& folder, BytesView network, Grid grid) {
  const auto models = to_onnx(network, {{"site-a", "site-b"}, grid, {{"study", "heart"}}});
  REQUIRE(models);
  for (std::size_t site = 0; site < models->size(); ++site)
    REQUIRE(write_file(folder / (std::to_string(site) + ".onnx"), models->at(site).bytes));
}

Grid grid_of(const fs::path& reference) {
  const Bytes bytes = read_file(reference).value();
  const auto file = tensorfile::read_tensor_file(bytes).value();
  const auto& shape = file.tensors.at("codes").shape;
  return {shape.at(2), shape.at(3)};
}

}  // namespace

TEST_CASE("Debian's onnx finds every model sound and infers the shapes that we promise", "[onnx]") {
  Folder folder;
  if (!folder.run(python + " -c 'import onnx'")) {
    WARN("SKIPPED: python3-onnx is not installed");
    return;
  }
  for (const int sites : {0, 2}) {
    for (int levels = 1; levels <= 4; ++levels) {
      const int blocks = levels % 2 == 0 ? 2 : 0;
      put_models(folder.path, write_tensor_file(toy_network({levels, blocks, sites})), {12, 10});
      const bool sound = folder.run(python + " " ONNX_CHECKERS "/check_model.py 12 10 *.onnx");
      INFO(sites << " sites, " << levels << " levels: " << folder.out);
      REQUIRE(sound);
    }
  }
}

TEST_CASE("a runtime that is not ours computes from every model what LibTorch computes", "[onnx]") {
  Folder folder;
  if (std::string(ONNX_REFERENCES).empty()) {
    WARN("SKIPPED: built without LibTorch");
    return;
  }
  if (!fs::exists(STOCK_FOLDER "/node_modules/onnxruntime-web")) {
    WARN("SKIPPED: npm's onnxruntime-web is not installed (cd tests/stock && npm ci)");
    return;
  }
  const bool written = folder.run(ONNX_REFERENCES " cases");
  INFO(folder.out);
  REQUIRE(written);
  std::size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(folder.path / "cases")) {
    put_models(entry.path(), read_file(entry.path() / "network.safetensors").value(),
               grid_of(entry.path() / "reference.safetensors"));
    ++cases;
  }
  REQUIRE(cases == 26);
  const bool agreed = folder.run("node " STOCK_FOLDER "/check_onnx.mjs cases");
  INFO(folder.out);
  REQUIRE(agreed);
}
