// The ledger: durable signed records a second, proofs, and lineage over a large ledger. Figures and
// commands: docs/benchmarks.md. CLOISTER_BENCH_RECORDS sets the size of the large ledger.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/prng.h"
#include "coordinator/ledger.h"
#include "coordinator/ledger_store.h"
#include "coordinator/second_core.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "provenance/admission.h"
#include "provenance/lineage.h"
#include "provenance/verify_bundle.h"
#include "storage/rocks_store.h"

using namespace cloister;
using namespace cloister::provenance;

namespace {

constexpr std::string_view origin = "cloister.example/bench";

crypto::SecretKey key_from(std::uint64_t seed) {
  crypto::SeededEntropy entropy(seed);
  return crypto::SecretKey::generate(entropy);
}

Digest numbered(std::string_view what, std::uint64_t number) {
  return crypto::sha256(as_bytes(fmt::format("{} {}", what, number)));
}

std::string id_of(std::uint64_t number) {
  std::array<std::uint8_t, 10> random{};
  const Bytes bytes = be64(number);
  std::copy(bytes.begin(), bytes.end(), random.begin() + 2);
  return uuid_v7(Instant(1'795'419'565'000), random);
}

// Of this thread: the store tidies up in others.
double processor_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

class Disk {
 public:
  Disk() {
    const char* chosen = std::getenv("CLOISTER_BENCH_FOLDER");
    std::string name = std::string(chosen == nullptr ? "/tmp" : chosen) + "/cloister-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
    store_ = storage::RocksStore::open(path_).value();
    reader = std::make_unique<coordinator::LedgerStore>(*store_);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk() {
    reader.reset();
    store_.reset();
    std::filesystem::remove_all(path_);
  }
  void write(const std::vector<Put>& puts, storage::Durability durability) {
    storage::WriteBatch batch;
    for (const Put& put : puts) batch.put(put.key, put.value);
    if (!store_->write(batch, durability)) std::abort();
  }
  [[nodiscard]] storage::Store& store() { return *store_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::unique_ptr<coordinator::LedgerStore> reader;

 private:
  std::filesystem::path path_;
  std::unique_ptr<storage::Store> store_;
};

// 64 clients, each with a bound key and a chain of records of its own.
struct Clients {
  std::vector<crypto::SecretKey> keys;
  std::vector<Actor> actors;
  std::vector<SignerPlace> places;
  LedgerRules rules;
  std::vector<Submission> bindings;  // to be admitted first
  std::uint64_t made = 0;

  Clients() {
    const auto root = key_from(2000);
    rules.log_origin = origin;
    rules.roots.push_back({MemberId::trusted("root"), "bench", root.public_key()});
    SignerPlace place;
    for (std::uint64_t i = 0; i < 64; ++i) {
      keys.push_back(key_from(i + 1));
      places.emplace_back();
      actors.push_back(
          {MemberId::trusted(fmt::format("client-{}", i)), Role::study_owner, "bench", {}});
      KeyBinding binding{actors.back().id, Role::study_owner, "bench", {}, {}, {}, {}};
      binding = prove_key(binding, keys.back(), origin);
      Record record = draft(place);
      record.kind = RecordKind::key_bound;
      record.actor = {MemberId::trusted("root"), Role::consortium_admin, "bench", {}};
      record.details = to_details(binding);
      record.subjects = {{"key", member_key_digest(binding)}};
      bindings.push_back(sign(record, root, place));
    }
  }
  Record draft(SignerPlace& place) {
    Record record;
    record.record_id = id_of(++made);
    record.signer_seq = place.next_seq++;
    record.prev_by_signer = place.last;
    record.issued_at = Instant(1'795'419'565'000);
    return record;
  }
  static Submission sign(const Record& record, const crypto::SecretKey& key, SignerPlace& place) {
    const Envelope envelope = sign_record(record, key).value();
    place.last = record_hash(envelope, key.public_key()).value();
    return {to_json(envelope), {}};
  }
  // One record of each client: what a group commit takes together.
  std::vector<Submission> round() {
    std::vector<Submission> group;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      Record record = draft(places[i]);
      record.kind = RecordKind::policy_published;
      record.actor = actors[i];
      record.purpose = "A sentence of the usual length about what this was done for.";
      record.subjects = {{"policy", numbered("policy", made)}};
      group.push_back(sign(record, keys[i], places[i]));
    }
    return group;
  }
};

// Admission, one synced write, checkpoint, its synced write: all that stands before an answer. The
// argument: cores that check signatures, as the coordinator's ledger has them (2), or one.
void durable_records(benchmark::State& state) {
  Disk disk;
  Clients clients;
  const auto log = key_from(1000);
  const Sequencer sequencer(*disk.reader, clients.rules);
  disk.write(sequencer.prepare(clients.bindings, {}).value().puts, storage::Durability::synced);
  const GroupOptions options{.now = Instant(1'795'419'600'000), .all_or_nothing = false};
  for (auto _ : state) {
    state.PauseTiming();
    auto group = clients.round();
    state.ResumeTiming();
    if (state.range(0) == 2) sequencer.open_ahead(group, coordinator::spread_over_two_cores);
    const auto batch = sequencer.prepare(group, options);
    if (!batch || !batch->outcomes.back()) std::abort();
    disk.write(batch->puts, storage::Durability::synced);
    const Checkpoint checkpoint{std::string(origin), batch->head};
    disk.write({checkpoint_put(checkpoint, sign_checkpoint(checkpoint, log))},
               storage::Durability::synced);
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(durable_records)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MinTime(3);

// The coordinator's ledger as its performer uses it, the file outside included: all that stands
// before an answer. The arguments: how many records, each a submission of its own, are placed
// before they are written; and whether the next ones are judged meanwhile (1) or afterwards (0).
class LedgerRun {
 public:
  LedgerRun() {
    for (int i = 0; i < 300; ++i) {
      for (const Submission& one : clients_.round()) sent_.push_back(to_bytes(one.envelope));
    }
    for (const Submission& one : clients_.bindings) place(one);
    if (!ledger_->commit()) std::abort();
  }
  [[nodiscard]] bool has(std::size_t records) const { return next_ + records <= sent_.size(); }
  void judge(std::size_t records) {
    constexpr std::size_t arrived_max = 64;  // as the performer opens them
    for (const std::size_t end = next_ + records; next_ < end;) {
      const std::size_t some = std::min(arrived_max, end - next_);
      for (const Submission& one : ledger_->open_ahead(std::span(sent_).subspan(next_, some)))
        place(one);
      next_ += some;
    }
  }
  void adopt() {
    if (!writing_.valid()) return;
    auto written = writing_.get();
    if (!written) std::abort();
    ledger_->adopt(std::move(*written));
  }
  void write() {
    ledger_->seal();
    writing_ = std::async(std::launch::async, [this] { return ledger_->write_sealed(); });
  }

 private:
  void place(const Submission& submission) {
    const auto allow = [](const Record&) { return Result<void>(); };
    if (!ledger_->place({&submission, 1}, allow, Instant(1'795'419'600'000))) std::abort();
  }

  Clients clients_;
  std::vector<Bytes> sent_;
  std::size_t next_ = 0;
  Disk disk_;
  coordinator::OutsideFile outside_{disk_.path() / "checkpoint"};
  crypto::SeededEntropy entropy_{1};
  crypto::Identity log_ =
      crypto::generate_identity(MemberId::trusted("log"), "coordinator", entropy_);
  std::unique_ptr<coordinator::Ledger> ledger_ =
      coordinator::Ledger::open({disk_.store(), outside_, clients_.rules, log_, entropy_}).value();
  std::future<Result<coordinator::Ledger::Written>> writing_;
};

void ledger_records(benchmark::State& state) {
  const auto group = static_cast<std::size_t>(state.range(0));
  auto run = std::make_unique<LedgerRun>();
  double judging = 0;  // milliseconds of the processor
  for (auto _ : state) {
    if (!run->has(group)) {
      state.PauseTiming();
      run->adopt();
      run = std::make_unique<LedgerRun>();
      state.ResumeTiming();
    }
    const double begin = processor_ms();
    run->judge(group);
    judging += processor_ms() - begin;
    run->adopt();
    run->write();
    if (state.range(1) == 0) run->adopt();
  }
  run->adopt();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["judging_us"] =
      1e3 * judging / static_cast<double>(state.iterations() * state.range(0));
}
BENCHMARK(ledger_records)
    ->ArgsProduct({{32, 64, 128, 256}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MinTime(2);

// The bare limit that durable_records is compared with.
void ed25519_verify(benchmark::State& state) {
  const auto key = key_from(1);
  const Bytes message(800, 7);
  const auto signature = key.sign(message);
  for (auto _ : state)
    benchmark::DoNotOptimize(crypto::verify(key.public_key(), message, signature));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ed25519_verify);

void inclusion_proofs(benchmark::State& state) {
  std::vector<Digest> leaves;
  for (std::uint64_t i = 0; i < 4096; ++i) leaves.push_back(numbered("leaf", i));
  const LeafHashes nodes(leaves);
  const TreeHead head{leaves.size(), tree_root(nodes, leaves.size()).value()};
  const auto proof = inclusion_proof(nodes, 1234, head.size).value();
  for (auto _ : state) {
    if (!verify_inclusion({1234, leaves[1234], head}, proof)) std::abort();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(inclusion_proofs);

// A large ledger: blocks of one hundred datasets, one model made of them, and what the model made.
// Signatures are left out: lineage does not read them.
class LargeLedger {
 public:
  static constexpr std::uint64_t block = 500;

  explicit LargeLedger(std::uint64_t records) : blocks_(records / block) {
    for (std::uint64_t b = 0; b < blocks_; ++b) add_block(b);
  }
  [[nodiscard]] const LedgerReader& reader() const { return *disk_.reader; }
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }

 private:
  void add_block(std::uint64_t b) {
    StagedLedger staged(*disk_.reader);
    const Digest model = numbered("model", b);
    for (std::uint64_t i = 0; i < block; ++i) {
      Judged judged;
      Record& record = judged.record;
      record.actor = {
          MemberId::trusted(fmt::format("site-{}", i % 7)), Role::site_agent, "site", {}};
      record.record_id = id_of(b * block + i + 1);
      record.signer_seq = 1;
      record.issued_at = Instant(1'795'419'565'000);
      if (i < 100) {
        record.kind = RecordKind::raw_registered;
        record.subjects = {{"dataset", numbered("dataset", b * block + i)}};
      } else if (i == 100) {
        record.kind = RecordKind::model_produced;
        for (std::uint64_t k = 0; k < 100; ++k) {
          record.inputs.push_back({"dataset", "", numbered("dataset", b * block + k), {}});
        }
        record.subjects = {{"model", model}};
      } else {
        record.kind = RecordKind::prediction_batch;
        record.inputs = {{"model", "model", model, {}}};
        record.subjects = {{"prediction", numbered("prediction", b * block + i)}};
      }
      judged.envelope = {std::string(statement_payload_type),
                         to_statement(record).value(),
                         {{std::string(64, '0'), {}}}};
      judged.leaf = leaf_of(judged.envelope, {}).value();
      judged.leaf_bytes = to_bytes(judged.leaf);
      judged.leaf_hash = leaf_hash(judged.leaf_bytes);
      stage_record(staged, judged, b * block + i);
    }
    disk_.write(staged.take_puts(), storage::Durability::buffered);
  }

  Disk disk_;
  std::uint64_t blocks_;
};

LargeLedger& large_ledger() {
  const char* wanted = std::getenv("CLOISTER_BENCH_RECORDS");
  static LargeLedger ledger(wanted == nullptr ? 1'000'000 : std::strtoull(wanted, nullptr, 10));
  return ledger;
}

// Of this process, now.
double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * 4096 / (1 << 20);
}

// Closures of about 1,000 nodes (the argument: 0 back from a prediction, 1 forward from a dataset).
void lineage(benchmark::State& state) {
  LargeLedger& ledger = large_ledger();
  Prng prng(1);
  std::vector<double> milliseconds;
  std::vector<double> processor;  // the same without waiting for other people's work
  std::size_t nodes = 0;
  for (auto _ : state) {
    const std::uint64_t base = prng.below(ledger.blocks()) * LargeLedger::block;
    const double used = processor_ms();
    const auto begin = std::chrono::steady_clock::now();
    const auto answer =
        state.range(0) == 0
            ? trace_back(ledger.reader(), numbered("prediction", base + 101 + prng.below(399)))
            : trace_forward(ledger.reader(), {numbered("dataset", base + prng.below(100))});
    const auto end = std::chrono::steady_clock::now();
    processor.push_back(processor_ms() - used);
    if (!answer) std::abort();
    nodes = answer->nodes.size();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(end - begin).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::sort(processor.begin(), processor.end());
  state.counters["nodes"] = static_cast<double>(nodes);
  state.counters["p99_ms"] = milliseconds[milliseconds.size() * 99 / 100];
  state.counters["p99_cpu_ms"] = processor[processor.size() * 99 / 100];
  state.counters["resident_MiB"] = resident_mib();
}
BENCHMARK(lineage)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->Iterations(300);

// A thousand records made from one thing, as the bundle of `audit export --question impact`,
// checked offline. The argument: without the log (0: presence) or with it (1: completeness, by a
// replay).
void verify_closure(benchmark::State& state) {
  Clients clients;
  MemoryLedger ledger;
  const Sequencer sequencer(ledger, clients.rules);
  const auto admit = [&](const std::vector<Submission>& group) {
    const auto batch = sequencer.prepare(group, {});
    if (!batch || !batch->outcomes.back()) std::abort();
    ledger.apply(batch->puts);
  };
  admit(clients.bindings);
  const Digest source = numbered("source", 0);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Record record = clients.draft(clients.places[i % 64]);
    record.kind = RecordKind::policy_published;
    record.actor = clients.actors[i % 64];
    record.purpose = "A sentence of the usual length about what this was done for.";
    if (i > 0) record.inputs = {{"source", "source", source, {}}};
    record.subjects = {{"policy", i == 0 ? source : numbered("made", i)}};
    admit({Clients::sign(record, clients.keys[i % 64], clients.places[i % 64])});
  }
  const auto log = key_from(1000);
  const NoteKey log_key{std::string(origin), NoteKeyType::ed25519, log.public_key()};
  const auto answer = trace_forward(ledger, {source}).value();
  BundlePlan plan;
  plan.checkpoint = sign_checkpoint({std::string(origin), answer.head}, log);
  plan.policy = default_policy(log_key, {});
  plan.roots = clients.rules.roots;
  plan.answer = &answer;
  plan.with_log = state.range(0) == 1;
  const BundleFiles files = make_bundle(ledger, plan).value();
  for (auto _ : state) {
    if (!verify_bundle(files, {plan.policy, plan.roots}).holds()) std::abort();
  }
  state.counters["nodes"] = static_cast<double>(answer.nodes.size());
  state.counters["files"] = static_cast<double>(files.size());
}
BENCHMARK(verify_closure)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::start()) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
