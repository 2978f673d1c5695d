// The steps of checking a bundle, in order. Private to this room.
#pragma once

#include <map>
#include <optional>

#include "provenance/leaf.h"
#include "provenance/verify_bundle.h"

namespace cloister::provenance {

class BundleCheck {
 public:
  BundleCheck(const BundleFiles& files, const TrustAnchors& anchors)
      : files_(files), anchors_(anchors) {}
  Verdict run();

 private:
  struct Checked {
    Leaf leaf;
    Digest leaf_hash;
    Envelope envelope;
    Record record;
    std::optional<std::uint64_t> erased_by;  // the record that erased its words
  };

  // Each step adds its lines, or hands back what failed.
  Result<void> check_anchors();
  Result<void> check_checkpoint();
  Result<void> check_log();
  Result<void> check_records();
  Result<void> check_erased();
  Result<void> check_signers();
  Result<void> check_replay();
  Result<void> check_predictions();
  Result<void> check_answer();
  Result<void> check_copies();

  Result<Checked> check_record(std::uint64_t index, const Bytes& file);
  Result<Checked> check_remains(std::uint64_t index, const Bytes& file);
  Result<Leaf> leaf_for(std::uint64_t index, const Envelope& envelope) const;
  Result<void> check_proof(std::uint64_t index, const Digest& leaf_hash, bool is_needed) const;
  Result<void> check_prediction(const std::string& path, const Bytes& file);
  Result<void> check_closure(const Json& answer);
  Result<void> check_sigstore(const std::string& path, const Bytes& file) const;
  Result<void> check_key_files() const;
  Digest content() const;

  void say(Finding finding, std::string_view code, std::string text, std::size_t count = 1);
  [[nodiscard]] const Bytes* file(const std::string& path) const;

  const BundleFiles& files_;
  const TrustAnchors& anchors_;
  TlogPolicy policy_;
  std::vector<RootKey> roots_;
  Note note_;
  Checkpoint checkpoint_;
  std::optional<std::vector<Bytes>> leaves_;  // of the whole log, if it is there
  std::map<std::uint64_t, Checked> records_;
  std::optional<MemoryLedger> replayed_;
  std::vector<Digest> predictions_;
  Digest closure_;
  Verdict verdict_;
};

// "records/12.dsse.json" -> 12, for this folder and ending.
[[nodiscard]] std::optional<std::uint64_t> number_in(std::string_view path, std::string_view folder,
                                                     std::string_view ending);
[[nodiscard]] tl::unexpected<Error> bundle_fails(std::string_view code, std::string what);
// An error of a parser with the file that it is about.
[[nodiscard]] tl::unexpected<Error> in_file(const std::string& path, Error error);

}  // namespace cloister::provenance
