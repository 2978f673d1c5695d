#include "protocol/methods.h"

#include <initializer_list>

namespace cloister::protocol {
namespace {

// Bit sets of roles.
constexpr std::uint32_t only(std::initializer_list<Role> roles) {
  std::uint32_t set = 0;
  for (Role role : roles) set |= 1U << static_cast<int>(role);
  return set;
}
constexpr std::uint32_t nobody = 0;
// The coordinator answers and never asks.
constexpr std::uint32_t everybody =
    only({Role::root, Role::consortium_admin, Role::study_owner, Role::trainer, Role::site_agent,
          Role::site_admin, Role::site_steward, Role::auditor});
constexpr std::uint32_t admins = only({Role::root, Role::consortium_admin});
constexpr std::uint32_t movers = only({Role::site_agent, Role::trainer});

struct Callers {
  std::uint32_t operator()(const OpenSession&) const { return everybody; }
  std::uint32_t operator()(const Enrol&) const { return nobody; }  // the enrolment endpoint's
  std::uint32_t operator()(const Invite&) const { return admins; }
  std::uint32_t operator()(const ListEnrolments&) const { return admins | only({Role::auditor}); }
  // An auditor changes nothing of a study: the coordinator takes only its export.issued.
  std::uint32_t operator()(const Submit&) const { return everybody; }
  std::uint32_t operator()(const FetchRecords&) const { return everybody; }
  std::uint32_t operator()(const FetchSigner&) const { return everybody; }
  std::uint32_t operator()(const Poll&) const { return everybody; }
  std::uint32_t operator()(const BlobOpen&) const { return movers; }
  std::uint32_t operator()(const BlobChunk&) const { return movers; }
  // A study owner fetches the released network.
  std::uint32_t operator()(const BlobGet&) const { return movers | only({Role::study_owner}); }
  std::uint32_t operator()(const PutWraps&) const { return movers; }
  std::uint32_t operator()(const GetWraps&) const { return movers; }
  std::uint32_t operator()(const Ask&) const { return everybody; }
};

template <std::size_t... I>
std::uint32_t callers_of(std::size_t index, std::index_sequence<I...>) {
  std::uint32_t set = nobody;
  ((index == I ? void(set = Callers{}(std::variant_alternative_t<I, Request>{})) : void()), ...);
  return set;
}

}  // namespace

bool may_call(Role role, std::uint32_t method) {
  const std::uint32_t set =
      callers_of(std::size_t{method} - 1, std::make_index_sequence<std::variant_size_v<Request>>());
  return (set >> static_cast<int>(role) & 1U) != 0;
}

bool carries_payload(std::uint32_t method) {
  return method == Request(BlobChunk{}).index() + 1 ||
         method == reply_method_base + Reply(BlobData{}).index();
}

}  // namespace cloister::protocol
