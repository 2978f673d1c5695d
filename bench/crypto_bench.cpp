// Hashing, signing and sealing. The libsodium rows stand beside ours to show what decision 0010
// buys.
#include <benchmark/benchmark.h>
#include <sodium.h>

#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/sealed_object.h"
#include "crypto/sign.h"
#include "crypto/start.h"

using namespace cloister;
using namespace cloister::crypto;

namespace {

void sha256_ours(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)), 7);
  for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void sha256_libsodium(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)), 7);
  Digest digest;
  for (auto _ : state) {
    crypto_hash_sha256(digest.bytes.data(), data.data(), data.size());
    benchmark::DoNotOptimize(digest);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void sign(benchmark::State& state) {
  SeededEntropy entropy(1);
  const auto key = SecretKey::generate(entropy);
  const Bytes message(400, 7);
  for (auto _ : state) benchmark::DoNotOptimize(key.sign(message));
}

void verify_signature(benchmark::State& state) {
  SeededEntropy entropy(1);
  const auto key = SecretKey::generate(entropy);
  const Bytes message(400, 7);
  const Signature signature = key.sign(message);
  for (auto _ : state) benchmark::DoNotOptimize(verify(key.public_key(), message, signature));
}

void seal(benchmark::State& state) {
  SystemEntropy entropy;
  const auto key = new_object_key(entropy);
  const Bytes plain(16 << 20, 7);
  for (auto _ : state) benchmark::DoNotOptimize(seal_bytes(plain, key, Digest{}, entropy));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(plain.size()));
}

void open_sealed(benchmark::State& state) {
  SystemEntropy entropy;
  const auto key = new_object_key(entropy);
  const Bytes sealed = seal_bytes(Bytes(16 << 20, 7), key, Digest{}, entropy);
  for (auto _ : state) benchmark::DoNotOptimize(open_bytes(sealed, key, Digest{}));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sealed.size()));
}

BENCHMARK(sha256_ours)->Arg(65)->Arg(1024)->Arg(1 << 20);
BENCHMARK(sha256_libsodium)->Arg(65)->Arg(1024)->Arg(1 << 20);
BENCHMARK(sign);
BENCHMARK(verify_signature);
BENCHMARK(seal)->Unit(benchmark::kMillisecond);
BENCHMARK(open_sealed)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (!start()) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
