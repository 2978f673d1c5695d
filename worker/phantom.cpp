#include "imaging/phantom.h"

#include "worker/kinds.h"

namespace cloister::worker {

using nlohmann::json;

Result<json> phantom(JobContext& context) {
  const JobDocument& job = context.job();
  const imaging::PhantomSite defaults;
  const auto folder = job.text("folder");
  const auto name = job.text("name", defaults.name);
  const auto scanner = job.whole("scanner", defaults.scanner);
  const auto training =
      job.whole("training_patients", static_cast<std::int64_t>(defaults.training_patients));
  const auto test = job.whole("test_patients", static_cast<std::int64_t>(defaults.test_patients));
  const auto seed = job.whole("seed", static_cast<std::int64_t>(defaults.seed));
  const auto field = job.real("field_mm", defaults.field_mm);
  const auto slices = job.whole("slices_max", static_cast<std::int64_t>(defaults.slices_max));
  for (const auto* text : {&folder, &name}) {
    if (!*text) return pass(*text);
  }
  for (const auto* number : {&scanner, &training, &test, &seed, &slices}) {
    if (!*number) return pass(*number);
    if (**number < 0) return tl::unexpected<Error>(bad_job("a number is negative"));
  }
  if (!field) return pass(field);
  if (folder->empty() || folder->front() != '/') {
    return tl::unexpected<Error>(bad_job("'folder' is not absolute"));
  }
  imaging::PhantomSite site;
  site.name = *name;
  site.scanner = static_cast<int>(std::min<std::int64_t>(*scanner, 1000));
  site.training_patients = static_cast<std::size_t>(*training);
  site.test_patients = static_cast<std::size_t>(*test);
  site.seed = static_cast<std::uint64_t>(*seed);
  site.field_mm = *field;
  site.slices_max = static_cast<std::size_t>(*slices);
  if (auto made = imaging::generate_phantom_site(site, *folder); !made) {
    return pass(std::move(made));
  }
  const std::size_t patients = site.training_patients + site.test_patients;
  return json{{"folder", *folder}, {"patients", patients}, {"cases", 2 * patients}};
}

}  // namespace cloister::worker
