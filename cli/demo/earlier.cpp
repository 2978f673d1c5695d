// A run that finished earlier and is asked for again: nothing is done twice, nothing is thrown
// away.
#include <fmt/format.h>

#include "base/file.h"
#include "cli/demo/world.h"
#include "cli/json_read.h"

namespace cloister::cli {

using provenance::Json;
using provenance::text_or_empty;

Result<Answer> earlier_outcome(const World& world) {
  const auto file = world.out / "report.json";
  auto text = read_text(file);
  if (!text) return pass(text);
  auto report = provenance::parse_json(*text, {.bytes_max = 64U << 20, .values_max = 1'000'000});
  if (!report) return pass(report);
  const Json mean = object_at(*report, "study_mean");
  const Json verify = object_at(*report, "verify");
  const std::string page = (world.out / "report.html").string();
  Answer answer;
  answer.text = fmt::format(
      "This demo was finished at {}: mean DSC {:.3f} over {:.0f} held-out patients; the evidence "
      "{}.\nLook first at  {}\nTo run it once more, throwing this away, add --fresh; to keep it, "
      "give another --out.\n",
      text_or_empty(*report, "made_at"), number_at(mean, "dsc"), number_at(mean, "patients"),
      text_or_empty(verify, "verdict"), page);
  answer.json.set("report", file.string())
      .set("page", page)
      .set("verify", text_or_empty(verify, "verdict"))
      .set("seconds", number_at(*report, "seconds"))
      .set("earlier", true);
  return answer;
}

}  // namespace cloister::cli
