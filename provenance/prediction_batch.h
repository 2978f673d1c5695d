// Batches of predictions: an RFC 6962 tree of their own, so that one record stands for thousands
// and any single prediction can still be proved (inner path, then the log's path).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "provenance/merkle.h"

namespace cloister::provenance {

inline constexpr std::size_t batch_predictions_max = 65'536;

// One prediction: digests only. `input` is the site's commitment to what was segmented.
struct Prediction {
  Digest output;  // SHA-256 of the prediction file's bytes
  Digest input;
  Digest model;
  friend bool operator==(const Prediction&, const Prediction&) = default;
};
// {"input":{"sha256":..},"model":{"sha256":..},"output":{"sha256":..}} in JCS: a leaf's bytes.
[[nodiscard]] Bytes to_bytes(const Prediction& prediction);
[[nodiscard]] Result<Prediction> parse_prediction(BytesView entry);

// The subject of a prediction.batch record: root and size of the inner tree.
[[nodiscard]] TreeHead batch_head(const std::vector<Prediction>& predictions);

struct Record;
// At most this many may stand in the record itself; more travel beside it (Submission::entries).
inline constexpr std::size_t batch_inline_max = 1000;
// Makes a prediction.batch record of these: its first subject ("batch", the inner root) and
// details.batch {root, size, predictions}. Every model must be among the record's inputs.
void set_batch(Record& record, const std::vector<Prediction>& predictions);
// The entries that stand in the record itself; none if there are none. "prediction.format".
[[nodiscard]] Result<std::vector<Bytes>> inline_entries(const Record& record);

struct PredictionProof {
  Prediction prediction;
  std::uint64_t index = 0;
  TreeHead batch;
  std::vector<Digest> hashes;
  friend bool operator==(const PredictionProof&, const PredictionProof&) = default;
};
[[nodiscard]] Result<PredictionProof> prove_prediction(const std::vector<Prediction>& predictions,
                                                       std::uint64_t index);
[[nodiscard]] Result<void> verify_prediction(const PredictionProof& proof);
[[nodiscard]] std::string to_json(const PredictionProof& proof);
[[nodiscard]] Result<PredictionProof> parse_prediction_proof(std::string_view json);

}  // namespace cloister::provenance
