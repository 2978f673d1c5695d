// How the chaos run ends early: what its exit statuses mean stands at the top of chaos_run.cpp.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace cloister::system_test {

[[noreturn]] inline void give_up(int status, const std::string& why) {
  fmt::print(stderr, "chaos: {}\n", why);
  std::exit(status);
}

}  // namespace cloister::system_test
