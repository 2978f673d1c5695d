#include "provenance/verify_bundle.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/bundle_check.h"
#include "provenance/leaf.h"
#include "provenance/lines.h"

namespace cloister::provenance {
namespace {

std::string_view mark(Finding finding) {
  switch (finding) {
    case Finding::proved:
      return "PROVED    ";
    case Finding::not_proved:
      return "NOT PROVED";
    case Finding::failed:
      break;
  }
  return "FAILED    ";
}

std::string_view word(Finding finding) {
  switch (finding) {
    case Finding::proved:
      return "proved";
    case Finding::not_proved:
      return "not_proved";
    case Finding::failed:
      break;
  }
  return "failed";
}

}  // namespace

Verdict verify_bundle(const BundleFiles& files, const TrustAnchors& anchors) {
  return BundleCheck(files, anchors).run();
}

std::string to_text(const Verdict& verdict) {
  std::string out;
  for (const auto& line : verdict.lines) {
    out += fmt::format("{}  {}\n", mark(line.finding), line.text);
  }
  if (verdict.holds()) {
    return out + "\nThe bundle holds: everything marked PROVED follows from the keys you trust.\n";
  }
  return out + fmt::format("\nThe bundle does NOT hold. {}\n", to_string(*verdict.error));
}

std::string to_json(const Verdict& verdict) {
  Json lines = Json::array();
  for (const auto& line : verdict.lines) {
    Json one;
    one.set("code", line.code);
    one.set("count", std::uint64_t{line.count});
    one.set("finding", word(line.finding));
    one.set("text", line.text);
    lines.push(std::move(one));
  }
  Json out;
  out.set("content", verdict.content);
  if (verdict.error) {
    out.set("error", Json()
                         .set("code", verdict.error->code)
                         .set("next", verdict.error->next)
                         .set("what", verdict.error->what));
  }
  out.set("holds", verdict.holds());
  out.set("lines", std::move(lines));
  out.set("log", verdict.origin);
  out.set("records", std::uint64_t{verdict.records_checked});
  out.set("root", verdict.head.root);
  out.set("size", verdict.head.size);
  return to_pretty(out) + "\n";
}

}  // namespace cloister::provenance
