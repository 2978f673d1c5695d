#include "coordinator/beside_ledger.h"

namespace cloister::coordinator {

Result<std::vector<Bytes>> fold_keys(const storage::Reader& store) {
  std::vector<Bytes> keys;
  auto scanned = store.scan(as_bytes(fold_head_key), {}, [&](BytesView key, BytesView) {
    keys.emplace_back(key.begin(), key.end());
    return true;
  });
  if (!scanned) return pass(scanned);
  return keys;
}

}  // namespace cloister::coordinator
