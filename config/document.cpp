#include <algorithm>

#include "base/file.h"
#include "config/fields.h"
#include "config/reading.h"

namespace cloister::config {

Document::Document(std::unique_ptr<detail::Reading> reading) : reading_(std::move(reading)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::from_root(Result<detail::Node> root, std::string_view file_name) {
  if (!root) return pass(root);
  auto reading = std::make_unique<detail::Reading>();
  reading->root = std::move(*root);
  reading->file_name = file_name;
  reading->folder = std::filesystem::path(file_name).parent_path();
  return Document(std::move(reading));
}

Result<Document> Document::from_toml(std::string_view text, std::string_view file_name) {
  return from_root(detail::parse_toml(text, file_name), file_name);
}

Result<Document> Document::from_json(std::string_view text, std::string_view file_name) {
  return from_root(detail::parse_json(text, file_name), file_name);
}

Result<Document> Document::from_file(const std::filesystem::path& path) {
  const auto text = read_text(path, detail::document_bytes_max);
  if (!text) return pass(text);
  return path.extension() == ".json" ? from_json(*text, path.string())
                                     : from_toml(*text, path.string());
}

Fields Document::root() const { return {reading_.get(), &reading_->root, {}}; }

Result<void> Document::check() const {
  std::vector<detail::Problem> problems = reading_->problems;
  const auto unknown = reading_->unknown_keys();
  problems.insert(problems.end(), unknown.begin(), unknown.end());
  if (problems.empty()) return {};
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
  std::string what =
      fmt::format("{} has {}:", reading_->file_name,
                  problems.size() == 1 ? std::string("a problem")
                                       : fmt::format("{} problems", problems.size()));
  for (const detail::Problem& problem : problems) {
    const std::string where = problem.line == 0 ? "" : fmt::format("line {}: ", problem.line);
    what += fmt::format("\n  {}{}", where, problem.sentence);
  }
  return fail(Kind::invalid, "config.invalid", std::move(what), "Correct the file and try again.");
}

}  // namespace cloister::config
