#include "crypto/sealed_object.h"

#include <sodium.h>

#include <algorithm>

#include "base/ensure.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/seal.h"

namespace cloister::crypto {
namespace {

using StreamState = crypto_secretstream_xchacha20poly1305_state;

constexpr std::string_view magic{"CLSEAL1\0", 8};
constexpr std::size_t clear_size = 24;  // magic, chunk size, plain size
static_assert(clear_size + crypto_secretstream_xchacha20poly1305_HEADERBYTES == seal_header_size);
static_assert(crypto_secretstream_xchacha20poly1305_ABYTES == seal_frame_overhead);
static_assert(crypto_secretstream_xchacha20poly1305_KEYBYTES == key_bytes);

// Where in the object we are; the same for writer and reader.
struct Progress {
  Digest context;
  Bytes clear;  // the first 24 bytes of the header
  std::uint64_t chunk_size = 0;
  std::uint64_t plain_size = 0;
  std::uint64_t index = 0;

  [[nodiscard]] std::uint64_t chunks() const {
    return plain_size == 0 ? 1 : (plain_size + chunk_size - 1) / chunk_size;
  }
  [[nodiscard]] bool finished() const { return index == chunks(); }
  [[nodiscard]] bool at_last() const { return index + 1 == chunks(); }
  [[nodiscard]] std::uint64_t plain_of_next() const {
    if (finished()) return 0;
    return at_last() ? plain_size - index * chunk_size : chunk_size;
  }
  // What every frame is bound to: context || clear header || index || chunks (72 bytes).
  [[nodiscard]] Bytes associated() const {
    Bytes bound(context.bytes.begin(), context.bytes.end());
    append(bound, clear);
    append(bound, be64(index));
    append(bound, be64(chunks()));
    return bound;
  }
};

tl::unexpected<Error> not_opened(std::string_view why) {
  return fail(Kind::corrupt, "seal.open",
              fmt::format("The sealed object cannot be opened: {}.", why),
              "Fetch it again from its sender; check that the right key and purpose are used.");
}

bool in_range(std::uint64_t chunk_size, std::uint64_t plain_size) {
  return chunk_size >= seal_chunk_min && chunk_size <= seal_chunk_max &&
         plain_size <= seal_plain_max;
}

}  // namespace

Digest seal_context(std::string_view purpose, const std::vector<std::string_view>& parts) {
  Sha256 hash;
  auto add = [&](std::string_view text) {
    hash.add(be64(text.size()));
    hash.add(as_bytes(text));
  };
  add("cloister seal context 1");
  add(purpose);
  for (const std::string_view part : parts) add(part);
  return hash.finish();
}

SecretBytes new_object_key(Entropy& entropy) { return SecretBytes::random(key_bytes, entropy); }

std::uint64_t sealed_size(std::uint64_t plain_size, std::uint64_t chunk_size) {
  const Progress progress{.chunk_size = chunk_size, .plain_size = plain_size};
  return seal_header_size + plain_size + progress.chunks() * seal_frame_overhead;
}

struct SealWriter::State {
  Progress progress;
  Bytes header;
  StreamState stream{};
  ~State() { sodium_memzero(&stream, sizeof stream); }
};

SealWriter::SealWriter(const SecretBytes& key, const SealOptions& options, Entropy& entropy)
    : state_(std::make_unique<State>()) {
  ensure(key.size() == key_bytes, "a 32-byte key for a sealed object");
  ensure(in_range(options.chunk_size, options.plain_size), "seal options within their limits");
  Bytes clear = to_bytes(magic);
  append(clear, be64(options.chunk_size));
  append(clear, be64(options.plain_size));
  state_->header = clear;
  state_->progress = {options.context, std::move(clear), options.chunk_size, options.plain_size, 0};
  const Bytes nonce = entropy.bytes(crypto_secretstream_xchacha20poly1305_HEADERBYTES);
  append(state_->header, nonce);
  // init_push draws its header from the system; init_pull reaches the same state from a given one.
  crypto_secretstream_xchacha20poly1305_init_pull(&state_->stream, nonce.data(), key.view().data());
}

SealWriter::SealWriter(SealWriter&&) noexcept = default;
SealWriter& SealWriter::operator=(SealWriter&&) noexcept = default;
SealWriter::~SealWriter() = default;

const Bytes& SealWriter::header() const { return state_->header; }
bool SealWriter::finished() const { return state_->progress.finished(); }
std::uint64_t SealWriter::next_size() const { return state_->progress.plain_of_next(); }

Result<Bytes> SealWriter::next(BytesView plain) {
  Progress& progress = state_->progress;
  if (progress.finished() || plain.size() != progress.plain_of_next()) {
    return fail(Kind::invalid, "seal.size",
                "The content to seal is longer or shorter than was announced.",
                "Check that no other program changes the file meanwhile.");
  }
  Bytes frame(plain.size() + seal_frame_overhead);
  const Bytes bound = progress.associated();
  const unsigned char tag =
      progress.at_last() ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
  crypto_secretstream_xchacha20poly1305_push(&state_->stream, frame.data(), nullptr, plain.data(),
                                             plain.size(), bound.data(), bound.size(), tag);
  progress.index += 1;
  return frame;
}

struct SealReader::State {
  Progress progress;
  StreamState stream{};
  bool broken = false;
  ~State() { sodium_memzero(&stream, sizeof stream); }
};

SealReader::SealReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealReader::SealReader(SealReader&&) noexcept = default;
SealReader& SealReader::operator=(SealReader&&) noexcept = default;
SealReader::~SealReader() = default;

Result<SealReader> SealReader::open(const SecretBytes& key, const Digest& context,
                                    BytesView header) {
  if (key.size() != key_bytes) return not_opened("the key does not have 32 bytes");
  if (header.size() != seal_header_size) return not_opened("its header is cut off");
  if (!std::equal(magic.begin(), magic.end(), as_text(header).begin())) {
    return not_opened("it does not begin like one");
  }
  const std::uint64_t chunk_size = read_be64(header.subspan(8, 8));
  const std::uint64_t plain_size = read_be64(header.subspan(16, 8));
  if (!in_range(chunk_size, plain_size)) return not_opened("its sizes are impossible");
  auto state = std::make_unique<State>();
  state->progress = {context, Bytes(header.begin(), header.begin() + clear_size), chunk_size,
                     plain_size, 0};
  crypto_secretstream_xchacha20poly1305_init_pull(&state->stream, header.data() + clear_size,
                                                  key.view().data());
  return SealReader(std::move(state));
}

std::uint64_t SealReader::plain_size() const { return state_->progress.plain_size; }

std::uint64_t SealReader::next_size() const {
  if (state_->progress.finished()) return 0;
  return state_->progress.plain_of_next() + seal_frame_overhead;
}

bool SealReader::finished() const { return state_->progress.finished() && !state_->broken; }

Result<Bytes> SealReader::next(BytesView frame) {
  Progress& progress = state_->progress;
  if (state_->broken) return not_opened("an earlier part was altered");
  if (progress.finished()) return not_opened("there are bytes after its end");
  if (frame.size() != next_size()) return not_opened("it is cut off");
  Bytes plain(progress.plain_of_next());
  const Bytes bound = progress.associated();
  const unsigned char wanted =
      progress.at_last() ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
  unsigned char tag = 0xff;
  std::uint8_t none = 0;
  const int opened = crypto_secretstream_xchacha20poly1305_pull(
      &state_->stream, plain.empty() ? &none : plain.data(), nullptr, &tag, frame.data(),
      frame.size(), bound.data(), bound.size());
  if (opened != 0 || tag != wanted) {
    state_->broken = true;
    wipe(plain);
    return not_opened("the key or purpose is another one, or the bytes were altered");
  }
  progress.index += 1;
  return plain;
}

Bytes seal_bytes(BytesView plain, const SecretBytes& key, const Digest& context, Entropy& entropy) {
  SealWriter writer(key, {.context = context, .plain_size = plain.size()}, entropy);
  Bytes sealed = writer.header();
  sealed.reserve(sealed_size(plain.size()));
  while (!writer.finished()) {
    const std::uint64_t size = writer.next_size();
    append(sealed, *writer.next(plain.first(size)));
    plain = plain.subspan(size);
  }
  return sealed;
}

Result<Bytes> open_bytes(BytesView sealed, const SecretBytes& key, const Digest& context) {
  const auto header = sealed.first(std::min<std::size_t>(sealed.size(), seal_header_size));
  auto reader = SealReader::open(key, context, header);
  if (!reader) return pass(reader);
  sealed = sealed.subspan(seal_header_size);
  Bytes plain;
  plain.reserve(std::min<std::uint64_t>(sealed.size(), reader->plain_size()));
  while (!reader->finished()) {
    const std::uint64_t size = reader->next_size();
    if (sealed.size() < size) return not_opened("it is cut off");
    auto chunk = reader->next(sealed.first(size));
    if (!chunk) return pass(chunk);
    append(plain, *chunk);
    sealed = sealed.subspan(size);
  }
  if (!sealed.empty()) return not_opened("there are bytes after its end");
  return plain;
}

}  // namespace cloister::crypto
