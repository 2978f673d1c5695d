// Style is a test: arrows between rooms, where third-party libraries may live, sizes of files,
// words that must not appear, and a README for each room.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/file.h"

namespace fs = std::filesystem;
using namespace cloister;

namespace {

const fs::path root = SOURCE_FOLDER;

// Folder -> folders it may include from, read from the table that CMake enforces.
std::map<std::string, std::set<std::string>> arrows() {
  std::map<std::string, std::set<std::string>> table;
  std::istringstream lines(read_text(root / "cmake/rooms.cmake").value());
  const std::regex row("^  \"([a-z/-]+) +-> ?([a-z/ -]*)\"\\)?$");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    std::istringstream words(match[2].str());
    auto& allowed = table[match[1].str()];
    for (std::string word; words >> word;) allowed.insert(word);
  }
  return table;
}

struct Source {
  std::string path;  // relative to the root
  std::string text;
};

std::vector<Source> sources() {
  std::vector<Source> all;
  for (const auto& top : fs::directory_iterator(root)) {
    const std::string name = top.path().filename().string();
    if (!top.is_directory() || name.starts_with(".") || name == "build" || name == "demo-out")
      continue;
    for (const auto& entry : fs::recursive_directory_iterator(top.path())) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp") continue;
      if (entry.path().string().find("node_modules") != std::string::npos) continue;
      all.push_back({fs::relative(entry.path(), root).string(), read_text(entry.path()).value()});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return all;
}

// The longest room folder that the path lies in, or nothing (tests, bench).
std::string room_of(const std::string& path,
                    const std::map<std::string, std::set<std::string>>& table) {
  std::string best;
  for (const auto& [room, allowed] : table) {
    if (path.starts_with(room + "/") && room.size() > best.size()) best = room;
  }
  return best;
}

std::vector<std::string> includes(const std::string& text, char open, char close) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  const std::string start = std::string("#include ") + open;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(start)) continue;
    const auto end = line.find(close, start.size());
    if (end != std::string::npos) found.push_back(line.substr(start.size(), end - start.size()));
  }
  return found;
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const auto& problem : problems) text += "\n  " + problem;
  return text;
}

}  // namespace

TEST_CASE("every include follows an arrow of the table", "[tidy]") {
  const auto table = arrows();
  REQUIRE(table.size() >= 15);
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    const std::string from = room_of(source.path, table);
    if (from.empty()) continue;
    for (const std::string& include : includes(source.text, '"', '"')) {
      const std::string to = room_of(include, table);
      if (to.empty()) {
        if (include.find(".pb.h") == std::string::npos)
          problems.push_back(source.path + " includes " + include + ", which is in no room");
      } else if (to != from && !table.at(from).contains(to)) {
        problems.push_back(source.path + " includes " + include + ": no arrow " + from + " -> " +
                           to);
      }
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the arrows have no cycle", "[tidy]") {
  auto table = arrows();
  while (!table.empty()) {
    const auto leaf = std::find_if(table.begin(), table.end(), [&](const auto& row) {
      return std::none_of(row.second.begin(), row.second.end(),
                          [&](const std::string& to) { return table.contains(to); });
    });
    INFO("a cycle among the rooms that are left, first: " << table.begin()->first);
    REQUIRE(leaf != table.end());
    table.erase(leaf);
  }
}

TEST_CASE("a heavy library has one home", "[tidy]") {
  const std::vector<std::pair<std::regex, std::vector<std::string>>> homes{
      {std::regex("^sodium.*"), {"crypto/", "bench/"}},
      {std::regex("^openssl/.*"), {"crypto/"}},
      {std::regex("^rocksdb/.*"), {"storage/", "tests/", "bench/"}},
      {std::regex("^zmq.*"), {"transport/", "tests/transport/", "bench/"}},
      {std::regex("^(torch|ATen|c10)/.*"), {"networks/", "privacy/", "bench/"}},
      {std::regex("^itk.*"), {"imaging/", "tests/imaging/"}},
      {std::regex("^toml\\+\\+/.*"), {"config/"}},
      {std::regex("^CLI/.*"),
       {"cli/", "tests/cli/", "verify/", "worker/", "coordinator/", "site-agent/", "trainer/",
        "bench/"}},
      {std::regex("^google/protobuf/.*"), {"protocol/", "tests/protocol/"}},
      {std::regex("^spdlog/.*"), {"base/"}}};
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    for (const std::string& include : includes(source.text, '<', '>')) {
      for (const auto& [library, rooms] : homes) {
        if (!std::regex_match(include, library)) continue;
        const bool at_home = std::any_of(rooms.begin(), rooms.end(), [&](const std::string& room) {
          return source.path.starts_with(room);
        });
        if (!at_home) problems.push_back(source.path + " includes <" + include + ">");
      }
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

// CMake takes a semicolon for the end of a name: the test would be registered in halves.
TEST_CASE("no test's name holds a semicolon", "[tidy]") {
  const std::regex name(R"(TEST_CASE\(\s*"[^"]*;)");
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    if (std::regex_search(source.text, name)) problems.push_back(source.path);
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("generated message headers stay inside their rooms, torch out of headers", "[tidy]") {
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    if (!source.path.starts_with("protocol/") && !source.path.starts_with("tests/protocol/") &&
        !source.path.starts_with("onnx-export/") &&
        source.text.find(".pb.h\"") != std::string::npos &&
        !source.path.starts_with("tests/tidy")) {
      problems.push_back(source.path + " includes a generated message header");
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("files stay small enough to be read in one go", "[tidy]") {
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    const auto lines = std::count(source.text.begin(), source.text.end(), '\n');
    const long limit = source.path.ends_with(".h") ? 250 : 500;
    if (lines > limit)
      problems.push_back(source.path + " has " + std::to_string(lines) + " lines, more than " +
                         std::to_string(limit));
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("words that must not appear do not appear", "[tidy]") {
  struct Ban {
    std::regex pattern;
    std::vector<std::string> except;
    std::string why;
  };
  const std::vector<Ban> bans{
      {std::regex("std::(recursive_|shared_|timed_)?mutex"),
       {"base/", "tests/support/fault_disk.cpp"},  // RocksDB calls from threads of its own
       "one thread owns all state; see house rules"},
      {std::regex("system_clock::now"), {"base/time.cpp"}, "cores are handed `now`"},
      {std::regex("(std::|[^:.A-Za-z_])(s?rand|random_device)\\s*\\("),
       {},
       "Prng for sampling, crypto::Entropy for keys"},
      {std::regex("\\b(TODO|FIXME|XXX|HACK)\\b"), {}, "open an issue instead"},
      {std::regex("torch::(jit::)?load|pickle_load"), {}, "tensors come in as safetensors only"},
      {std::regex("#include <cassert>"), {}, "ensure() does not vanish with NDEBUG"}};
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    if (source.path.starts_with("tests/tidy/")) continue;
    for (const Ban& ban : bans) {
      const bool excepted =
          std::any_of(ban.except.begin(), ban.except.end(),
                      [&](const std::string& place) { return source.path.starts_with(place); });
      if (!excepted && std::regex_search(source.text, ban.pattern))
        problems.push_back(source.path + ": " + ban.why);
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("every room has a README", "[tidy]") {
  std::vector<std::string> problems;
  for (const auto& [room, allowed] : arrows()) {
    if (room.find('/') != std::string::npos || !fs::exists(root / room / "CMakeLists.txt"))
      continue;
    if (!fs::exists(root / room / "README.md")) problems.push_back(room + "/ has no README.md");
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("public headers start with what they are for", "[tidy]") {
  std::vector<std::string> problems;
  for (const Source& source : sources()) {
    if (source.path.ends_with(".h") && !source.text.starts_with("//"))
      problems.push_back(source.path + " does not say what it is for");
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}
