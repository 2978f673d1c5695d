#include <catch2/catch.hpp>

#include "base/file.h"
#include "cli/demo/centres.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

TEST_CASE("each centre of an M&Ms table is a site", "[cli]") {
  const Folder folder;
  REQUIRE(write_text(folder.path / "info.csv",
                     "External code,VendorName,Vendor,Centre,ED,ES\r\nA0S9V9,Siemens,A,1,0,9\r\n"
                     "A1D0Q7,Siemens,A,1,1,9\r\nB2F4K5,Philips,B,3,0,8\r\n"));
  const auto centres = centres_of(folder.path);
  REQUIRE(centres);
  CHECK(*centres == std::set<std::string>{"1", "3"});
}

TEST_CASE("a folder without a table of centres is named", "[cli]") {
  const Folder folder;
  CHECK(centres_of(folder.path).error().code == "demo.table");
  REQUIRE(write_text(folder.path / "notes.csv", "a,b\n1,2\n"));
  CHECK(centres_of(folder.path).error().code == "demo.table");
  REQUIRE(write_text(folder.path / "notes.csv", "Centre,b\n,2\n"));
  CHECK(centres_of(folder.path).error().kind == Kind::invalid);
}
