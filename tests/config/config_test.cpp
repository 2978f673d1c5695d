#include <catch2/catch.hpp>

#include "base/prng.h"
#include "config/fields.h"
#include "config/toml.h"
#include "config/units.h"

using namespace cloister;
using namespace cloister::config;

namespace {

Document parsed(std::string_view text) {
  auto document = Document::from_toml(text, "folder/plan.toml");
  if (!document) FAIL(to_string(document.error()));
  return std::move(*document);
}

std::string what_is_wrong(const Document& document) {
  const auto checked = document.check();
  return checked ? "" : checked.error().what;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("lengths of time and sizes are read with their units", "[config]") {
  CHECK(parse_duration("500ms").value() == Duration(500));
  CHECK(parse_duration("10 min").value() == Duration(600'000));
  CHECK(parse_duration("1.5 h").value() == Duration(5'400'000));
  CHECK(parse_duration("7 days").value() == Duration(604'800'000));
  CHECK(parse_size("2 GiB").value() == 2ULL << 30);
  CHECK(parse_size("10 MB").value() == 10'000'000);
  CHECK(parse_size("1.5 KiB").value() == 1536);
  CHECK(parse_size("18446744073709551615 B").value() == UINT64_MAX);
  for (std::string_view bad : {"", "10", "min", "-1 s", "1 parsec", "1..5 s", "1 s ", " 1 s", ".",
                               "99999999999999999999 s", "300000000000 days"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
  CHECK_FALSE(parse_size("20000000000 GiB").has_value());
}

TEST_CASE("a quantity is written in its largest exact unit and reads back", "[config]") {
  CHECK(duration_text(Duration(90'000)) == "90 s");
  CHECK(duration_text(Duration(7'200'000)) == "2 h");
  CHECK(size_text(2ULL << 30) == "2 GiB");
  CHECK(size_text(1000) == "1000 B");
  Prng prng(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = prng.next() >> (1 + prng.below(60));
    REQUIRE(parse_size(size_text(value)).value() == value);
    const Duration duration(static_cast<std::int64_t>(value));
    REQUIRE(parse_duration(duration_text(duration)).value() == duration);
  }
}

TEST_CASE("TOML becomes compact JSON with sorted keys", "[config]") {
  const auto json =
      toml_to_json("b = 1\na = [1.5, true, \"x\"]\n[t]\nwhen = 2026-11-23\n", "p.toml");
  CHECK(json.value() == R"({"a":[1.5,true,"x"],"b":1,"t":{"when":"2026-11-23"}})");
}

TEST_CASE("a syntax error names the file, the line and the column", "[config]") {
  const auto error = toml_to_json("a = 1\nb = = 2\n", "p.toml").error();
  CHECK(error.code == "config.syntax");
  CHECK(has(error.what, "p.toml, line 2, column 5"));
  CHECK(toml_to_json("a = nan", "p.toml").error().code == "config.syntax");
  CHECK(toml_to_json("a = 1\na = 2", "p.toml").error().code == "config.syntax");
  CHECK(toml_to_json("a = \"\xff\"", "p.toml").error().code == "config.syntax");
  CHECK(toml_to_json(std::string(5 << 20, '\n'), "p.toml").error().code == "config.too_large");
  const std::string deep = "a = " + std::string(40, '[') + std::string(40, ']');
  CHECK(toml_to_json(deep, "p.toml").error().code == "config.syntax");

  const auto json = Document::from_json("{\"a\": 1,\n \"b\": }", "p.json");
  CHECK(has(json.error().what, "p.json, line 2, column 7"));
  for (std::string_view bad : {"", "[]", "1", "{\"a\":null}", "{\"a\":1,\"a\":2}", "{} x",
                               "{\"a\":18446744073709551615}"}) {
    INFO(bad);
    CHECK(Document::from_json(bad, "p.json").error().code == "config.syntax");
  }
  CHECK_FALSE(Document::from_json("{\"a\":" + std::string(100000, '['), "p.json").has_value());
}

TEST_CASE("fields are read with their defaults", "[config]") {
  const Document document = parsed(R"(
name = "cardiac"
epochs = 12
rate = 1
patience = "10 min"
memory = "2 GiB"
data = "images"
elsewhere = "/srv/data"
labels = ["LV", "MYO"]
[gate]
strict = false
[[site]]
id = "a"
[[site]]
id = "b"
)");
  const Fields root = document.root();
  CHECK(root.required_text("name") == "cardiac");
  CHECK(root.whole("epochs", 40, {1, 100}) == 12);
  CHECK(root.real("rate", 0.5) == 1.0);
  CHECK(root.duration("patience", Duration(0)) == Duration(600'000));
  CHECK(root.size("memory", 0) == 2ULL << 30);
  CHECK(root.path("data", {}) == "folder/images");
  CHECK(root.path("elsewhere", {}) == "/srv/data");
  CHECK(root.texts("labels") == std::vector<std::string>{"LV", "MYO"});
  CHECK(root.word("mode", "adapted", {"paper", "adapted"}) == "adapted");
  CHECK_FALSE(root.table("gate").truth("strict", true));
  CHECK(root.table("absent").whole("x", 7) == 7);
  const auto sites = root.tables("site");
  REQUIRE(sites.size() == 2);
  CHECK(sites[0].required_text("id") == "a");
  CHECK(sites[1].required_text("id") == "b");
  CHECK(what_is_wrong(document) == "");
}

TEST_CASE("all problems of a document are reported together with their lines", "[config]") {
  const Document document = parsed(R"(epoch = 3
rate = "fast"
patience = "soon"
mode = "papre"
size = "9 GiB"
[gate]
strict = 1
[[site]]
nam = "a"
)");
  const Fields root = document.root();
  CHECK(root.whole("epochs", 40) == 40);
  CHECK(root.real("rate", 0.5) == 0.5);
  CHECK(root.duration("patience", Duration(7)) == Duration(7));
  CHECK(root.word("mode", "adapted", {"paper", "adapted"}) == "adapted");
  CHECK(root.size("size", 1, {.max = 1 << 30}) == 1);
  CHECK(root.table("gate").truth("strict", true));
  for (const Fields& site : root.tables("site")) (void)site.required_text("name");
  (void)root.required_whole("seed");
  root.problem("mode", "does not fit the rest");
  const std::string wrong = what_is_wrong(document);
  INFO(wrong);
  CHECK(has(wrong, "line 1: 'epoch' is not known here; did you mean 'epochs'?"));
  CHECK(has(wrong, "line 2: 'rate' must be a number, not text"));
  CHECK(has(wrong, "line 3: 'patience' is 'soon'"));
  CHECK(has(wrong, "line 4: 'mode' is 'papre'; allowed are paper, adapted"));
  CHECK(has(wrong, "line 4: 'mode' does not fit the rest"));
  CHECK(has(wrong, "line 5: 'size' is 9 GiB; it must be at most 1 GiB"));
  CHECK(has(wrong, "line 7: 'gate.strict' must be true or false, not a whole number"));
  CHECK(has(wrong, "line 9: 'site[1].nam' is not known here; did you mean 'name'?"));
  CHECK(has(wrong, "'site[1].name' is missing"));
  CHECK(has(wrong, "'seed' is missing"));
  CHECK(has(wrong, "10 problems"));
}

TEST_CASE("a table that nobody asked for is an unknown key, and far words are not guessed",
          "[config]") {
  const Document document = parsed("[zzzzzzzz]\nx = 1\n");
  (void)document.root().whole("epochs", 1);
  CHECK(has(what_is_wrong(document), "'zzzzzzzz' is not known here; known are epochs"));
}

TEST_CASE("the same reader reads JSON", "[config]") {
  const auto document = Document::from_json(R"({"gate":{"strict":true},"n":[1,2.5]})", "p.json");
  REQUIRE(document.has_value());
  CHECK(document->root().table("gate").truth("strict", false));
  CHECK(document->root().reals("n") == std::vector<double>{1.0, 2.5});
  CHECK(document->check().has_value());
  CHECK(document->root().wholes("n").size() == 1);
  CHECK_FALSE(document->check().has_value());
}

TEST_CASE("damaged documents of any shape give an error or a document, never a crash", "[config]") {
  const std::string good =
      "a = 1\nb = [1, {c = \"x\"}]\n[t.u]\nd = 1979-05-27T07:32:00Z\ne = 1e3\n";
  Prng prng(2);
  for (int run = 0; run < 5000; ++run) {
    std::string bad = good;
    for (std::uint64_t i = 1 + prng.below(4); i > 0; --i) {
      bad[prng.below(bad.size())] = static_cast<char>(prng.below(256));
    }
    const auto toml = Document::from_toml(bad, "x");
    if (toml) (void)toml->root().table("t");
    (void)Document::from_json(bad, "x").has_value();
  }
}
