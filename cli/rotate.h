// New keys for one member: made here, approved by the consortium, signed by the present key, and
// taken up without a restart. Nobody else is disturbed.
//
//   1 `cloister consortium invite MEMBER`       a token, as for a newcomer
//   2 this                                      next keys; their fingerprint is shown
//   3 `cloister consortium approve MEMBER`      people compare the fingerprint and approve
//   4 this goes on                              key.rotated signed by the present key; both are
//                                               accepted; files change; the process opens them;
//                                               then the former key is revoked
//
// The sealing key stays: what is sealed to it (the vault, codes on their way) must stay readable.
// Repeating the command goes on where it stopped.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/time.h"
#include "cli/answer.h"
#include "cli/keys.h"
#include "cli/token.h"

namespace cloister::cli {

struct RotateOptions {
  std::string token;
  std::filesystem::path home;   // of the member
  PassphraseSource passphrase;  // of a person's key file; an agent's lies beside its key
  Duration wait{15 * 60'000};   // for the approval; zero: ask once
  // Called with the next keys before it waits: their fingerprint is what the call is about.
  std::function<void(const Token&, const crypto::PublicKey&)> announce;
};
// Of an agent or a trainer.
[[nodiscard]] Result<Answer> rotate_process(const RotateOptions& options);
[[nodiscard]] Result<Answer> rotate_person(const RotateOptions& options);

}  // namespace cloister::cli
