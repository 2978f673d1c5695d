// cloister-verify: checks an evidence bundle offline and says in words what it proved.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "base/file.h"
#include "base/plain.h"
#include "base/version.h"
#include "crypto/start.h"
#include "provenance/verify_bundle.h"
#include "verify/read_bundle.h"

namespace cloister::verify {
namespace {

struct Options {
  std::string bundle;
  std::string policy;
  std::string roots;
  bool json = false;
};

Result<provenance::TrustAnchors> read_anchors(const Options& options) {
  provenance::TrustAnchors anchors;
  if (!options.policy.empty()) {
    const auto text = read_text(options.policy);
    if (!text) return pass(text);
    auto policy = provenance::parse_tlog_policy(*text);
    if (!policy) return pass(policy);
    anchors.policy = std::move(*policy);
  }
  if (!options.roots.empty()) {
    const auto text = read_text(options.roots);
    if (!text) return pass(text);
    auto roots = provenance::parse_roots(*text);
    if (!roots) return pass(roots);
    anchors.roots = std::move(*roots);
  }
  return anchors;
}

// The verdict's exit status: 0 if the bundle holds, else by the kind of the first failure.
Result<int> run(const Options& options) {
  if (auto started = crypto::start(); !started) return pass(started);
  const auto anchors = read_anchors(options);
  if (!anchors) return pass(anchors);
  const auto files = read_bundle(options.bundle);
  if (!files) return pass(files);
  const provenance::Verdict verdict = provenance::verify_bundle(*files, *anchors);
  const std::string out = options.json ? to_json(verdict) : plain_lines(to_text(verdict));
  std::fwrite(out.data(), 1, out.size(), stdout);
  return verdict.holds() ? 0 : exit_status(verdict.error->kind);
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Checks an evidence bundle of a Cloister ledger, offline.");
  app.footer(
      "Example:\n  cloister-verify audit-bundle --policy my/tlog-policy --roots my/roots\n\n"
      "Without --policy and --roots the anchors of the bundle itself are used, and the verdict "
      "says so.\n"
      "Exit status: 0 the bundle holds; 19 something in it was changed or damaged; 12 a signature "
      "or key\n"
      "is not one that is trusted; 13 too few witnesses; 11 and others: 10 + the kind of the "
      "error.");
  app.add_option("BUNDLE", options.bundle, "Folder of the bundle")->required();
  app.add_option("--policy", options.policy,
                 "Your own copy of the trust policy (c2sp.org/tlog-policy)");
  app.add_option("--roots", options.roots, "Your own copy of the consortium's root keys");
  app.add_flag("--json", options.json, "Print the verdict as JSON");
  app.set_version_flag("--version", "cloister-verify " + std::string(program_version()));
  CLI11_PARSE(app, argc, argv);
  const auto status = run(options);
  if (status) return *status;
  std::fprintf(stderr, "cloister-verify: %s\n", plain_line(to_string(status.error())).c_str());
  return exit_status(status.error().kind);
}

}  // namespace
}  // namespace cloister::verify

int main(int argc, char** argv) {
  try {
    return cloister::verify::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cloister-verify: this is a mistake in the program: %s\n", error.what());
    return 70;
  }
}
