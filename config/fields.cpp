#include "config/fields.h"

#include <algorithm>

#include "config/reading.h"
#include "config/units.h"

namespace cloister::config {

using detail::Node;
using detail::NodeKind;

Fields::Fields(detail::Reading* reading, const Node* node, std::string path)
    : reading_(reading), node_(node), path_(std::move(path)) {
  if (node_ != &reading_->empty) reading_->asked[node_].path = path_;
}

const Node* Fields::ask(std::string_view key) const {
  if (node_ != &reading_->empty) reading_->asked[node_].keys.emplace(key);
  return node_->find(key);
}

const Node* Fields::ask(std::string_view key, NodeKind kind) const {
  const Node* const found = ask(key);
  if (found == nullptr || found->kind == kind) return found;
  report(found, key,
         fmt::format("must be {}, not {}", detail::noun(kind), detail::noun(found->kind)));
  return nullptr;
}

void Fields::report(const Node* at, std::string_view key, std::string_view sentence) const {
  const std::string name = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  reading_->problems.push_back(
      {at == nullptr ? node_->line : at->line, fmt::format("'{}' {}", name, sentence)});
}

void Fields::require(std::string_view key) const {
  if (ask(key) == nullptr) report(nullptr, key, "is missing");
}

void Fields::problem(std::string_view key, std::string_view sentence) const {
  report(ask(key), key, sentence);
}

bool Fields::has(std::string_view key) const { return ask(key) != nullptr; }

std::string Fields::text(std::string_view key, std::string fallback) const {
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return fallback;
  return found->text;
}

std::string Fields::required_text(std::string_view key) const {
  require(key);
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return {};
  if (found->text.empty()) report(found, key, "must not be empty");
  return found->text;
}

std::string Fields::word(std::string_view key, std::string fallback, const Words& allowed) const {
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return fallback;
  if (std::find(allowed.begin(), allowed.end(), found->text) != allowed.end()) return found->text;
  report(found, key, fmt::format("is '{}'; allowed are {}", found->text, fmt::join(allowed, ", ")));
  return fallback;
}

std::string Fields::required_word(std::string_view key, const Words& allowed) const {
  require(key);
  return word(key, allowed.empty() ? std::string() : std::string(allowed.front()), allowed);
}

bool Fields::truth(std::string_view key, bool fallback) const {
  const Node* const found = ask(key, NodeKind::truth);
  return found == nullptr ? fallback : found->truth;
}

std::int64_t Fields::whole(std::string_view key, std::int64_t fallback, WholeRange range) const {
  const Node* const found = ask(key, NodeKind::whole);
  if (found == nullptr) return fallback;
  if (found->whole >= range.min && found->whole <= range.max) return found->whole;
  const std::string limit = found->whole < range.min ? fmt::format("at least {}", range.min)
                                                     : fmt::format("at most {}", range.max);
  report(found, key, fmt::format("is {}; it must be {}", found->whole, limit));
  return fallback;
}

std::int64_t Fields::required_whole(std::string_view key, WholeRange range) const {
  require(key);
  return whole(key, range.min, range);
}

double Fields::real(std::string_view key, double fallback, RealRange range) const {
  const Node* const any = ask(key);
  const bool is_whole = any != nullptr && any->kind == NodeKind::whole;
  const Node* const found = is_whole ? any : ask(key, NodeKind::real);
  if (found == nullptr) return fallback;
  const double value = is_whole ? static_cast<double>(found->whole) : found->real;
  if (value >= range.min && value <= range.max) return value;
  const std::string limit = value < range.min ? fmt::format("at least {}", range.min)
                                              : fmt::format("at most {}", range.max);
  report(found, key, fmt::format("is {}; it must be {}", value, limit));
  return fallback;
}

double Fields::required_real(std::string_view key, RealRange range) const {
  require(key);
  return real(key, range.min, range);
}

Duration Fields::duration(std::string_view key, Duration fallback, DurationRange range) const {
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return fallback;
  const auto value = parse_duration(found->text);
  if (!value) {
    report(found, key,
           fmt::format("is '{}'; write it like '500 ms', '10 min', '2 h'", found->text));
    return fallback;
  }
  if (*value >= range.min && *value <= range.max) return *value;
  const std::string limit = *value < range.min ? "at least " + duration_text(range.min)
                                               : "at most " + duration_text(range.max);
  report(found, key, fmt::format("is {}; it must be {}", found->text, limit));
  return fallback;
}

std::uint64_t Fields::size(std::string_view key, std::uint64_t fallback, SizeRange range) const {
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return fallback;
  const auto value = parse_size(found->text);
  if (!value) {
    report(found, key, fmt::format("is '{}'; write it like '64 KiB', '2 GiB'", found->text));
    return fallback;
  }
  if (*value >= range.min && *value <= range.max) return *value;
  const std::string limit =
      *value < range.min ? "at least " + size_text(range.min) : "at most " + size_text(range.max);
  report(found, key, fmt::format("is {}; it must be {}", found->text, limit));
  return fallback;
}

std::filesystem::path Fields::path(std::string_view key, std::filesystem::path fallback) const {
  const Node* const found = ask(key, NodeKind::text);
  if (found == nullptr) return fallback;
  const bool broken = found->text.empty() || found->text.find('\0') != std::string::npos;
  if (broken) {
    report(found, key, "is not a path");
    return fallback;
  }
  return reading_->folder / found->text;  // an absolute path replaces the folder
}

std::filesystem::path Fields::required_path(std::string_view key) const {
  require(key);
  return path(key, {});
}

// The items of a list that are of the kind; the others are problems.
std::vector<const Node*> Fields::items(std::string_view key, NodeKind kind) const {
  std::vector<const Node*> found;
  const Node* const list = ask(key, NodeKind::array);
  if (list == nullptr) return found;
  for (const Node& item : list->items) {
    const bool fits = item.kind == kind || (kind == NodeKind::real && item.kind == NodeKind::whole);
    if (fits) {
      found.push_back(&item);
    } else {
      report(&item, key,
             fmt::format("must hold {} only, not {}", detail::noun(kind), detail::noun(item.kind)));
    }
  }
  return found;
}

std::vector<std::string> Fields::texts(std::string_view key) const {
  std::vector<std::string> values;
  for (const Node* item : items(key, NodeKind::text)) values.push_back(item->text);
  return values;
}

std::vector<double> Fields::reals(std::string_view key) const {
  std::vector<double> values;
  for (const Node* item : items(key, NodeKind::real)) {
    values.push_back(item->kind == NodeKind::whole ? static_cast<double>(item->whole) : item->real);
  }
  return values;
}

std::vector<std::int64_t> Fields::wholes(std::string_view key) const {
  std::vector<std::int64_t> values;
  for (const Node* item : items(key, NodeKind::whole)) values.push_back(item->whole);
  return values;
}

std::string Fields::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Fields Fields::table(std::string_view key) const {
  const Node* const found = ask(key, NodeKind::table);
  return {reading_, found == nullptr ? &reading_->empty : found, path_of(key)};
}

Fields Fields::required_table(std::string_view key) const {
  require(key);
  return table(key);
}

std::vector<Fields> Fields::tables(std::string_view key) const {
  std::vector<Fields> all;
  for (const Node* item : items(key, NodeKind::table)) {
    all.push_back(Fields(reading_, item, fmt::format("{}[{}]", path_of(key), all.size() + 1)));
  }
  return all;
}

std::vector<std::string> Fields::keys() const {
  std::vector<std::string> all;
  for (const Node& member : node_->members) all.push_back(member.key);
  return all;
}

}  // namespace cloister::config
