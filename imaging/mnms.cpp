// The M&Ms challenge (Campello et al., IEEE TMI 40(12), 2021): a CSV and 4-D files of which two
// frames are labelled.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/file.h"
#include "imaging/layouts.h"

namespace cloister::imaging {
namespace {

namespace fs = std::filesystem;
using Row = std::vector<std::string>;

tl::unexpected<Error> bad_table(std::string what) {
  return fail(Kind::invalid, "dataset.bad_description", "The case table: " + std::move(what),
              "It needs the columns 'External code', 'ED' and 'ES'; frames count from 0.");
}

// RFC 4180 without line breaks inside of quotes.
Row split_row(std::string_view line) {
  Row row(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      row.emplace_back();
    } else if (c != '\r') {
      row.back().push_back(c);
    }
  }
  for (std::string& cell : row) {
    const auto first = cell.find_first_not_of(" \t");
    const auto last = cell.find_last_not_of(" \t");
    cell = first == std::string::npos ? "" : cell.substr(first, last - first + 1);
  }
  return row;
}

std::vector<Row> read_table(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<Row> rows;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) rows.push_back(split_row(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return rows;
}

constexpr std::size_t no_column = SIZE_MAX;

std::size_t column_of(const Row& header, std::string_view name) {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? no_column : static_cast<std::size_t>(found - header.begin());
}

// The table among the folder's CSV files: the one with a column "External code".
Result<std::optional<std::vector<Row>>> find_table(const fs::path& root) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".csv") files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const auto text = read_text(file, 16 << 20);
    if (!text) return bad_table(text.error().what);
    auto rows = read_table(*text);
    if (!rows.empty() && column_of(rows[0], "External code") != no_column) return rows;
  }
  return std::nullopt;
}

struct CasePaths {
  fs::path image, mask;
  bool twice = false;
};

std::map<std::string, CasePaths> find_files(const fs::path& root) {
  std::map<std::string, CasePaths> found;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(root, options, error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    for (std::string_view ending : {".nii.gz", ".nii"}) {
      if (name.ends_with(ending)) name.resize(name.size() - ending.size());
    }
    const bool is_mask = name.ends_with("_sa_gt");
    if (!is_mask && !name.ends_with("_sa")) continue;
    CasePaths& paths = found[name.substr(0, name.size() - (is_mask ? 6 : 3))];
    fs::path& slot = is_mask ? paths.mask : paths.image;
    paths.twice = paths.twice || !slot.empty();
    slot = it->path();
  }
  return found;
}

Split split_of(const fs::path& image, const fs::path& root) {
  for (const fs::path& part : image.lexically_relative(root)) {
    if (part == "Testing") return Split::test;
    if (part == "Validation") return Split::tune;
  }
  return Split::train;
}

std::optional<std::size_t> frame_from(const std::string& cell) {
  const bool digits =
      !cell.empty() && cell.size() <= 4 &&
      std::all_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  return static_cast<std::size_t>(std::stoul(cell));
}

using Attributes = std::map<std::string, std::string>;

// What the privacy gate tries to read back from codes. Age in two groups, so that few patients do.
Attributes attributes_of(const Row& header, const Row& row) {
  Attributes found;
  for (const auto& [column, name] : {std::pair("Vendor", "vendor"), std::pair("Sex", "sex"),
                                     std::pair("Pathology", "pathology")}) {
    const std::size_t at = column_of(header, column);
    if (at < row.size() && !row[at].empty()) found[name] = row[at];
  }
  const std::size_t age_at = column_of(header, "Age");
  const double age = age_at < row.size() ? std::strtod(row[age_at].c_str(), nullptr) : 0;
  if (age > 0) found["age"] = age < 60 ? "under 60" : "60 or over";
  return found;
}

void add_case(const Case& patient, const Row& frames, Listing& listing) {
  const std::string& code = patient.patient_id;
  constexpr Phase phases[2] = {Phase::ed, Phase::es};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string case_id = code + "_" + std::string(to_string(phases[i]));
    const auto frame = frame_from(frames[i]);
    if (!frame) {
      listing.excluded.push_back(
          {case_id, "dataset.bad_frame", "The table gives no usable frame number for this phase."});
      continue;
    }
    Candidate candidate;
    candidate.of = patient;
    candidate.of.case_id = case_id;
    candidate.of.phase = phases[i];
    candidate.of.frame = *frame;
    listing.candidates.push_back(std::move(candidate));
  }
}

}  // namespace

Result<std::optional<Listing>> list_mnms(const fs::path& root, const std::string& centre) {
  const auto table = find_table(root);
  if (!table) return pass(table);
  if (!table->has_value()) return std::nullopt;
  const std::vector<Row>& rows = **table;
  const std::size_t code_at = column_of(rows[0], "External code");
  const std::size_t ed_at = column_of(rows[0], "ED");
  const std::size_t es_at = column_of(rows[0], "ES");
  const std::size_t centre_at = column_of(rows[0], "Centre");
  if (ed_at == no_column || es_at == no_column) return bad_table("'ED' or 'ES' is missing.");
  if (!centre.empty() && centre_at == no_column) return bad_table("'Centre' is missing.");
  Listing listing;
  listing.name = root.filename().string();
  listing.layout = "mnms";
  listing.labels = {{"LV", 1}, {"MYO", 2}, {"RV", 3}};
  const auto files = find_files(root);
  const std::size_t needed = std::max({code_at, ed_at, es_at, centre.empty() ? 0 : centre_at}) + 1;
  std::size_t unlabelled = 0;
  std::map<std::string, int> seen;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (row.size() < needed) return bad_table(fmt::format("row {} is too short.", i + 1));
    if (!centre.empty() && row[centre_at] != centre) continue;
    const std::string& code = row[code_at];
    const auto paths = files.find(code);
    if (seen[code]++ > 0 || (paths != files.end() && paths->second.twice)) {
      listing.excluded.push_back(
          {code, "dataset.duplicate_case", "The patient appears twice; the first is used."});
      if (seen[code] > 1) continue;
    }
    if (paths == files.end() || paths->second.image.empty()) {
      listing.excluded.push_back(
          {code, "dataset.image_missing", "The table names this patient; no _sa file was found."});
    } else if (paths->second.image.string().find("/Unlabeled/") != std::string::npos) {
      ++unlabelled;
    } else {
      Case patient;
      patient.patient_id = code;
      patient.split = split_of(paths->second.image, root);
      patient.image = paths->second.image;
      patient.mask = paths->second.mask;
      patient.attributes = attributes_of(rows[0], row);
      add_case(patient, {row[ed_at], row[es_at]}, listing);
    }
  }
  if (unlabelled > 0) {
    listing.warnings.push_back(fmt::format("{} unlabelled patients are passed over.", unlabelled));
  }
  return listing;
}

}  // namespace cloister::imaging
