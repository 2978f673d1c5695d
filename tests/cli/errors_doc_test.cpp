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

// Codes stand behind a kind, as in fail(Kind::invalid, "plan.unknown_key", ...), before a sentence,
// or first in a call of a helper that knows the kind. docs/write_errors.py looks for the same.
const std::regex code_patterns[] = {
    std::regex(R"(Kind::\w+,\s*\"([a-z0-9_]+(\.[a-z0-9_]+)+)\")"),
    std::regex(R"(\"([a-z0-9_]+(\.[a-z0-9_]+)+)\",\s*(?:fmt::format\()?\s*\"[A-Z])"),
    std::regex(R"(\b(?:no|refused?|ended_error)\(\s*\"([a-z0-9_]+(\.[a-z0-9_]+)+)\")")};

std::set<std::string> codes_in_sources() {
  std::set<std::string> codes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(".")) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    const auto text = read_text(entry.path());
    REQUIRE(text);
    for (const std::regex& pattern : code_patterns) {
      for (std::sregex_iterator at(text->begin(), text->end(), pattern), end; at != end; ++at)
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
  for (const char* behind_a_helper :
       {"sequencer.membership", "release.no_gate", "message.too_deep"})
    CHECK(codes.contains(behind_a_helper));
  for (const auto& code : codes) {
    INFO(code << " is not in docs/errors.md: run python3 docs/write_errors.py");
    CHECK(page->find("`" + code + "`") != std::string::npos);
  }
}
