// cloister-train-codes: the pooled training from files to a file, for machines that have LibTorch
// and nothing else of Cloister, and for several ranks.
//
//   cloister-train-codes SHARDS OUT [key=value ...]
//
// SHARDS holds one folder a site with code shards (networks/views.h); OUT is the network's file.
// Keys: budget preset steps batch levels seed device threads checkpoint progress_every
//       checkpoint_every scratch. `checkpoint` names a file that is written as the training goes
//       and resumed from. `scratch` is a folder (default: OUT's) for a nameless file of about the
//       shards' size: they need not fit into memory.
// Ranks: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as torchrun sets them (networks/ranks.h).
// Prints a JSON line {"step","steps","loss"} now and then. SIGTERM and SIGINT stop at a checkpoint.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "networks/budget.h"
#include "networks/ranks.h"
#include "networks/scratch_codes.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

constexpr std::uint64_t shard_bytes_max = 4ULL << 30;

volatile std::sig_atomic_t asked_to_stop = 0;
void ask_to_stop(int) { asked_to_stop = 1; }

using Texts = std::map<std::string, std::string>;

Result<Texts> texts_of(int count, char** arguments) {
  Texts texts{{"budget", "standard"}, {"preset", "adapted"}, {"device", "cpu"}};
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto equals = argument.find('=');
    if (equals == std::string::npos)
      return fail(Kind::invalid, "train_codes.usage",
                  fmt::format("'{}' is not key=value.", argument),
                  "See the top of networks/train_codes_main.cpp for the keys.");
    texts[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  return texts;
}

std::int64_t number_or(const Texts& texts, const std::string& key, std::int64_t fallback) {
  const auto found = texts.find(key);
  return found == texts.end() ? fallback : std::strtoll(found->second.c_str(), nullptr, 10);
}

Result<SegmentationOptions> options_of(const Texts& texts) {
  const auto preset = parse_preset(texts.at("preset"));
  if (!preset) return pass(preset);
  const auto budget = budget_for(texts.at("budget"), *preset);
  if (!budget) return pass(budget);
  SegmentationOptions options = budget->segmentation;
  options.recipe.steps = number_or(texts, "steps", options.recipe.steps);
  options.recipe.batch = static_cast<int>(number_or(texts, "batch", options.recipe.batch));
  options.levels = static_cast<int>(number_or(texts, "levels", options.levels));
  options.seed = static_cast<std::uint64_t>(number_or(texts, "seed", 1));
  return options;
}

std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> entries;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

Result<ScratchCodes> read_codes_of(const std::filesystem::path& folder,
                                   const std::filesystem::path& scratch) {
  std::vector<std::filesystem::path> sites;
  for (const auto& entry : sorted_entries(folder))
    if (std::filesystem::is_directory(entry)) sites.push_back(entry);
  if (sites.empty())
    return fail(Kind::not_found, "train_codes.no_sites",
                fmt::format("There is no site's folder of shards in {}.", folder.string()),
                "Give a folder with one sub-folder a site.");
  auto codes = ScratchCodes::create(static_cast<int>(sites.size()), scratch);
  if (!codes) return codes;
  for (std::size_t site = 0; site < sites.size(); ++site)
    for (const auto& file : sorted_entries(sites[site])) {
      const auto shard = read_file(file, shard_bytes_max);
      if (!shard) return pass(shard);
      if (auto added = codes->add_shard(static_cast<int>(site), *shard); !added) return pass(added);
    }
  return codes;
}

Result<Job> job_of(const Texts& texts) {
  Job job;
  const auto device = parse_device(texts.at("device"));
  if (!device) return pass(device);
  job.compute = {*device, static_cast<int>(number_or(texts, "threads", 0))};
  const auto place = rank_place_from_environment();
  if (!place) return pass(place);
  if (place->size > 1) {
    auto ranks = Ranks::join(*place);
    if (!ranks) return pass(ranks);
    job.ranks = *ranks;
  }
  const bool speaks = place->rank == 0;
  job.hooks.progress_every_steps = number_or(texts, "progress_every", 20);
  job.hooks.checkpoint_every_steps = number_or(texts, "checkpoint_every", 500);
  job.hooks.should_stop = [] { return asked_to_stop != 0; };
  job.hooks.progress = [speaks](const Progress& progress) {
    if (!speaks) return;
    fmt::print("{{\"step\":{},\"steps\":{},\"loss\":{:.6f}}}\n", progress.step, progress.steps,
               progress.loss);
    std::fflush(stdout);
  };
  const auto checkpoint = texts.find("checkpoint");
  if (checkpoint == texts.end()) return job;
  const std::filesystem::path file = checkpoint->second;
  if (std::filesystem::exists(file)) {
    auto kept = read_file(file, shard_bytes_max);
    if (!kept) return pass(kept);
    job.hooks.resume_from = std::move(*kept);
  }
  job.hooks.checkpoint = [file](BytesView bytes) {
    if (auto written = write_file(file, bytes, FileMode::owner_only); !written)
      fmt::print(stderr, "{}\n", to_string(written.error()));
  };
  return job;
}

Result<void> run(int count, char** arguments) {
  const auto texts = texts_of(count, arguments);
  if (!texts) return pass(texts);
  const auto options = options_of(*texts);
  if (!options) return pass(options);
  const auto beside = std::filesystem::absolute(arguments[2]).parent_path().string();
  const auto scratch = texts->find("scratch");
  auto codes = read_codes_of(arguments[1], scratch == texts->end() ? beside : scratch->second);
  if (!codes) return pass(codes);
  const auto job = job_of(*texts);
  if (!job) return pass(job);
  const auto trained = train_segmentation(*codes, *options, *job);
  if (!trained) return pass(trained);
  if (job->ranks && job->ranks->rank() != 0) return {};
  return write_file(arguments[2], trained->network);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "cloister-train-codes SHARDS OUT [key=value ...]\n");
    return 11;
  }
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  const auto done = run(count, arguments);
  if (done) return 0;
  fmt::print(stderr, "{}\n", to_string(done.error()));
  return exit_status(done.error().kind);
}
