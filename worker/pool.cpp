#include "worker/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "crypto/scratch_key.h"

namespace cloister::worker {

Result<std::vector<std::string>> site_order(const JobDocument& job) {
  auto sites = job.texts("sites");
  if (!sites || !sites->empty()) return sites;
  const auto plan = job.needed_plan();
  if (!plan) return pass(plan);
  return plan->get().sites;
}

Result<int> site_index(const std::vector<std::string>& sites, std::string_view site) {
  const auto found = std::find(sites.begin(), sites.end(), site);
  if (found != sites.end()) return static_cast<int>(found - sites.begin());
  return fail(Kind::invalid, "pool.unknown_site",
              fmt::format("The site '{}' is not among those of the network.", site.substr(0, 64)),
              "A site that joined later needs the next version of the network.");
}

Result<Pool> Pool::open(const JobDocument& job) {
  auto sites = site_order(job);
  if (!sites) return pass(sites);
  crypto::SystemEntropy entropy;
  const auto key = std::make_shared<const crypto::ScratchKey>(entropy);
  const auto hide = [key](std::uint64_t offset, std::span<std::uint8_t> bytes) {
    key->apply(offset, bytes);
  };
  const auto folder = job.scratch.empty() ? std::filesystem::temp_directory_path() : job.scratch;
  auto codes = networks::ScratchCodes::create(static_cast<int>(sites->size()), folder, hide);
  if (!codes) return pass(codes);
  return Pool(std::move(*sites), std::move(*codes));
}

Pool::Pool(std::vector<std::string> sites, networks::ScratchCodes codes)
    : sites_(std::move(sites)), shards_(sites_.size(), 0), codes_(std::move(codes)) {}

void Pool::take(std::string_view name, BytesView shard) {
  if (so_far_) so_far_ = add(name, shard);
}

Result<void> Pool::add(std::string_view name, BytesView shard) {
  const auto site = site_index(sites_, name.substr(0, name.find('/')));
  if (!site) return pass(site);
  if (auto added = codes_.add_shard(*site, shard); !added) return added;
  ++shards_[static_cast<std::size_t>(*site)];
  return {};
}

Result<void> Pool::check() const {
  if (!so_far_) return so_far_;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    if (shards_[i] > 0) continue;
    return fail(Kind::invalid, "pool.site_without_shards",
                fmt::format("The site '{}' sent no training shard.", sites_[i]),
                "Leave it out of this version, or wait for its release.");
  }
  return {};
}

}  // namespace cloister::worker
