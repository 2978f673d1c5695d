// The site's own documents (site-map, code-map) and the slices of the cases they list.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "imaging/dataset.h"
#include "imaging/preprocess.h"
#include "networks/slices.h"
#include "worker/context.h"

namespace cloister::worker {

// A case with its patient's opaque number: the only name that may appear outside of the site.
struct NumberedCase {
  imaging::Case of;
  int number = 0;
};

struct SiteMap {
  std::string name;
  std::string layout;
  imaging::NamedLabels labels;
  std::vector<NumberedCase> cases;
  std::vector<imaging::ExcludedCase> excluded;

  [[nodiscard]] std::vector<NumberedCase> of(imaging::Split split) const;
};

// Paths in the document are relative to `root`; those that would leave it are refused
// ("worker.bad_site_map").
[[nodiscard]] nlohmann::json to_json(const SiteMap& map, const std::filesystem::path& root);
[[nodiscard]] Result<SiteMap> site_map_from(BytesView text, const std::filesystem::path& root);
// The input `site-map` of a job, under the job's data root.
[[nodiscard]] Result<SiteMap> site_map_of(const JobContext& context);

// Which slices of a shard are whose.
struct CodedCase {
  std::string case_id;
  std::size_t first = 0;  // slice
  std::size_t slices = 0;
};
struct CodedShard {
  int number = 0;
  std::string purpose;  // training, tuning, evaluation
  std::string patient_id;
  std::size_t views = 1;
  std::vector<CodedCase> cases;
};
[[nodiscard]] nlohmann::json to_json(const std::vector<CodedShard>& shards);
[[nodiscard]] Result<std::vector<CodedShard>> code_map_of(const JobContext& context);

// "000007"
[[nodiscard]] std::string shard_name(int number);

// A case whose slices are in a SiteSlices.
struct PlacedCase {
  NumberedCase numbered;
  std::size_t first = 0;
  std::size_t slices = 0;
};
struct SiteSlices {
  networks::SliceSet slices;
  std::vector<PlacedCase> cases;
  std::size_t patients = 0;
};

// One volume's slices, without masks.
[[nodiscard]] networks::SliceSet slices_of(imaging::ImageStack stack);

// Reads and preprocesses the cases, in order. A case that cannot be read any more is warned of and
// left out; none left is "dataset.empty".
[[nodiscard]] Result<SiteSlices> load_slices(JobContext& context, const SiteMap& map,
                                             const std::vector<NumberedCase>& cases);

// A predicted reply of one patient beside the cases it belongs to.
struct ReplyCase {
  NumberedCase numbered;
  networks::FloatTensor codes;  // of this case, all views
};
// Calls `visit` for every case of `purpose` whose patient has an input `replies/NNNNNN`, patient by
// patient. "predict.no_replies" when there is none.
[[nodiscard]] Result<void> for_each_reply(JobContext& context, const SiteMap& map,
                                          std::string_view purpose,
                                          const std::function<Result<void>(ReplyCase)>& visit);

[[nodiscard]] Result<imaging::LabelMap> label_map_of(const JobContext& context, const SiteMap& map);

}  // namespace cloister::worker
