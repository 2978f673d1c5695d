// Replay, predictions, answers, copies: what a bundle claims beyond its records.
#include <algorithm>

#include "crypto/hash.h"
#include "provenance/bundle_check.h"
#include "provenance/lineage_text.h"
#include "provenance/lines.h"
#include "provenance/withdrawal_story.h"

namespace cloister::provenance {

Result<void> BundleCheck::check_replay() {
  if (!leaves_ || verdict_.error) return {};
  LedgerRules rules;
  rules.log_origin = checkpoint_.origin;
  rules.roots = roots_;
  auto ledger = replay(files_, rules, checkpoint_.head);
  if (!ledger) {
    if (ledger.error().code != "replay.missing_record") return pass(ledger);
    say(Finding::not_proved, "replay",
        fmt::format("The log cannot be gone through again: {}", ledger.error().what));
    return {};
  }
  replayed_ = std::move(*ledger);
  say(Finding::proved, "replay",
      "Going through the whole log again admits every record under the ledger's rules (order, "
      "roles, "
      "inputs, approvals, gate, permits, quarantine) and gives the same root.",
      leaves_->size());
  return {};
}

Result<void> BundleCheck::check_prediction(const std::string& path, const Bytes& file) {
  const auto proof = parse_prediction_proof(as_text(file));
  if (!proof) return pass(proof);
  const auto json = parse_json(as_text(file));
  if (!json) return pass(json);
  const auto index = count_at(*json, "record");
  if (!index) return pass(index);
  if (path != fmt::format("predictions/{}.json", to_hex(proof->prediction.output))) {
    return bundle_fails("prediction", fmt::format("{} is about another file.", path));
  }
  if (auto good = verify_prediction(*proof); !good) return good;
  const auto record = records_.find(*index);
  if (record == records_.end()) {
    return bundle_fails("prediction", fmt::format("{} names a record that is not here.", path));
  }
  const Record& batch = record->second.record;
  const Json* details = batch.details.find("batch");
  const auto root = details == nullptr ? Result<Digest>(Digest{}) : digest_at(*details, "root");
  const auto size = details == nullptr ? Result<std::uint64_t>(0) : count_at(*details, "size");
  const bool is_subject =
      std::any_of(batch.subjects.begin(), batch.subjects.end(),
                  [&](const Subject& one) { return one.digest == proof->batch.root; });
  const bool is_same = batch.kind == RecordKind::prediction_batch && is_subject && root && size &&
                       *root == proof->batch.root && *size == proof->batch.size;
  if (!is_same) {
    return bundle_fails("prediction",
                        fmt::format("{} is not in the batch that record {} signs.", path, *index));
  }
  predictions_.push_back(leaf_hash(to_bytes(proof->prediction)));
  return {};
}

Result<void> BundleCheck::check_predictions() {
  if (verdict_.error) return {};
  for (const auto& [path, content] : files_) {
    if (!path.starts_with("predictions/")) continue;
    if (auto good = check_prediction(path, content); !good) return in_file(path, good.error());
  }
  if (predictions_.empty()) return {};
  say(Finding::proved, "prediction",
      fmt::format("{} in signed batches: file, input and model stand together.",
                  predictions_.size() == 1
                      ? "1 prediction is"
                      : fmt::format("{} predictions are", predictions_.size())),
      predictions_.size());
  return {};
}

Result<void> BundleCheck::check_closure(const Json& answer) {
  const Json* closure = answer.find("closure");
  const Bytes* list = file("closure.txt");
  if (closure == nullptr || list == nullptr) {
    return bundle_fails("answer", "The answer's closure is missing.");
  }
  const auto digest = digest_at(*closure, "digest");
  if (!digest) return pass(digest);
  if (crypto::sha256(*list) != *digest) {
    return bundle_fails("closure", "closure.txt does not have the closure digest of the answer.");
  }
  std::vector<Digest> nodes;
  for (std::string_view text = as_text(*list); !text.empty();) {
    const auto line = take_line(text);
    const auto node = digest_from_hex(line.value_or(""));
    if (!node) return bundle_fails("closure", "closure.txt holds something else than digests.");
    nodes.push_back(*node);
  }
  if (closure_digest(nodes) != *digest) {
    return bundle_fails("closure", "closure.txt is not in order.");
  }
  closure_ = *digest;
  return {};
}

namespace {

// The same question, asked of the replayed ledger.
Result<Answer> ask_again(const LedgerReader& ledger, const Json& answer) {
  const std::string question = text_or_empty(answer, "question");
  std::vector<Digest> asked;
  const Json* list = answer.find("asked");
  if (list == nullptr || list->items() == nullptr) {
    return bundle_fails("answer", "The answer does not say what was asked.");
  }
  for (const Json& one : *list->items()) {
    const auto digest = digest_from_hex(one.text() == nullptr ? "" : *one.text());
    if (!digest) return pass(digest);
    asked.push_back(*digest);
  }
  if (question == "impact") return trace_forward(ledger, asked);
  const std::string argument = text_or_empty(answer, "argument");
  if (question == "history") return history(ledger, StudyId::trusted(argument));
  if (question == "withdrawals") return withdrawals_answer(ledger, StudyId::trusted(argument));
  if (question == "egress") return egress_answer(ledger, argument);
  if (asked.size() == 1 && question == "trace") {
    const bool explains = answer.find("prediction") != nullptr;
    return explains ? explain(ledger, asked[0]) : trace_back(ledger, asked[0]);
  }
  if (asked.size() == 1 && question == "policy") return under_policy(ledger, asked[0]);
  if (asked.size() == 1 && question == "who") return who_answer(ledger, asked[0]);
  return bundle_fails("answer", "The answer is to a question that this version does not know.");
}

}  // namespace

Result<void> BundleCheck::check_answer() {
  const Bytes* text = file("answer.json");
  if (text == nullptr) return {};
  const auto answer = parse_json(
      as_text(*text), {.bytes_max = 64U << 20, .depth_max = 12, .values_max = 4'000'000});
  if (!answer) return in_file("answer.json", answer.error());
  const Json* checkpoint = answer->find("checkpoint");
  if (checkpoint == nullptr || !digest_at(*checkpoint, "root") ||
      *digest_at(*checkpoint, "root") != checkpoint_.head.root ||
      count_at(*checkpoint, "size").value_or(0) != checkpoint_.head.size) {
    return bundle_fails("answer", "The answer holds at another state of the log.");
  }
  if (auto good = check_closure(*answer); !good) return good;
  if (!replayed_) {
    say(Finding::not_proved, "closure",
        fmt::format("That the answer ({}) is complete: this needs the whole log, gone through "
                    "again.",
                    text_or_empty(*answer, "question")));
    return {};
  }
  const auto again = ask_again(*replayed_, *answer);
  if (!again) return pass(again);
  if (again->closure_digest != closure_) {
    return bundle_fails("closure", "The replayed log gives another answer than the bundle.");
  }
  if (to_jcs(to_json(*again)) != as_text(*text)) {
    return bundle_fails("answer", "answer.json differs from what the replayed log answers.");
  }
  say(Finding::proved, "closure",
      fmt::format("The answer ({}) is complete: the replayed log gives the same {} nodes.",
                  text_or_empty(*answer, "question"), again->nodes.size()),
      again->nodes.size());
  return {};
}

Result<void> BundleCheck::check_sigstore(const std::string& path, const Bytes& content) const {
  const NoteKey* log = nullptr;
  for (const auto& one : policy_.logs) {
    if (one.name == checkpoint_.origin) log = &one;
  }
  std::string expected;
  if (path == "sigstore/trusted-root.json") {
    expected = sigstore_trusted_root(*log);
  } else {
    const auto index = number_in(path, "sigstore/", ".json");
    const auto record = index ? records_.find(*index) : records_.end();
    const Bytes* text = index ? file(fmt::format("proofs/{}.tlog-proof", *index)) : nullptr;
    if (record == records_.end() || text == nullptr || record->second.erased_by) {
      return bundle_fails("copy",
                          fmt::format("{} is a copy of a record that is not in the bundle, or was "
                                      "not accepted.",
                                      path));
    }
    const auto proof = parse_tlog_proof(as_text(*text));
    if (!proof) return pass(proof);
    Envelope envelope = record->second.envelope;
    envelope.signatures = {
        {crypto::key_id(record->second.leaf.public_key), record->second.leaf.signature}};
    const auto bundle = sigstore_bundle(envelope, record->second.leaf, *proof, *log);
    if (!bundle) return pass(bundle);
    expected = *bundle;
  }
  if (as_text(content) == expected) return {};
  return bundle_fails("copy", fmt::format("{} differs from the record it copies.", path));
}

Result<void> BundleCheck::check_key_files() const {
  for (const auto& [path, content] : files_) {
    if (!path.starts_with("keys/")) continue;
    const auto key = crypto::public_key_from_pem(as_text(content));
    if (!key) return bundle_fails("key", fmt::format("{} holds no public key.", path));
    bool is_right = path == fmt::format("keys/{}.pem", crypto::key_id(*key));
    for (const auto& log : policy_.logs) {
      is_right = is_right || (path == "keys/log.pem" && log.public_key == *key);
    }
    for (const auto& witness : policy_.witnesses) {
      is_right = is_right || (path == fmt::format("keys/witness-{}.pem", witness.name) &&
                              witness.key.public_key == *key);
    }
    if (!is_right) return bundle_fails("key", fmt::format("{} holds another key.", path));
  }
  return {};
}

Result<void> BundleCheck::check_copies() {
  for (const auto& [path, content] : files_) {
    if (!path.starts_with("sigstore/") || verdict_.error) continue;
    if (auto good = check_sigstore(path, content); !good) return in_file(path, good.error());
  }
  if (auto good = check_key_files(); !good) return good;
  say(Finding::not_proved, "people",
      "What people wrote in records: signatures show who said it, not that it is true. README.md "
      "and "
      "other files for people are not checked.");
  return {};
}

Digest BundleCheck::content() const {
  std::string text =
      fmt::format("{}\n{}\n{}\n", verdict_.origin, verdict_.head.size, to_hex(verdict_.head.root));
  for (const auto& [index, checked] : records_) {
    text += fmt::format("{} {} {}\n", index, to_hex(checked.leaf_hash),
                        to_hex(checked.leaf.payload_hash));
    if (checked.erased_by) text += to_hex(crypto::sha256(checked.envelope.payload)) + "\n";
  }
  for (const auto& prediction : predictions_) text += to_hex(prediction) + "\n";
  return crypto::sha256(as_bytes(text + to_hex(closure_)));
}

}  // namespace cloister::provenance
