#include "site-agent/core/products.h"

#include "base/ensure.h"

namespace cloister::site_agent {
namespace {

using provenance::count_at;
using provenance::digest_at;
using provenance::Json;
using provenance::text_or_empty;

const std::string prefix = "product/";
constexpr std::size_t stored_bytes_max = 64U << 20;

Product from_json(const Json& json) {
  Product product;
  product.kind = text_or_empty(json, "kind");
  product.study = StudyId::trusted(text_or_empty(json, "study"));
  product.digest = digest_at(json, "digest").value_or(Digest{});
  auto kept = member::kept_from_json(text_or_empty(json, "kept"));
  ensure(kept.has_value(), "a stored product can be read again");
  product.kept = std::move(*kept);
  const Json* result = json.find("result");
  if (result != nullptr) product.result = *result;
  return product;
}

Bytes to_stored(const Product& product, std::uint64_t order) {
  Json json;
  json.set("kind", product.kind).set("study", product.study.text()).set("digest", product.digest);
  json.set("kept", member::to_json(product.kept)).set("result", product.result);
  json.set("order", order);
  return to_bytes(provenance::to_jcs(json));
}

}  // namespace

const member::Kept* Product::part(std::string_view name) const {
  return member::find_kept(kept, name);
}

Products::Products(const member::Stored& stored) {
  // A product that was made again keeps its digest and may share its number with another one.
  std::multimap<std::uint64_t, Product> by_order;
  for (const auto& [key, value] : stored) {
    if (!key.starts_with(prefix)) continue;
    const auto json = provenance::parse_json(as_text(value), {.bytes_max = stored_bytes_max});
    ensure(json.has_value(), "a stored product can be read again");
    by_order.emplace(count_at(*json, "order").value_or(0), from_json(*json));
  }
  for (auto& [order, product] : by_order) {
    newest_[{product.study, product.kind}] = product.digest;
    const Digest digest = product.digest;
    products_[digest] = std::move(product);
  }
}

member::Actions Products::add(Product product) {
  const Digest digest = product.digest;
  newest_[{product.study, product.kind}] = digest;
  member::Actions actions{
      member::Persist{prefix + to_hex(digest), to_stored(product, products_.size() + 1)}};
  products_[digest] = std::move(product);
  return actions;
}

const Product* Products::find(const Digest& digest) const {
  const auto found = products_.find(digest);
  return found == products_.end() ? nullptr : &found->second;
}

const Product* Products::newest(const StudyId& study, std::string_view kind) const {
  const auto found = newest_.find({study, std::string(kind)});
  return found == newest_.end() ? nullptr : find(found->second);
}

Manifest manifest_of(const Product& encoded) {
  Manifest manifest;
  manifest.json = provenance::to_jcs(encoded.result);
  manifest.digest = encoded.digest;
  const Json* shards = encoded.result.find("shards");
  if (shards == nullptr || shards->items() == nullptr) return manifest;
  for (const Json& item : *shards->items()) {
    ShardEntry shard;
    shard.number = count_at(item, "number").value_or(0);
    shard.purpose = text_or_empty(item, "purpose");
    shard.sealed = digest_at(item, "sealed_sha256").value_or(Digest{});
    shard.sealed_bytes = count_at(item, "sealed_bytes").value_or(0);
    shard.slices = count_at(item, "slices").value_or(0);
    shard.views = count_at(item, "views").value_or(0);
    for (const member::Kept& kept : encoded.kept) {
      if (kept.as == member::KeepAs::sealed && kept.digest == shard.sealed) shard.wrap = kept.wrap;
    }
    manifest.shards.push_back(std::move(shard));
  }
  return manifest;
}

GateReport gate_of(const Product& assessed) {
  GateReport report{assessed.digest, {}};
  const Json* list = assessed.result.find("indicators");
  if (list == nullptr || list->items() == nullptr) return report;
  for (const Json& item : *list->items()) {
    const Json* value = item.find("value");
    report.verdicts.push_back({text_or_empty(item, "name"),
                               value == nullptr ? 0 : value->number().value_or(0),
                               text_or_empty(item, "verdict")});
  }
  return report;
}

}  // namespace cloister::site_agent
