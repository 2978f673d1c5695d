#include "protocol/roles.h"

#include <array>
#include <utility>

namespace cloister::protocol {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 9> names{{
    {Role::root, "root"},
    {Role::consortium_admin, "consortium-admin"},
    {Role::study_owner, "study-owner"},
    {Role::coordinator, "coordinator"},
    {Role::trainer, "trainer"},
    {Role::site_agent, "site-agent"},
    {Role::site_admin, "site-admin"},
    {Role::site_steward, "site-steward"},
    {Role::auditor, "auditor"},
}};

}  // namespace

std::string_view to_string(Role role) {
  for (const auto& [known, name] : names) {
    if (known == role) return name;
  }
  return "unknown";
}

Result<Role> role_from_text(std::string_view text) {
  for (const auto& [role, name] : names) {
    if (name == text) return role;
  }
  return fail(Kind::invalid, "role.unknown", fmt::format("'{}' is not a role.", text.substr(0, 40)),
              "Roles: root, consortium-admin, study-owner, coordinator, trainer, site-agent, "
              "site-admin, site-steward, auditor.");
}

bool is_person(Role role) {
  return role != Role::coordinator && role != Role::trainer && role != Role::site_agent;
}

bool belongs_to_site(Role role) {
  return role == Role::site_agent || role == Role::site_admin || role == Role::site_steward;
}

}  // namespace cloister::protocol
