#include "crypto/sealed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/new_file.h"
#include "crypto/hash.h"

namespace cloister::crypto {
namespace {

Result<Descriptor> open_to_read(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return tl::unexpected<Error>(system_error(errno, "open", path));
  return file;
}

ByteSource source_of(const Descriptor& file, const std::filesystem::path& path) {
  return [&file, path](std::span<std::uint8_t> out) -> Result<std::size_t> {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = ::read(file.number(), out.data() + done, out.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return tl::unexpected<Error>(system_error(errno, "read", path));
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  };
}

tl::unexpected<Error> wrong_size() {
  return fail(Kind::invalid, "seal.size",
              "The content to seal is longer or shorter than was announced.",
              "Check that no other program changes the file meanwhile.");
}

}  // namespace

Result<void> seal_stream(const ByteSource& from, const ByteSink& to, const SecretBytes& key,
                         const SealOptions& options, Entropy& entropy) {
  SealWriter writer(key, options, entropy);
  if (auto out = to(writer.header()); !out) return out;
  Bytes buffer(options.chunk_size);
  while (!writer.finished()) {
    const auto plain = std::span(buffer).first(writer.next_size());
    const auto count = from(plain);
    if (!count) return pass(count);
    if (*count != plain.size()) return wrong_size();
    const auto frame = writer.next(plain);
    if (!frame) return pass(frame);
    if (auto out = to(*frame); !out) return out;
  }
  const auto more = from(std::span(buffer).first(1));
  wipe(buffer);
  if (!more) return pass(more);
  if (*more != 0) return wrong_size();
  return {};
}

Result<void> open_stream(const ByteSource& from, const ByteSink& to, const SecretBytes& key,
                         const Digest& context) {
  Bytes buffer(seal_chunk_max + seal_frame_overhead);
  const auto header_size = from(std::span(buffer).first(seal_header_size));
  if (!header_size) return pass(header_size);
  auto reader = SealReader::open(key, context, BytesView(buffer).first(*header_size));
  if (!reader) return pass(reader);
  while (!reader->finished()) {
    const auto count = from(std::span(buffer).first(reader->next_size()));
    if (!count) return pass(count);
    auto plain = reader->next(BytesView(buffer).first(*count));
    if (!plain) return pass(plain);
    auto out = to(*plain);
    wipe(*plain);
    if (!out) return out;
  }
  const auto more = from(std::span(buffer).first(1));
  if (!more) return pass(more);
  if (*more != 0) {
    return fail(Kind::corrupt, "seal.open", "There are bytes after the end of the sealed object.",
                "Fetch it again from its sender.");
  }
  return {};
}

Result<SealedFile> seal_file(const std::filesystem::path& from, const std::filesystem::path& to,
                             const SecretBytes& key, const Digest& context, Entropy& entropy) {
  const auto input = open_to_read(from);
  if (!input) return pass(input);
  struct stat info {};
  if (::fstat(input->number(), &info) != 0) {
    return tl::unexpected<Error>(system_error(errno, "read", from));
  }
  auto output = NewFile::create(to, FileMode::owner_only);
  if (!output) return pass(output);
  SealedFile sealed;
  Sha256 hash;
  const ByteSink sink = [&](BytesView bytes) {
    hash.add(bytes);
    sealed.size += bytes.size();
    return output->write(bytes);
  };
  const SealOptions options{.context = context,
                            .plain_size = static_cast<std::uint64_t>(info.st_size)};
  if (options.plain_size > seal_plain_max) return wrong_size();
  if (auto done = seal_stream(source_of(*input, from), sink, key, options, entropy); !done) {
    return pass(done);
  }
  if (auto done = output->commit(); !done) return pass(done);
  sealed.digest = hash.finish();
  return sealed;
}

Result<void> open_file(const std::filesystem::path& from, const std::filesystem::path& to,
                       const SecretBytes& key, const Digest& context) {
  const auto input = open_to_read(from);
  if (!input) return pass(input);
  auto output = NewFile::create(to, FileMode::owner_only);
  if (!output) return pass(output);
  const ByteSink sink = [&](BytesView bytes) { return output->write(bytes); };
  if (auto done = open_stream(source_of(*input, from), sink, key, context); !done) return done;
  return output->commit();
}

}  // namespace cloister::crypto
