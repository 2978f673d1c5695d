#include "cli/phantom.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/file.h"
#include "cli/child.h"
#include "cli/program.h"
#include "protocol/worker_frame.h"

namespace cloister::cli {
namespace {

using provenance::Json;

std::string order_of(const PhantomOptions& options, const std::filesystem::path& folder) {
  const Json job = Json::object()
                       .set("job_id", "phantom-" + options.name)
                       .set("kind", "phantom")
                       .set("parameters", Json::object()
                                              .set("folder", folder.string())
                                              .set("name", options.name)
                                              .set("scanner", options.scanner)
                                              .set("training_patients", options.training)
                                              .set("test_patients", options.test)
                                              .set("seed", options.seed));
  Bytes in = protocol::encode_frame(protocol::FrameType::job, as_bytes(to_jcs(job)));
  append(in, protocol::encode_frame(protocol::FrameType::start, {}));
  return std::string(as_text(in));
}

Result<void> outcome_of(const Ran& ran) {
  protocol::FrameReader reader;
  reader.feed(as_bytes(ran.out));
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
    if ((*frame)->type == protocol::FrameType::result) return {};
    if ((*frame)->type != protocol::FrameType::failure) continue;
    const auto json = provenance::parse_json(as_text((*frame)->payload));
    if (!json) break;
    return fail(Kind::unavailable, "phantom.worker", provenance::text_or_empty(*json, "what"),
                provenance::text_or_empty(*json, "next"));
  }
  return fail(Kind::unavailable, "phantom.worker",
              fmt::format("The worker ended with status {} and no result: {}", ran.status,
                          ran.err.substr(0, 300)),
              "Run `cloister doctor`.");
}

}  // namespace

Result<Answer> make_phantoms(const PhantomOptions& options) {
  std::error_code ignored;
  const auto folder = std::filesystem::absolute(options.folder, ignored);
  if (std::filesystem::exists(folder, ignored) && !std::filesystem::is_empty(folder, ignored)) {
    return fail(Kind::conflict, "phantom.folder",
                fmt::format("{} holds something already.", folder.string()),
                "Give a new folder: nothing is overwritten.");
  }
  if (auto made = make_folder(folder); !made) return pass(made);
  auto worker = find_program(options.worker);
  if (!worker) return pass(worker);
  RunOptions run;
  run.in = order_of(options, folder);
  run.limit = Duration{10 * 60'000};
  auto ran = run_program(*worker, {}, run);
  if (!ran) return pass(ran);
  if (auto good = outcome_of(*ran); !good) return pass(good);
  Answer answer;
  answer.text = fmt::format(
      "{}: {} drawn patients for training and {} held out, in the nnU-Net raw layout.\n",
      folder.string(), options.training, options.test);
  answer.json.set("folder", folder.string())
      .set("training", options.training)
      .set("test", options.test);
  return answer;
}

void add_phantom(CLI::App& app, Choice& choice) {
  CLI::App* verb =
      app.add_subcommand("phantom", "Data to practise with: drawn hearts, no patients");
  const auto options = std::make_shared<PhantomOptions>();
  verb->add_option("folder", options->folder, "A new folder")->required();
  verb->add_option("--name", options->name, "Of the site it is for")->capture_default_str();
  verb->add_option("--scanner", options->scanner, "0, 1 or 2: looks like another hospital's")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
  verb->add_option("--patients", options->training, "For training")->capture_default_str();
  verb->add_option("--held-out", options->test, "For evaluation")->capture_default_str();
  verb->add_option("--seed", options->seed, "Another seed draws other hearts")
      ->capture_default_str();
  verb->footer("Example:\n  cloister phantom /srv/heart --name site-b --scanner 1");
  verb->callback(
      [&choice, options] { choice.run = [options] { return make_phantoms(*options); }; });
}

}  // namespace cloister::cli
