// How a consortium began (genesis.json; docs/homes.md): what the ledger's trust starts from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "provenance/sequencer.h"

namespace cloister::coordinator {

struct Genesis {
  std::string consortium;
  std::string log;  // origin of the ledger's checkpoints
  provenance::RootKey root;
  std::vector<Bytes> envelopes;  // the first records, in order
};

// "genesis.format" if it is not whole, or if its first record does not bind the root it names.
[[nodiscard]] Result<Genesis> load_genesis(const std::filesystem::path& file);

}  // namespace cloister::coordinator
