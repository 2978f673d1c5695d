#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>
#include <set>

#include "base/file.h"

using namespace cloister;

namespace {

bool is_source(const std::filesystem::path& path) {
  const std::string name = path.string();
  const bool is_ours = name.find("/build/") == std::string::npos && name.find("./tests/") != 0 &&
                       name.find("./bench/") != 0 && name.find("node_modules") == std::string::npos;
  return is_ours && (path.extension() == ".cpp" || path.extension() == ".h");
}

// Codes that stand beside a kind, as in fail(Kind::invalid, "plan.unknown_key", ...).
std::set<std::string> codes_in_sources() {
  const std::regex pattern(R"(Kind::\w+,\s*\"([a-z0-9_]+(\.[a-z0-9_]+)+)\")");
  std::set<std::string> codes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(".")) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    const auto text = read_text(entry.path());
    REQUIRE(text);
    for (std::sregex_iterator at(text->begin(), text->end(), pattern), end; at != end; ++at) {
      codes.insert((*at)[1]);
    }
  }
  return codes;
}

}  // namespace

TEST_CASE("every error code of the sources stands in docs/errors.md", "[cli]") {
  const auto page = read_text("docs/errors.md");
  REQUIRE(page);
  const auto codes = codes_in_sources();
  CHECK(codes.size() > 200);
  for (const auto& code : codes) {
    INFO(code << " is not in docs/errors.md: run python3 docs/write_errors.py");
    CHECK(page->find("`" + code + "`") != std::string::npos);
  }
}
