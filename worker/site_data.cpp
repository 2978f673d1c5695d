#include "worker/site_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "networks/views.h"
#include "worker/codes.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

tl::unexpected<Error> bad_document(std::string_view which) {
  return fail(Kind::corrupt, fmt::format("worker.bad_{}", which),
              fmt::format("The site's {} cannot be read.", which),
              "Run register-data and encode again.");
}

// Throws json::exception for what is missing or of another type; callers turn it into a Result.
NumberedCase case_from(const json& entry, const fs::path& root) {
  NumberedCase numbered;
  imaging::Case& of = numbered.of;
  of.case_id = entry.at("case").get<std::string>();
  of.patient_id = entry.at("patient").get<std::string>();
  numbered.number = entry.at("number").get<int>();
  of.split = imaging::split_from(entry.at("split").get<std::string>()).value();
  of.phase = imaging::phase_from(entry.at("phase").get<std::string>()).value();
  of.image = root / entry.at("image").get<std::string>();
  of.mask = root / entry.at("mask").get<std::string>();
  of.frame = entry.at("frame").get<std::size_t>();
  of.slices = entry.at("slices").get<std::size_t>();
  of.spacing_mm = entry.at("spacing_mm").get<imaging::Vector3>();
  of.structure_voxels = entry.at("structure_voxels").get<std::vector<std::size_t>>();
  of.attributes = entry.value("attributes", std::map<std::string, std::string>{});
  return numbered;
}

bool is_below(const fs::path& path, const fs::path& root) {
  const fs::path relative = path.lexically_normal().lexically_relative(root.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

std::vector<NumberedCase> SiteMap::of(imaging::Split split) const {
  std::vector<NumberedCase> chosen;
  for (const NumberedCase& numbered : cases) {
    if (numbered.of.split == split) chosen.push_back(numbered);
  }
  return chosen;
}

json to_json(const SiteMap& map, const fs::path& root) {
  json cases = json::array();
  for (const auto& [of, number] : map.cases) {
    cases.push_back({{"case", of.case_id},
                     {"patient", of.patient_id},
                     {"number", number},
                     {"split", imaging::to_string(of.split)},
                     {"phase", imaging::to_string(of.phase)},
                     {"image", of.image.lexically_relative(root).string()},
                     {"mask", of.mask.lexically_relative(root).string()},
                     {"frame", of.frame},
                     {"slices", of.slices},
                     {"spacing_mm", of.spacing_mm},
                     {"structure_voxels", of.structure_voxels},
                     {"attributes", of.attributes}});
  }
  json excluded = json::array();
  for (const imaging::ExcludedCase& out : map.excluded) {
    excluded.push_back({{"case", out.case_id}, {"code", out.code}, {"reason", out.reason}});
  }
  return {{"version", 1},         {"name", map.name}, {"layout", map.layout},
          {"labels", map.labels}, {"cases", cases},   {"excluded", excluded}};
}

Result<SiteMap> site_map_from(BytesView text, const fs::path& root) {
  const json document = json::parse(as_text(text), nullptr, false);
  try {
    SiteMap map;
    if (document.at("version") != 1) return bad_document("site_map");
    map.name = document.at("name").get<std::string>();
    map.layout = document.at("layout").get<std::string>();
    map.labels = document.at("labels").get<imaging::NamedLabels>();
    for (const json& entry : document.at("cases")) {
      map.cases.push_back(case_from(entry, root));
      const imaging::Case& of = map.cases.back().of;
      if (!is_below(of.image, root) || !is_below(of.mask, root)) return bad_document("site_map");
    }
    for (const json& entry : document.at("excluded")) {
      map.excluded.push_back({entry.at("case").get<std::string>(),
                              entry.at("code").get<std::string>(),
                              entry.at("reason").get<std::string>()});
    }
    return map;
  } catch (const std::exception&) {  // json::exception, bad_expected_access
    return bad_document("site_map");
  }
}

Result<SiteMap> site_map_of(const JobContext& context) {
  if (context.job().data_root.empty()) {
    return tl::unexpected<Error>(bad_job("'data.root' is missing"));
  }
  const auto text = context.input("site-map");
  if (!text) return pass(text);
  return site_map_from(*text, context.job().data_root);
}

json to_json(const std::vector<CodedShard>& shards) {
  json list = json::array();
  for (const CodedShard& shard : shards) {
    json cases = json::array();
    for (const CodedCase& coded : shard.cases) {
      cases.push_back({{"case", coded.case_id}, {"first", coded.first}, {"slices", coded.slices}});
    }
    list.push_back({{"number", shard.number},
                    {"purpose", shard.purpose},
                    {"patient", shard.patient_id},
                    {"views", shard.views},
                    {"cases", cases}});
  }
  return {{"version", 1}, {"shards", list}};
}

Result<std::vector<CodedShard>> code_map_of(const JobContext& context) {
  const auto text = context.input("code-map");
  if (!text) return pass(text);
  const json document = json::parse(as_text(*text), nullptr, false);
  try {
    std::vector<CodedShard> shards;
    for (const json& entry : document.at("shards")) {
      CodedShard shard{entry.at("number").get<int>(),
                       entry.at("purpose").get<std::string>(),
                       entry.at("patient").get<std::string>(),
                       entry.at("views").get<std::size_t>(),
                       {}};
      for (const json& coded : entry.at("cases")) {
        shard.cases.push_back({coded.at("case").get<std::string>(),
                               coded.at("first").get<std::size_t>(),
                               coded.at("slices").get<std::size_t>()});
      }
      if (shard.views == 0 || shard.views > 64) return bad_document("code_map");
      shards.push_back(std::move(shard));
    }
    return shards;
  } catch (const json::exception&) {
    return bad_document("code_map");
  }
}

std::string shard_name(int number) { return fmt::format("{:06}", number); }

Result<imaging::LabelMap> label_map_of(const JobContext& context, const SiteMap& map) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  return imaging::LabelMap::create(plan->get().structures, map.labels);
}

networks::SliceSet slices_of(imaging::ImageStack stack) {
  networks::SliceSet slices;
  slices.height = static_cast<int>(stack.height);
  slices.width = static_cast<int>(stack.width);
  slices.images = std::move(stack.values);
  slices.volume.assign(stack.count, 0);
  slices.patient.assign(stack.count, 0);
  return slices;
}

Result<SiteSlices> load_slices(JobContext& context, const SiteMap& map,
                               const std::vector<NumberedCase>& cases) {
  const auto labels = label_map_of(context, map);
  if (!labels) return pass(labels);
  const imaging::PreprocessPlan plan = preprocess_plan(context.plan()->get());
  SiteSlices loaded;
  loaded.slices.height = static_cast<int>(plan.height);
  loaded.slices.width = static_cast<int>(plan.width);
  std::set<int> patients;
  for (const NumberedCase& numbered : cases) {
    if (auto go_on = context.check_stop(); !go_on) return pass(std::move(go_on));
    const auto read = imaging::load_case(numbered.of, *labels);
    if (!read) {
      context.warn(
          read.error().code,
          "A registered case cannot be read any more and is left out: " + read.error().what);
      continue;
    }
    auto image = imaging::to_slices(read->image, plan);
    if (!image) return pass(std::move(image));
    auto mask = imaging::to_slices(read->mask, plan);
    if (!mask) return pass(std::move(mask));
    networks::SliceSet& set = loaded.slices;
    loaded.cases.push_back({numbered, set.size(), image->count});
    set.images.insert(set.images.end(), image->values.begin(), image->values.end());
    set.labels.insert(set.labels.end(), mask->labels.begin(), mask->labels.end());
    set.volume.insert(set.volume.end(), image->count,
                      static_cast<std::int64_t>(loaded.cases.size() - 1));
    set.patient.insert(set.patient.end(), image->count, numbered.number);
    patients.insert(numbered.number);
  }
  loaded.patients = patients.size();
  if (loaded.cases.empty()) {
    return fail(Kind::invalid, "dataset.empty", "None of the registered cases can be read.",
                "Check that the data folder is where it was, and register again.");
  }
  return loaded;
}

namespace {

Result<void> visit_patient(const SiteMap& map, const CodedShard& shard, BytesView reply,
                           const std::function<Result<void>(ReplyCase)>& visit) {
  const auto codes = networks::read_codes(reply);
  if (!codes) return pass(codes);
  for (const CodedCase& coded : shard.cases) {
    const auto found = std::find_if(
        map.cases.begin(), map.cases.end(),
        [&](const NumberedCase& numbered) { return numbered.of.case_id == coded.case_id; });
    if (found == map.cases.end()) continue;  // withdrawn since
    const auto last = (coded.first + coded.slices) * shard.views;
    if (codes->shape.empty() || last > static_cast<std::size_t>(codes->shape[0])) {
      return fail(Kind::corrupt, "codes.count", "A reply holds fewer codes than were asked for.",
                  "Ask for the prediction again.");
    }
    auto visited =
        visit({*found, samples_of(*codes, coded.first * shard.views, coded.slices * shard.views)});
    if (!visited) return visited;
  }
  return {};
}

}  // namespace

Result<void> for_each_reply(JobContext& context, const SiteMap& map, std::string_view purpose,
                            const std::function<Result<void>(ReplyCase)>& visit) {
  const auto shards = code_map_of(context);
  if (!shards) return pass(shards);
  std::size_t replies = 0;
  for (const CodedShard& shard : *shards) {
    const std::string name = "replies/" + shard_name(shard.number);
    if (shard.purpose != purpose || !context.has_input(name)) continue;
    if (auto go_on = context.check_stop(); !go_on) return go_on;
    if (auto done = visit_patient(map, shard, *context.input(name), visit); !done) return done;
    ++replies;
  }
  if (replies > 0) return {};
  return fail(Kind::invalid, "predict.no_replies",
              fmt::format("No predicted codes of {} patients were given.", purpose),
              "Wait until the trainer has predicted them.");
}

}  // namespace cloister::worker
