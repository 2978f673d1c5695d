// What lies in the ledger's store beside its own keys (provenance/ledger_reader.h): 'X' and a name.
// Here, because the ledger must reach it where words of its records are erased, and whoever keeps
// it stands on the ledger.
#pragma once

#include <string_view>

#include "storage/store.h"

namespace cloister::coordinator {

// The kept fold (fold_store.h): its head; its parts lie under "Xfold/".
inline constexpr std::string_view fold_head_key = "Xfold";

// The keys of all that is kept of the fold, to be erased.
[[nodiscard]] Result<std::vector<Bytes>> fold_keys(const storage::Reader& store);

}  // namespace cloister::coordinator
