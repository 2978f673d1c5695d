#include "coordinator/genesis.h"

#include "base/file.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;
using provenance::text_or_empty;

tl::unexpected<Error> bad(const std::filesystem::path& file, std::string_view why) {
  return fail(Kind::corrupt, "genesis.format",
              fmt::format("{} is no genesis of a consortium: {}.", file.string(), why),
              "Copy genesis.json again from where `cloister consortium init` wrote it.");
}

// The key that the first record binds, if its key id is the root's.
Result<provenance::RootKey> root_of(const Bytes& first, const std::string& key_id) {
  const auto envelope = provenance::parse_envelope(as_text(first));
  if (!envelope) return pass(envelope);
  const auto record = provenance::parse_statement(envelope->payload);
  if (!record) return pass(record);
  const auto binding = provenance::key_binding_from(record->details);
  if (!binding) return pass(binding);
  if (crypto::key_id(binding->key) != key_id ||
      !provenance::is_signed_by(*envelope, binding->key)) {
    return fail(Kind::corrupt, "genesis.format", "it is not signed by the root it names");
  }
  return provenance::RootKey{binding->member, binding->org, binding->key};
}

}  // namespace

Result<Genesis> load_genesis(const std::filesystem::path& file) {
  const auto text = read_text(file, 4U << 20);
  if (!text) return pass(text);
  const auto json = provenance::parse_json(*text, {4U << 20, 64, 1'000'000});
  if (!json) return bad(file, json.error().what);
  if (text_or_empty(*json, "format") != "cloister-genesis/1") return bad(file, "its format");
  Genesis genesis;
  genesis.consortium = text_or_empty(*json, "consortium");
  genesis.log = text_or_empty(*json, "log");
  const Json* list = json->find("envelopes");
  if (genesis.log.empty() || list == nullptr || list->items() == nullptr || list->items()->empty())
    return bad(file, "it names no log or no records");
  for (const Json& item : *list->items())
    genesis.envelopes.push_back(to_bytes(item.text() ? *item.text() : provenance::to_jcs(item)));
  auto root = root_of(genesis.envelopes.front(), text_or_empty(*json, "root"));
  if (!root) return bad(file, root.error().what);
  genesis.root = std::move(*root);
  return genesis;
}

}  // namespace cloister::coordinator
