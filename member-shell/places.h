// Where a member keeps things on its disk, and how they are sealed there.
//
//   vault/HEX        weights, maps, secrets, checkpoints: sealed to this member's own key
//   outbox/HEX       sealed for somebody else; may leave later
//   scratch/HEX      sealed blobs that were fetched
//   models/HEX       models and predictions, in the clear, by their SHA-256
//   reports/JOB/...  the site's own report; never leaves
//
// Nothing here but reports/ and models/ can be read without the member's seal key.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/entropy.h"
#include "crypto/seal.h"
#include "crypto/sealed_file.h"
#include "crypto/vault.h"
#include "member/actions.h"

namespace cloister::member_shell {

// Content of a known size, handed out piece by piece.
struct Source {
  std::uint64_t bytes = 0;
  crypto::ByteSource read;
};

class Places {
 public:
  // References must outlive this. Makes the folders, and the site's secret at first use.
  [[nodiscard]] static Result<std::unique_ptr<Places>> open(const std::filesystem::path& home,
                                                            const MemberId& self,
                                                            const crypto::SealKey& own,
                                                            crypto::Entropy& entropy);

  [[nodiscard]] std::filesystem::path vault(const Digest& commitment) const;
  [[nodiscard]] std::filesystem::path outbox(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path scratch(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path model(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path report(const JobId& job, const std::string& name) const;
  // A temporary name in the same folder, for what gets its name when it is complete.
  [[nodiscard]] std::filesystem::path fresh(const std::filesystem::path& folder);
  [[nodiscard]] const std::filesystem::path& home() const { return home_; }

  // HMAC under the site's secret: how things are named outside without giving them away.
  [[nodiscard]] Digest commitment(BytesView content) const;
  [[nodiscard]] Result<Digest> keep_in_vault(BytesView content);
  [[nodiscard]] Result<crypto::SecretBytes> open_from_vault(const Digest& commitment) const;
  // Random bytes made at first use.
  [[nodiscard]] Result<crypto::SecretBytes> secret(const std::string& name, std::uint32_t bytes);

  [[nodiscard]] Result<void> keep_checkpoint(const JobId& job, BytesView content);
  [[nodiscard]] Result<std::optional<crypto::SecretBytes>> checkpoint(const JobId& job) const;
  void forget_checkpoint(const JobId& job);
  // A job's secrets go with it: its outcome is recorded.
  void discard(const Digest& digest);

  [[nodiscard]] Result<Source> source(const member::WorkerInput& input);
  // The file that an upload reads.
  [[nodiscard]] Result<std::filesystem::path> sendable(const Digest& digest) const;
  [[nodiscard]] crypto::Entropy& entropy() { return entropy_; }

 private:
  Places(std::filesystem::path home, const MemberId& self, const crypto::SealKey& own,
         crypto::Entropy& entropy);
  [[nodiscard]] Result<Source> blob_source(const member::FromBlob& from) const;

  std::filesystem::path home_;
  const crypto::SealKey& own_;
  crypto::Entropy& entropy_;
  crypto::Vault vault_;
  Digest context_;
  crypto::SecretBytes site_secret_;
  std::uint64_t next_fresh_ = 0;
};

}  // namespace cloister::member_shell
