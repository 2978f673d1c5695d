#include "cli/plan_fill.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/homes.h"
#include "cli/json_read.h"
#include "cli/plan_template.h"

namespace cloister::cli {
namespace {

// Replaces the value of a top-level key and keeps the comment behind it.
void set_value(std::string& text, const std::string& key, const std::string& value) {
  const std::string start = "\n" + key + " = ";
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return;
  const std::size_t from = at + start.size();
  const std::size_t end = text.find('\n', from);
  const std::size_t comment = text.find('#', from);
  std::string replaced = value;
  std::size_t to = end;
  if (comment < end) {
    to = comment;
    // As far out as it was, where the value leaves room.
    replaced.resize(std::max(value.size() + 1, comment - from), ' ');
  }
  text.replace(from, to - from, replaced);
}

}  // namespace

std::string filled_template(const member::Membership& known, const MemberId& owner,
                            const std::vector<std::string>& sites) {
  std::string text = plan_template();
  set_value(text, "owner", toml_text(owner.text()));
  for (const auto& [id, one] : known.members()) {
    if (one.role != protocol::Role::trainer) continue;
    set_value(text, "trainer", toml_text(id.text()));
    set_value(text, "trainer_seal_key", toml_text(to_hex(one.seal.view())));
  }
  if (sites.empty()) return text;
  std::string list;
  for (const auto& site : sites) list += (list.empty() ? "[" : ", ") + toml_text(site);
  set_value(text, "sites", list + "]");
  set_value(text, "quorum", std::to_string(sites.size()));
  set_value(text, "release_approvals", std::to_string(sites.size()));
  return text;
}

Result<std::vector<std::string>> sites_told(Seat& seat) {
  auto told = seat.line->tell("members");
  if (!told) return pass(told);
  std::vector<std::string> sites;
  for (const auto& one : items_at(*told, "members")) {
    const bool is_agent = provenance::text_or_empty(one, "role") == "site-agent";
    const bool is_active = provenance::text_or_empty(one, "state") == "active";
    if (is_agent && is_active) sites.push_back(provenance::text_or_empty(one, "site"));
  }
  return sites;
}

}  // namespace cloister::cli
