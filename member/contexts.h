// What sealed objects are for: both ends compute the same context, so that a shard opens nowhere
// but as a shard of this study and site. See crypto/sealed_object.h.
#pragma once

#include <string>

#include "base/digest.h"
#include "base/ids.h"
#include "crypto/sealed_object.h"

namespace cloister::member {

[[nodiscard]] inline Digest shard_context(const StudyId& study, const std::string& site) {
  return crypto::seal_context("shard", {study.text(), site});
}
// Predictions on their way back to the site.
[[nodiscard]] inline Digest reply_context(const StudyId& study, const std::string& site) {
  return crypto::seal_context("reply", {study.text(), site});
}
// What a member keeps for itself.
[[nodiscard]] inline Digest vault_context(const MemberId& member) {
  return crypto::seal_context("vault", {member.text()});
}

}  // namespace cloister::member
