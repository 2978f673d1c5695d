#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/node.h"

namespace cloister::config::detail {
namespace {

using Json = nlohmann::json;

// Builds our tree while parsing: the depth is bounded before memory is used, and a key that is
// written twice is refused (the library would keep one of them).
class Builder final : public Json::json_sax_t {
 public:
  bool null() override { return refuse("null is not accepted; leave the key out"); }
  bool boolean(bool value) override {
    Node node{.kind = NodeKind::truth};
    node.truth = value;
    return put(std::move(node));
  }
  bool number_integer(number_integer_t value) override {
    Node node{.kind = NodeKind::whole};
    node.whole = value;
    return put(std::move(node));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return refuse("the number is too large");
    }
    return number_integer(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    Node node{.kind = NodeKind::real};
    node.real = value;
    return put(std::move(node));
  }
  bool string(string_t& value) override {
    Node node{.kind = NodeKind::text};
    node.text = value;
    return put(std::move(node));
  }
  bool binary(binary_t& /*value*/) override { return refuse("binary values are not accepted"); }
  bool start_object(std::size_t /*count*/) override { return open(NodeKind::table); }
  bool key(string_t& name) override {
    open_.back().key = name;
    return true;
  }
  bool end_object() override {
    auto& members = open_.back().node.members;
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    const auto twice =
        std::adjacent_find(members.begin(), members.end(),
                           [](const auto& a, const auto& b) { return a.key == b.key; });
    if (twice != members.end()) return refuse("the key '" + twice->key + "' is there twice");
    return close();
  }
  bool start_array(std::size_t /*count*/) override { return open(NodeKind::array); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string& /*last*/,
                   const Json::exception& /*error*/) override {
    position_ = position;
    return refuse("this is not JSON");
  }

  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  std::optional<Node> root;

 private:
  struct Open {
    Node node;
    std::string key;  // of the member being read
  };

  bool refuse(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool open(NodeKind kind) {
    if (open_.size() >= document_depth_max) return refuse("nested too deep");
    open_.push_back({Node{.kind = kind}, {}});
    return true;
  }
  bool close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    return put(std::move(node));
  }
  bool put(Node node) {
    if (open_.empty()) {
      root = std::move(node);
    } else if (open_.back().node.kind == NodeKind::array) {
      open_.back().node.items.push_back(std::move(node));
    } else {
      node.key = open_.back().key;
      open_.back().node.members.push_back(std::move(node));
    }
    return true;
  }

  std::vector<Open> open_;
  std::string why_;
  std::size_t position_ = 0;
};

tl::unexpected<Error> refused(std::string_view text, std::string_view file_name,
                              const Builder& builder) {
  if (builder.position() == 0) {
    return fail(Kind::invalid, "config.syntax", fmt::format("{}: {}.", file_name, builder.why()),
                "Correct the file.");
  }
  const std::string_view before = text.substr(0, builder.position() - 1);
  const auto line = static_cast<unsigned>(1 + std::count(before.begin(), before.end(), '\n'));
  const auto line_start = before.rfind('\n');
  const auto column = static_cast<unsigned>(
      line_start == std::string_view::npos ? before.size() + 1 : before.size() - line_start);
  return syntax_error(file_name, line, column, builder.why());
}

}  // namespace

Result<Node> parse_json(std::string_view text, std::string_view file_name) {
  if (auto fits = check_size(text, file_name); !fits) return pass(fits);
  Builder builder;
  const bool parsed = Json::sax_parse(text, &builder);
  if (!parsed || !builder.root) return refused(text, file_name, builder);
  if (builder.root->kind != NodeKind::table) {
    return syntax_error(file_name, 1, 1, "the document is not an object");
  }
  return std::move(*builder.root);
}

}  // namespace cloister::config::detail
