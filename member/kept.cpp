#include <algorithm>

#include "member/actions.h"
#include "provenance/json.h"

namespace cloister::member {

using provenance::Json;

const Kept* find_kept(const std::vector<Kept>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Kept& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string to_json(const std::vector<Kept>& kept) {
  Json list = Json::array();
  for (const Kept& one : kept) {
    Json item;
    item.set("name", one.name).set("as", static_cast<int>(one.as)).set("digest", one.digest);
    item.set("bytes", one.bytes);
    if (!one.wrap.empty()) item.set("wrap", to_base64(one.wrap));
    list.push(std::move(item));
  }
  return provenance::to_jcs(list);
}

Result<std::vector<Kept>> kept_from_json(std::string_view json) {
  const auto list = provenance::parse_json(json, {.bytes_max = 64U << 20});
  if (!list) return pass(list);
  std::vector<Kept> all;
  if (list->items() == nullptr) return all;
  for (const Json& item : *list->items()) {
    const auto digest = provenance::digest_at(item, "digest");
    if (!digest) return pass(digest);
    Kept one;
    one.name = provenance::text_or_empty(item, "name");
    one.as = static_cast<KeepAs>(provenance::count_at(item, "as").value_or(1));
    one.digest = *digest;
    one.bytes = provenance::count_at(item, "bytes").value_or(0);
    one.wrap = provenance::base64_at(item, "wrap").value_or(Bytes{});
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace cloister::member
