// A whole study in one process, on data that lie in one place: for pilots of a plan before anyone
// joins, and for baselines of a demonstration. Its networks are thrown away; nothing of it is
// secret.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "networks/budget.h"
#include "worker/context.h"
#include "worker/evaluation.h"
#include "worker/site_data.h"

namespace cloister::worker {

struct PilotSite {
  std::string id;
  SiteMap map;
  SiteSlices training, tuning, test;
};
struct PilotNetworks {
  Bytes image_encoder, image_decoder, mask_encoder, mask_decoder;
};
// Encoders and pooled results of one choice of modes.
struct PilotMode {
  std::string name;
  networks::Budget budget;
  std::vector<PilotNetworks> sites;  // in the order of the pilot's sites
};

class PilotRun {
 public:
  PilotRun(JobContext& context, const std::vector<PilotSite>& sites)
      : context_(context), sites_(sites) {}

  // Every site's encoders, as its own jobs would train them.
  [[nodiscard]] Result<PilotMode> train(std::string name, const networks::Budget& budget);
  // One network on the codes of these sites (numbers into the pilot's), tuned and tried at each.
  [[nodiscard]] Result<void> pool(const PilotMode& mode, const std::vector<std::size_t>& members,
                                  const std::string& label);
  // The plaintext U-Net on all sites' images, as many steps and as large batches as the pooled
  // network's.
  [[nodiscard]] Result<void> plain_unet(const networks::Budget& budget);
  // What each site's encoder segments by itself, before it encodes: what pooling adds to.
  [[nodiscard]] Result<void> backbone(const PilotMode& mode);
  // What masks keep through each site's own mask encoder and decoder.
  [[nodiscard]] Result<void> ceiling(const PilotMode& mode);
  // The admission gate of one site, as its own job would run it.
  [[nodiscard]] Result<nlohmann::json> gate(const PilotMode& mode, std::size_t site);

  // [{mode, site, patients, structures: {LV: {...}}}], as `evaluate` says them.
  [[nodiscard]] const nlohmann::json& scores() const { return scores_; }

 private:
  [[nodiscard]] Result<void> score(const std::string& label, const PilotSite& site,
                                   const networks::FloatTensor& probabilities);
  [[nodiscard]] networks::Job job(const std::string& phase, std::int64_t steps);

  JobContext& context_;
  const std::vector<PilotSite>& sites_;
  nlohmann::json scores_ = nlohmann::json::array();
};

}  // namespace cloister::worker
