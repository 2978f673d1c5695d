// The life of a member's daemon: opened, run, and opened again whenever somebody asks (new keys, a
// new policy), with its files as they are then. Files that are wrong by then change nothing.
#pragma once

#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/result.h"

namespace cloister::member_shell {

// `run_once` gives true to be opened again; `load` reads the configuration anew. `event`: what the
// log calls it. Ends with the first error of `run_once`.
template <class Config, class Load, class RunOnce>
Result<void> run_and_reopen(Config config, Load load, RunOnce run_once, std::string_view event) {
  while (true) {
    const Result<bool> again = run_once(config);
    if (!again) return pass(again);
    if (!*again) return {};
    Result<Config> fresh = load();
    if (fresh) {
      config = std::move(*fresh);
    } else {
      log_warn(fresh.error().code, {{"what", fresh.error().what}, {"next", fresh.error().next}});
    }
    log_info(event);
  }
}

}  // namespace cloister::member_shell
