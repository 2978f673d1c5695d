// A strict reader for TOML (and JSON) documents: study plans, site policies, daemon configurations.
//
// Ask for each field by name, with its default and range; then call `check()` once. Every problem
// of the document is reported together, each with its line: missing fields, wrong types, values out
// of range, and keys that nobody asked for ("did you mean 'epochs'?").
//
//   auto document = config::Document::from_toml(text, "plan.toml");
//   if (!document) return pass(document);
//   config::Fields root = document->root();
//   Plan plan;
//   plan.name = root.required_text("name");
//   plan.epochs = root.whole("epochs", 40, {1, 1000});
//   plan.patience = root.duration("patience", 10min);
//   config::Fields gate = root.table("gate");           // absent: an empty table, so defaults
//   apply plan.strict = gate.truth("strict", true); for (config::Fields site : root.tables("site"))
//   plan.sites.push_back(site.required_text("id")); if (auto ok = document->check(); !ok) return
//   pass(ok);
//
// After a problem a reader returns its default (or an empty value), so reading goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace cloister::config {

namespace detail {
struct Node;
struct Reading;
enum class NodeKind;
}  // namespace detail

struct WholeRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
struct RealRange {
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
};
struct DurationRange {
  Duration min = Duration(0);
  Duration max = Duration(std::numeric_limits<std::int64_t>::max());
};
struct SizeRange {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
};
using Words = std::vector<std::string_view>;

// One table of the document. Cheap to copy; valid as long as its Document.
class Fields {
 public:
  [[nodiscard]] bool has(std::string_view key) const;  // counts as asking for it

  [[nodiscard]] std::string text(std::string_view key, std::string fallback) const;
  [[nodiscard]] std::string required_text(std::string_view key) const;  // and not empty
  // One of the given words.
  [[nodiscard]] std::string word(std::string_view key, std::string fallback,
                                 const Words& allowed) const;
  [[nodiscard]] std::string required_word(std::string_view key, const Words& allowed) const;
  [[nodiscard]] bool truth(std::string_view key, bool fallback) const;
  [[nodiscard]] std::int64_t whole(std::string_view key, std::int64_t fallback,
                                   WholeRange range = {}) const;
  [[nodiscard]] std::int64_t required_whole(std::string_view key, WholeRange range = {}) const;
  // Whole numbers are accepted too.
  [[nodiscard]] double real(std::string_view key, double fallback, RealRange range = {}) const;
  [[nodiscard]] double required_real(std::string_view key, RealRange range = {}) const;
  // Text with a unit; see units.h.
  [[nodiscard]] Duration duration(std::string_view key, Duration fallback,
                                  DurationRange range = {}) const;
  [[nodiscard]] std::uint64_t size(std::string_view key, std::uint64_t fallback,
                                   SizeRange range = {}) const;
  // A relative path counts from the folder of the document; "~" is not expanded.
  [[nodiscard]] std::filesystem::path path(std::string_view key,
                                           std::filesystem::path fallback) const;
  [[nodiscard]] std::filesystem::path required_path(std::string_view key) const;

  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;  // absent: none
  [[nodiscard]] std::vector<double> reals(std::string_view key) const;
  [[nodiscard]] std::vector<std::int64_t> wholes(std::string_view key) const;

  [[nodiscard]] Fields table(std::string_view key) const;  // absent: an empty one
  [[nodiscard]] Fields required_table(std::string_view key) const;
  [[nodiscard]] std::vector<Fields> tables(std::string_view key) const;  // [[key]]; absent: none
  // Keys in this table, sorted; for tables whose keys are names ([labels] LV = 1). Each still has
  // to be asked for.
  [[nodiscard]] std::vector<std::string> keys() const;

  // Adds a problem of the caller's own about this key, at its line ("sites: at least two").
  void problem(std::string_view key, std::string_view sentence) const;

 private:
  friend class Document;
  friend struct detail::Reading;
  Fields(detail::Reading* reading, const detail::Node* node, std::string path);
  [[nodiscard]] const detail::Node* ask(std::string_view key) const;
  [[nodiscard]] const detail::Node* ask(std::string_view key,
                                        detail::NodeKind kind) const;  // none: other kind
  [[nodiscard]] std::vector<const detail::Node*> items(std::string_view key,
                                                       detail::NodeKind kind) const;
  void require(std::string_view key) const;
  void report(const detail::Node* at, std::string_view key, std::string_view sentence) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;
  detail::Reading* reading_;
  const detail::Node* node_;
  std::string path_;  // "gate.limits", for messages
};

class Document {
 public:
  // `file_name` is for messages and for relative paths. At most 4 MiB and 32 levels.
  [[nodiscard]] static Result<Document> from_toml(std::string_view text,
                                                  std::string_view file_name);
  [[nodiscard]] static Result<Document> from_json(std::string_view text,
                                                  std::string_view file_name);
  // Reads the file; `.json` by its ending, TOML otherwise.
  [[nodiscard]] static Result<Document> from_file(const std::filesystem::path& path);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  [[nodiscard]] Fields root() const;
  // All problems so far, unknown keys included, as one Error ("config.invalid"), one line each.
  // Call it after everything was asked for.
  [[nodiscard]] Result<void> check() const;

 private:
  explicit Document(std::unique_ptr<detail::Reading> reading);
  static Result<Document> from_root(Result<detail::Node> root, std::string_view file_name);
  std::unique_ptr<detail::Reading> reading_;
};

}  // namespace cloister::config
