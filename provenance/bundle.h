// Evidence bundles: everything that a stranger needs to check an answer, as a folder of files that
// other people's tools read. Pure: a map from relative path to content.
//
//   README.md                        how to check all this without us
//   check-prediction.sh              the script of the README
//   checkpoint                       the signed and cosigned head
//   trust/tlog-policy                C2SP tlog-policy     (the auditor's own copy wins)
//   trust/roots                      "<member> <org> <vkey>" a line: the consortium's root keys
//   tile/...                         C2SP tlog-tiles: hashes and leaves of the whole log
//   records/<index>.dsse.json        envelopes
//   erased/<index>.dsse.json         what is left of a record whose words were erased: its
//   signature
//                                    cannot be checked, the record that erased them vouches for it
//   proofs/<index>.tlog-proof        inclusion proofs
//   sigstore/<index>.json            the same record as a Sigstore bundle
//   sigstore/trusted-root.json       our log's key as stock clients want it
//   signify/...                      the checkpoint's signature as signify reads it
//   keys/<key id>.pem                public keys of the records' signers
//   keys/log.pem, keys/witness-<name>.pem
//   predictions/<digest>.json        inner proofs, with the index of the batch's record
//   batches/<root>.entries           entries of prediction batches (tlog-tiles form)
//   answer.json, closure.txt         the answer itself, if the bundle is about one
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "provenance/leaf.h"
#include "provenance/lineage.h"
#include "provenance/sequencer.h"
#include "provenance/tlog_policy.h"

namespace cloister::provenance {

using BundleFiles = std::map<std::string, Bytes>;

struct BundlePlan {
  Note checkpoint;    // with its cosignatures
  TlogPolicy policy;  // what goes into trust/tlog-policy
  std::vector<RootKey> roots;
  const Answer* answer = nullptr;   // what the bundle is about; nothing: the whole log
  std::vector<Digest> predictions;  // to prove one by one
  bool with_log = true;             // the whole log's tiles, leaves and records, for replay
  // Records whose readers need more than a proof get a Sigstore form too.
  std::size_t sigstore_max = 4096;
};

[[nodiscard]] Result<BundleFiles> make_bundle(const LedgerReader& reader, const BundlePlan& plan);

// A Sigstore bundle v0.3 of one record, accepted by the stock npm client `@sigstore/verify`.
[[nodiscard]] Result<std::string> sigstore_bundle(const Envelope& envelope, const Leaf& leaf,
                                                  const TlogProof& proof, const NoteKey& log);
[[nodiscard]] std::string sigstore_trusted_root(const NoteKey& log);

// README.md and the script in it (at most 40 lines of bash with openssl, jq and awk).
[[nodiscard]] std::string bundle_readme(const Checkpoint& checkpoint, const Answer* answer);
[[nodiscard]] std::string bundle_script();

[[nodiscard]] std::string roots_text(const std::vector<RootKey>& roots);
[[nodiscard]] Result<std::vector<RootKey>> parse_roots(std::string_view text);

}  // namespace cloister::provenance
