// What a check of this machine, or of a site's data, came to: good or not, in words, and what to
// do.
#pragma once

#include <string>
#include <vector>

#include "cli/answer.h"

namespace cloister::cli {

struct Check {
  std::string name;
  bool good = false;
  std::string what;
  std::string next;  // empty: nothing
};
using Checks = std::vector<Check>;

[[nodiscard]] inline Check good(std::string name, std::string what) {
  return {std::move(name), true, std::move(what), ""};
}
[[nodiscard]] inline Check bad(std::string name, const Error& error) {
  return {std::move(name), false, error.what, error.next};
}

// All of them, one a line; `checks` and `good` in JSON; a status that is not 0 if one is not good.
[[nodiscard]] Answer answer_of(const Checks& checks);

}  // namespace cloister::cli
