// libFuzzer over the parsers of what others send or hand over: FUZZ_PARSER names which. Whatever
// the bytes, a parser answers; what it accepts is written back, and is accepted again with the same
// meaning.
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "provenance/dsse.h"
#include "provenance/json.h"
#include "provenance/leaf.h"
#include "provenance/note.h"
#include "provenance/prediction_batch.h"
#include "provenance/proof.h"
#include "provenance/record.h"
#include "provenance/tiles.h"
#include "provenance/tlog_policy.h"
#include "provenance/verify_bundle.h"
#include "provenance/witness.h"

using namespace cloister;
using namespace cloister::provenance;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void envelope(BytesView bytes) {
  const auto read = parse_envelope(as_text(bytes));
  if (!read) return;
  const auto again = parse_envelope(to_json(*read));
  must(again.has_value() && again->payload == read->payload &&
       again->payload_type == read->payload_type);
}

void statement(BytesView bytes) {
  const auto read = parse_statement(bytes);
  if (!read) return;
  const auto written = to_statement(*read);
  must(written.has_value() && parse_statement(*written) == *read);
}

void leaf(BytesView bytes) {
  const auto read = parse_leaf(bytes);
  if (read) must(BytesView(to_bytes(*read)).size() == bytes.size());
}

void note(BytesView bytes) {
  const auto read = parse_note(as_text(bytes));
  if (!read) return;
  must(parse_note(to_text(*read)).has_value());
  (void)parse_checkpoint(read->text);
}

void proof(BytesView bytes) {
  const auto read = parse_tlog_proof(as_text(bytes));
  if (read) must(parse_tlog_proof(to_text(*read)).has_value());
}

void witness(BytesView bytes) {
  const auto read = parse_add_checkpoint(as_text(bytes));
  if (read) must(parse_add_checkpoint(to_text(*read)).has_value());
}

void policy(BytesView bytes) {
  const auto read = parse_tlog_policy(as_text(bytes));
  if (read) must(parse_tlog_policy(to_text(*read)) == *read);
}

void entries(BytesView bytes) { (void)parse_entry_bundle(bytes); }

void prediction(BytesView bytes) {
  (void)parse_prediction(bytes);
  const auto read = parse_prediction_proof(as_text(bytes));
  if (!read) return;
  (void)verify_prediction(*read);
  must(parse_prediction_proof(to_json(*read)) == *read);
}

void json(BytesView bytes) {
  const auto read = parse_json(as_text(bytes));
  if (read) must(parse_json(to_jcs(*read)) == *read);
}

// "name LF length LF content" again and again: a bundle whose files the fuzzer makes up.
void bundle(BytesView bytes) {
  BundleFiles files;
  std::string_view text = as_text(bytes);
  while (!text.empty() && files.size() < 64) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) break;
    const auto name = std::string(text.substr(0, end));
    text.remove_prefix(end + 1);
    const auto stop = std::min(text.find('\f'), text.size());
    files[name] = to_bytes(text.substr(0, stop));
    text.remove_prefix(std::min(stop + 1, text.size()));
  }
  const Verdict verdict = verify_bundle(files, {});
  must(!to_text(verdict).empty());
}

struct Parser {
  std::string_view name;
  void (*run)(BytesView);
};
constexpr Parser parsers[] = {
    {"envelope", envelope}, {"statement", statement},   {"leaf", leaf},
    {"note", note},         {"proof", proof},           {"policy", policy},
    {"tile", entries},      {"prediction", prediction}, {"json", json},
    {"bundle", bundle},     {"witness", witness}};

void (*chosen())(BytesView) {
  const char* wanted = std::getenv("FUZZ_PARSER");
  for (const Parser& parser : parsers) {
    if (wanted != nullptr && parser.name == wanted) return parser.run;
  }
  std::abort();  // FUZZ_PARSER must name one of them
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static void (*const run)(BytesView) = chosen();
  run({data, size});
  return 0;
}
