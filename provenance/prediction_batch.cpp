#include "provenance/prediction_batch.h"

#include "base/ensure.h"
#include "provenance/json.h"
#include "provenance/record.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad() {
  return fail(Kind::invalid, "prediction.format", "The text is no prediction or proof of one.");
}

Json to_value(const Prediction& prediction) {
  Json out;
  out.set("input", Json().set("sha256", prediction.input));
  out.set("model", Json().set("sha256", prediction.model));
  out.set("output", Json().set("sha256", prediction.output));
  return out;
}

Result<Digest> digest_under(const Json& json, std::string_view key) {
  const Json* digests = json.find(key);
  if (digests == nullptr) return bad();
  return digest_at(*digests, "sha256");
}

Result<Prediction> from_value(const Json& json) {
  const auto output = digest_under(json, "output");
  const auto input = digest_under(json, "input");
  const auto model = digest_under(json, "model");
  if (!output || !input || !model || json.fields()->size() != 3) return bad();
  return Prediction{*output, *input, *model};
}

std::vector<Digest> leaves_of(const std::vector<Prediction>& predictions) {
  std::vector<Digest> leaves;
  for (const auto& prediction : predictions) leaves.push_back(leaf_hash(to_bytes(prediction)));
  return leaves;
}

}  // namespace

Bytes to_bytes(const Prediction& prediction) {
  return cloister::to_bytes(to_jcs(to_value(prediction)));
}

Result<Prediction> parse_prediction(BytesView entry) {
  const auto json = parse_json(as_text(entry), {.bytes_max = 4096, .depth_max = 4});
  if (!json) return bad();
  auto prediction = from_value(*json);
  if (!prediction) return prediction;
  const Bytes again = to_bytes(*prediction);
  if (!std::equal(again.begin(), again.end(), entry.begin(), entry.end())) return bad();
  return prediction;
}

TreeHead batch_head(const std::vector<Prediction>& predictions) {
  CompactRange range;
  for (const auto& leaf : leaves_of(predictions)) range.append(leaf);
  return range.head();
}

void set_batch(Record& record, const std::vector<Prediction>& predictions) {
  ensure(!predictions.empty() && predictions.size() <= batch_inline_max,
         "a batch inside its record holds 1 to 1000 predictions");
  const TreeHead head = batch_head(predictions);
  Json list = Json::array();
  for (const auto& prediction : predictions) list.push(to_value(prediction));
  Json batch;
  batch.set("predictions", std::move(list)).set("root", head.root).set("size", head.size);
  record.subjects.insert(record.subjects.begin(), Subject{"batch", head.root});
  record.details.set("batch", std::move(batch));
}

Result<std::vector<Bytes>> inline_entries(const Record& record) {
  std::vector<Bytes> entries;
  const Json* batch = record.details.find("batch");
  const Json* list = batch == nullptr ? nullptr : batch->find("predictions");
  if (list == nullptr) return entries;
  if (list->items() == nullptr || list->items()->size() > batch_inline_max) return bad();
  for (const Json& one : *list->items()) {
    const auto prediction = from_value(one);
    if (!prediction) return pass(prediction);
    entries.push_back(to_bytes(*prediction));
  }
  return entries;
}

Result<PredictionProof> prove_prediction(const std::vector<Prediction>& predictions,
                                         std::uint64_t index) {
  const LeafHashes leaves(leaves_of(predictions));
  auto hashes = inclusion_proof(leaves, index, leaves.size());
  if (!hashes) return pass(hashes);
  return PredictionProof{predictions[index], index, batch_head(predictions), std::move(*hashes)};
}

Result<void> verify_prediction(const PredictionProof& proof) {
  return verify_inclusion({proof.index, leaf_hash(to_bytes(proof.prediction)), proof.batch},
                          proof.hashes);
}

std::string to_json(const PredictionProof& proof) {
  Json hashes = Json::array();
  for (const auto& hash : proof.hashes) hashes.push(to_base64(hash.view()));
  Json batch;
  batch.set("root", to_base64(proof.batch.root.view()));
  batch.set("size", proof.batch.size);
  Json out;
  out.set("batch", std::move(batch));
  out.set("hashes", std::move(hashes));
  out.set("index", proof.index);
  out.set("prediction", to_value(proof.prediction));
  return to_jcs(out);
}

Result<PredictionProof> parse_prediction_proof(std::string_view text) {
  const auto json = parse_json(text, {.bytes_max = 64U << 10, .depth_max = 6});
  if (!json) return bad();
  const Json* batch = json->find("batch");
  const Json* hashes = json->find("hashes");
  const Json* prediction = json->find("prediction");
  const auto index = count_at(*json, "index");
  if (batch == nullptr || hashes == nullptr || prediction == nullptr || !index) return bad();
  const auto root = base64_at(*batch, "root");
  const auto size = count_at(*batch, "size");
  auto value = from_value(*prediction);
  if (!root || root->size() != 32 || !size || !value || hashes->items() == nullptr) return bad();
  PredictionProof proof{*value, *index, {*size, digest_from_bytes(*root).value()}, {}};
  for (const Json& one : *hashes->items()) {
    const auto bytes = one.text() == nullptr ? bad() : from_base64(*one.text());
    if (!bytes || bytes->size() != 32 || proof.hashes.size() == proof_hashes_max) return bad();
    proof.hashes.push_back(digest_from_bytes(*bytes).value());
  }
  return proof;
}

}  // namespace cloister::provenance
