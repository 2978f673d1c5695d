// The first act of a consortium: keys for its root, its coordinator and its trainer, and the first
// records of its ledger. Done once, on one machine; the folders are then carried to where they run.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "cli/answer.h"
#include "cli/keys.h"

namespace cloister::cli {

struct InitOptions {
  std::filesystem::path folder;  // gets root/, coordinator/ and trainer/
  std::string name;              // of the consortium; id-like
  std::string members = "127.0.0.1:7010";
  std::string enrolment = "127.0.0.1:7011";
  std::string worker = "cloister-worker";
  std::string device = "cpu";  // of the trainer
  PassphraseSource root_passphrase;
};

[[nodiscard]] Result<Answer> init_consortium(const InitOptions& options);

}  // namespace cloister::cli
