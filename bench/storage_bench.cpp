// Durable writes and blob uploads, in a folder of the present disk (CLOISTER_BENCH_FOLDER, or
// /tmp).
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "crypto/hash.h"
#include "crypto/start.h"
#include "storage/blob_store.h"
#include "storage/rocks_store.h"

using namespace cloister;
using namespace cloister::storage;

namespace {

class Folder {
 public:
  Folder() {
    const char* chosen = std::getenv("CLOISTER_BENCH_FOLDER");
    std::string name = std::string(chosen == nullptr ? "/tmp" : chosen) + "/cloister-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Records of 700 bytes, the ledger's usual size; the argument is how many share one sync.
void synced_records(benchmark::State& state) {
  const Folder folder;
  const auto store = RocksStore::open(folder.path);
  const Bytes value(700, 7);
  std::uint64_t number = 0;
  for (auto _ : state) {
    WriteBatch batch;
    for (std::int64_t i = 0; i < state.range(0); ++i) batch.put(be64(number++), value);
    if (!(*store)->write(batch, Durability::synced)) state.SkipWithError("write failed");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
}

void blob_upload(benchmark::State& state) {
  constexpr std::size_t chunk = 1 << 20;
  constexpr std::size_t chunks = 256;
  const Folder folder;
  const auto store = BlobStore::open(folder.path);
  Bytes content(chunk * chunks, 7);
  std::uint64_t round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const Bytes tag = be64(++round);
    std::copy(tag.begin(), tag.end(), content.begin());
    const Digest digest = crypto::sha256(content);
    state.ResumeTiming();
    auto writer = (*store)->begin({digest, content.size(), MemberId::trusted("bench")});
    for (std::size_t i = 0; i < chunks; ++i) {
      const auto view = BytesView(content).subspan(i * chunk, chunk);
      if (!writer->write(i * chunk, view)) state.SkipWithError("write failed");
    }
    if (!writer->finish() || !(*store)->erase(digest)) state.SkipWithError("finish failed");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.size()));
}

BENCHMARK(synced_records)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(blob_upload)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::start()) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
