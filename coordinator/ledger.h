// The ledger on disk: the sequencer over RocksDB, group commit, checkpoints, reading.
//
//   place()   judges envelopes and gives them places; staged, not durable
//   commit()  one synced write of everything staged -> sign the checkpoint -> synced write of the
//             file outside the database (outside.h). Only then may anything be answered.
//
// A commit is also to be had in three steps, so that the next group is judged, on top of the one
// that is being written, while the disk is waited for:
//
//   seal()          what is staged is the group to be written; what is placed from now on is not
//   write_sealed()  the commit of that group. On any thread; everything else of this class may be
//                   used meanwhile, but for commit(), seal() and adopt()
//   adopt()         size() and checkpoint() are the new ones
//
// Opening checks that the tiles give the stored root, and that the tree extends the checkpoint in
// the file outside: a database put back from an old backup is refused ("ledger.rollback").
// A failed commit leaves the process with nothing to do but to end; the next one reads what reached
// the disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "coordinator/core/placed.h"
#include "coordinator/outside.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/ledger_messages.h"
#include "provenance/sequencer.h"
#include "storage/store.h"

namespace cloister::coordinator {

// References must outlive the ledger.
struct LedgerParts {
  storage::Store& store;
  Outside& outside;
  provenance::LedgerRules rules;
  const crypto::Identity& identity;  // the coordinator's: signs checkpoints and own records
  crypto::Entropy& entropy;          // ids of own records
};

class Ledger {
 public:
  using Rule = std::function<Result<void>(const provenance::Record&)>;
  using Visit = std::function<Result<void>(Placed)>;
  using MayRead = std::function<bool(const provenance::Record&)>;

  [[nodiscard]] static Result<std::unique_ptr<Ledger>> open(LedgerParts parts);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Every record from this one on, in order: what the core's fold is fed with at start.
  [[nodiscard]] Result<void> replay(std::uint64_t from, const Visit& visit) const;

  struct Outcome {
    std::vector<protocol::Receipt> receipts;  // one an envelope, in order
    std::vector<Placed> placed;               // those that are new
  };
  // Whatever can be said of envelopes before their turn, on two cores. They may be of several
  // groups.
  [[nodiscard]] std::vector<provenance::Submission> open_ahead(
      std::span<const Bytes> envelopes) const;
  // All of them or none. `rule` is asked for each new record. A withdrawal takes the quarantine of
  // everything made from its subjects with it.
  [[nodiscard]] Result<Outcome> place(std::span<const provenance::Submission> group,
                                      const Rule& rule, Instant now);
  [[nodiscard]] Result<Outcome> place(std::span<const Bytes> envelopes, const Rule& rule,
                                      Instant now);
  // Completes, signs and places a record of the coordinator.
  [[nodiscard]] Result<Outcome> place_own(provenance::Record record, const Rule& rule, Instant now);
  [[nodiscard]] bool has_staged() const;
  // Durable or not: what the next record's index will be.
  [[nodiscard]] std::uint64_t placed() const;

  [[nodiscard]] Result<void> commit();
  struct Written {
    std::uint64_t size = 0;
    provenance::Note checkpoint;
    bool has_erased = false;
  };
  void seal();
  [[nodiscard]] Result<Written> write_sealed();
  void adopt(Written written);

  // Words of records were erased since this was opened. They have left the disk; what was read of
  // them before must be forgotten too.
  [[nodiscard]] bool has_erased() const;

  [[nodiscard]] std::uint64_t size() const;  // durable
  [[nodiscard]] const provenance::Note& checkpoint() const;
  [[nodiscard]] Result<std::optional<provenance::Note>> checkpoint_at(std::uint64_t size) const;
  // The root of the first `size` records: size <= size().
  [[nodiscard]] Result<Digest> root_at(std::uint64_t size) const;
  // From a smaller head to the present one; empty for 0 and for heads we never had.
  [[nodiscard]] Result<std::vector<Bytes>> consistency(std::uint64_t from) const;
  // From a smaller head to another one that we had: 0 < from <= to <= size().
  [[nodiscard]] Result<std::vector<Digest>> consistency(std::uint64_t from, std::uint64_t to) const;
  // Where a durable record stands; nothing for what is not there.
  [[nodiscard]] Result<std::optional<std::uint64_t>> place_of(const Digest& leaf) const;
  // Proves a record in the tree of the first `size` ones: index < size <= size().
  [[nodiscard]] Result<std::vector<Digest>> inclusion(std::uint64_t index,
                                                      std::uint64_t size) const;
  [[nodiscard]] Result<protocol::SignerState> signer(const MemberId& member) const;
  // Envelopes only where `may_read` says so; leaves always.
  [[nodiscard]] Result<std::vector<protocol::LedgerEntry>> read(const protocol::FetchRecords& range,
                                                                const MayRead& may_read) const;

 private:
  struct Inner;
  explicit Ledger(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace cloister::coordinator
