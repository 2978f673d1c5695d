#include "config/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/node.h"

namespace cloister::config {
namespace detail {
namespace {

// Turns toml++'s tree into ours; stops at the first thing that has no counterpart.
class Converter {
 public:
  explicit Converter(std::string_view file_name) : file_name_(file_name) {}

  Result<Node> convert(const toml::node& from, std::size_t depth) {
    Node node;
    node.line = from.source().begin.line;
    node.column = from.source().begin.column;
    if (depth > document_depth_max) return refuse(node, "nested too deep");
    if (const auto* table = from.as_table()) return fill_table(std::move(node), *table, depth);
    if (const auto* array = from.as_array()) return fill_array(std::move(node), *array, depth);
    if (const auto* text = from.as_string()) return with_text(node, NodeKind::text, text->get());
    if (const auto* whole = from.as_integer()) {
      node.kind = NodeKind::whole;
      node.whole = whole->get();
      return node;
    }
    if (const auto* truth = from.as_boolean()) {
      node.kind = NodeKind::truth;
      node.truth = truth->get();
      return node;
    }
    if (const auto* real = from.as_floating_point()) {
      if (!std::isfinite(real->get())) return refuse(node, "infinity and NaN are not accepted");
      node.kind = NodeKind::real;
      node.real = real->get();
      return node;
    }
    return with_text(node, NodeKind::time, time_text(from));
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(const Node& node, std::string_view why) const {
    return syntax_error(file_name_, node.line, node.column, why);
  }

  static Node with_text(Node node, NodeKind kind, std::string text) {
    node.kind = kind;
    node.text = std::move(text);
    return node;
  }

  static std::string time_text(const toml::node& from) {
    std::ostringstream out;
    from.visit([&out](const auto& value) {
      if constexpr (toml::is_value<decltype(value)>) out << value.get();
    });
    return out.str();
  }

  Result<Node> fill_table(Node node, const toml::table& table, std::size_t depth) {
    node.kind = NodeKind::table;
    for (const auto& [key, value] : table) {
      auto member = convert(value, depth + 1);
      if (!member) return member;
      // A table written [like.this] begins at its key, which is what a person looks for.
      if (member->line == 0) member->line = key.source().begin.line;
      member->key = key.str();
      node.members.push_back(std::move(*member));
    }
    std::sort(node.members.begin(), node.members.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    return node;
  }

  Result<Node> fill_array(Node node, const toml::array& array, std::size_t depth) {
    node.kind = NodeKind::array;
    for (const toml::node& value : array) {
      auto item = convert(value, depth + 1);
      if (!item) return item;
      node.items.push_back(std::move(*item));
    }
    return node;
  }

  std::string_view file_name_;
};

nlohmann::json to_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::table: {
      nlohmann::json object = nlohmann::json::object();
      for (const Node& member : node.members) object[member.key] = to_json(member);
      return object;
    }
    case NodeKind::array: {
      nlohmann::json array = nlohmann::json::array();
      for (const Node& item : node.items) array.push_back(to_json(item));
      return array;
    }
    case NodeKind::text:
    case NodeKind::time:
      return node.text;
    case NodeKind::whole:
      return node.whole;
    case NodeKind::real:
      return node.real;
    case NodeKind::truth:
      return node.truth;
  }
  return {};
}

}  // namespace

Result<Node> parse_toml(std::string_view text, std::string_view file_name) {
  if (auto fits = check_size(text, file_name); !fits) return pass(fits);
  try {
    const toml::table table = toml::parse(text, file_name);
    return Converter(file_name).convert(table, 0);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return syntax_error(file_name, at.line, at.column, error.description());
  }
}

}  // namespace detail

Result<std::string> toml_to_json(std::string_view text, std::string_view file_name) {
  const auto root = detail::parse_toml(text, file_name);
  if (!root) return pass(root);
  return detail::to_json(*root).dump();  // toml++ accepts valid UTF-8 only, so this cannot throw
}

}  // namespace cloister::config
