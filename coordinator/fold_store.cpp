#include "coordinator/fold_store.h"

#include "base/log.h"
#include "coordinator/beside_ledger.h"
#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;

constexpr std::string_view parts_prefix = "Xfold/";
constexpr std::size_t hash_digits = 64;

Bytes part_key(std::string_view name) { return to_bytes(fmt::format("{}{}", parts_prefix, name)); }

struct Head {
  std::string build;
  std::uint64_t size = 0;
  Digest root;
  std::map<std::string, Digest> parts;
};

Bytes to_bytes(const Head& head) {
  Json parts = Json::object();
  for (const auto& [name, digest] : head.parts) parts.set(name, digest);
  Json json;
  json.set("build", head.build).set("parts", std::move(parts));
  json.set("root", head.root).set("size", head.size);
  const std::string text = provenance::to_jcs(json);
  return cloister::to_bytes(text + to_hex(crypto::sha256(as_bytes(text))));
}

// Nothing: these are not the bytes that to_bytes() gave.
std::optional<Head> head_from(std::string_view stored) {
  if (stored.size() < hash_digits) return std::nullopt;
  const std::string_view text = stored.substr(0, stored.size() - hash_digits);
  if (to_hex(crypto::sha256(as_bytes(text))) != stored.substr(text.size())) return std::nullopt;
  const auto json =
      provenance::parse_json(text, {.bytes_max = stored.size(), .values_max = stored.size()});
  const Json* parts = json ? json->find("parts") : nullptr;
  if (parts == nullptr || parts->fields() == nullptr) return std::nullopt;
  Head head;
  head.build = provenance::text_or_empty(*json, "build");
  head.size = provenance::count_at(*json, "size").value_or(0);
  head.root = provenance::digest_at(*json, "root").value_or(Digest{});
  for (const auto& [name, digest] : *parts->fields())
    head.parts[name] = provenance::digest_at(*parts, name).value_or(Digest{});
  return head;
}

}  // namespace

// `why`: said when nothing comes back although something was kept.
Result<std::optional<FoldStore::Kept>> FoldStore::read(const Ledger& ledger, std::string& why) {
  const auto stored = store_.get(as_bytes(fold_head_key));
  if (!stored) return pass(stored);
  if (!*stored) return std::optional<Kept>();
  const auto head = head_from(as_text(**stored));
  why = "damaged";
  if (!head) return std::optional<Kept>();
  why = "written by another build";
  if (head->build != fold_build()) return std::optional<Kept>();
  why = "of another ledger, or of more records than there are";
  if (head->size == 0 || head->size > ledger.size()) return std::optional<Kept>();
  const auto root = ledger.root_at(head->size);
  if (!root) return pass(root);
  if (*root != head->root) return std::optional<Kept>();
  why = "damaged";
  Kept kept{{}, head->size};
  std::size_t good = 0;
  bool is_good = true;
  auto scanned = store_.scan(as_bytes(parts_prefix), {}, [&](BytesView key, BytesView bytes) {
    const std::string name(as_text(key.subspan(parts_prefix.size())));
    const auto listed = head->parts.find(name);
    is_good = listed != head->parts.end() && listed->second == crypto::sha256(bytes) &&
              read_part(name, bytes, kept.fold);
    ++good;
    return is_good;
  });
  if (!scanned) return pass(scanned);
  if (!is_good || good != head->parts.size()) return std::optional<Kept>();
  parts_ = head->parts;
  size_ = head->size;
  return std::optional(std::move(kept));
}

Result<std::optional<FoldStore::Kept>> FoldStore::load(const Ledger& ledger) {
  std::string why;
  auto kept = read(ledger, why);
  if (!kept || *kept || why.empty()) return kept;
  log_warn("kept fold thrown away: every record is replayed",
           {{"why", why}, {"records", std::to_string(ledger.size())}});
  return kept;
}

Result<void> FoldStore::keep(const Ledger& ledger, std::vector<FoldPart> changed) {
  const auto root = ledger.root_at(ledger.size());
  if (!root) return pass(root);
  storage::WriteBatch batch;
  // What was thrown away, or never was good, leaves nothing behind.
  if (size_ == 0) {
    const auto left = fold_keys(store_);
    if (!left) return pass(left);
    for (const Bytes& key : *left) batch.erase(key);
  }
  for (FoldPart& part : changed) {
    parts_[part.name] = crypto::sha256(part.bytes);
    batch.put(part_key(part.name), part.bytes);
    part.bytes = {};
  }
  const Head head{std::string(fold_build()), ledger.size(), *root, parts_};
  batch.put(as_bytes(fold_head_key), to_bytes(head));
  if (auto ok = store_.write(batch, storage::Durability::synced); !ok) return ok;
  size_ = ledger.size();
  return {};
}

}  // namespace cloister::coordinator
