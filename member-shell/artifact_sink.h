// Keeps one artifact of a worker while it streams: sealed for its reader, for ourselves, or plain.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "crypto/hash.h"
#include "crypto/sealed_object.h"
#include "member-shell/places.h"

namespace cloister::member_shell {

struct ArtifactHead {
  JobId job;
  std::string name;
  std::uint64_t bytes = 0;
  std::string save_as;  // where an `open` artifact goes, and nowhere else; empty: models/
};

class ArtifactSink {
 public:
  virtual ~ArtifactSink() = default;
  [[nodiscard]] virtual Result<void> write(BytesView piece) = 0;
  // Durable when it returns.
  [[nodiscard]] virtual Result<member::Kept> finish() = 0;
};

// `places` must outlive the sink. The rule that fits the name decides; none fits: the vault.
[[nodiscard]] Result<std::unique_ptr<ArtifactSink>> open_sink(
    Places& places, const ArtifactHead& head, const std::vector<member::KeepRule>& rules);

}  // namespace cloister::member_shell
