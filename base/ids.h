// Names of things, each a type of its own: passing a SiteId for a JobId does not compile.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"

namespace cloister {

// True for 1..100 characters of [a-z0-9-], not starting or ending with '-'. Ids appear in file
// names and on the wire, so nothing else is accepted anywhere.
[[nodiscard]] bool is_valid_id(std::string_view text);
[[nodiscard]] Error bad_id(std::string_view what, std::string_view text);

template <class Tag>
class Id {
 public:
  Id() = default;  // the empty id: "none"
  [[nodiscard]] static Result<Id> parse(std::string_view text) {
    if (!is_valid_id(text)) return tl::unexpected<Error>(bad_id(Tag::noun, text));
    return Id(std::string(text));
  }
  // For ids that our own code made or has checked already.
  [[nodiscard]] static Id trusted(std::string text) { return Id(std::move(text)); }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct SiteTag {
  static constexpr std::string_view noun = "site";
};
struct StudyTag {
  static constexpr std::string_view noun = "study";
};
struct JobTag {
  static constexpr std::string_view noun = "job";
};
struct MemberTag {
  static constexpr std::string_view noun = "member";
};

using SiteId = Id<SiteTag>;
using StudyId = Id<StudyTag>;
using JobId = Id<JobTag>;
// Anyone with a signing key: the coordinator, the trainer, a site's agent, a person.
using MemberId = Id<MemberTag>;

// UUID version 7 (RFC 9562 section 5.7) from an instant and ten random bytes.
[[nodiscard]] std::string uuid_v7(Instant now, std::span<const std::uint8_t, 10> random);

}  // namespace cloister

template <class Tag>
struct fmt::formatter<cloister::Id<Tag>> : fmt::formatter<std::string_view> {
  auto format(const cloister::Id<Tag>& id, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(id.text(), context);
  }
};
