// The fuzzer's seeds: good examples of every format, written out of a small study. Each must be
// accepted by the parser that it seeds, or the fuzzer would begin with nothing.
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "protocol/plan.h"
#include "provenance/bundle.h"
#include "provenance/erasure.h"
#include "provenance/leaf.h"
#include "provenance/tiles.h"
#include "provenance/verify_bundle.h"
#include "tensorfile/channels.h"
#include "tests/protocol/samples.h"
#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::World;

namespace {

void put(const std::string& parser, const std::string& name, BytesView content) {
  const std::filesystem::path folder = std::filesystem::path(SEEDS_FOLDER) / parser;
  REQUIRE(make_folder(folder).has_value());
  REQUIRE(write_file(folder / name, content).has_value());
}

std::string flat(const BundleFiles& files) {
  std::string text;
  for (const auto& [name, content] : files) {
    text += name + "\n" + std::string(as_text(content)) + "\f";
  }
  return text;
}

}  // namespace

TEST_CASE("every parser of the ledger's formats has seeds that it accepts", "[fuzz]") {
  World world;
  world.run_study();
  const Note note = world.checkpoint();
  const auto policy = default_policy(world.log_key(), world.witnesses());
  const std::uint64_t size = ledger_head(world.ledger)->size;
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto stored = stored_record(world.ledger, i).value();
    const Bytes leaf = leaf_at(world.ledger, i).value();
    const std::string proof = to_text(prove_record(world.ledger, i, note).value());
    REQUIRE(parse_envelope(to_json(*stored.envelope)).has_value());
    REQUIRE(parse_statement(stored.envelope->payload).has_value());
    REQUIRE(parse_leaf(leaf).has_value());
    REQUIRE(parse_tlog_proof(proof).has_value());
    const std::string name = std::to_string(i);
    put("envelope", name, as_bytes(to_json(*stored.envelope)));
    put("statement", name, stored.envelope->payload);
    put("json", name, stored.envelope->payload);
    put("leaf", name, leaf);
    put("proof", name, as_bytes(proof));
  }
  put("note", "checkpoint", as_bytes(to_text(note)));
  put("policy", "two-sites", as_bytes(to_text(policy)));
  REQUIRE(parse_tlog_policy(to_text(policy)) == policy);
  const AddCheckpoint request{3, prove_consistency(world.ledger, 3, size).value(), note};
  REQUIRE(parse_add_checkpoint(to_text(request)).has_value());
  put("witness", "from-three", as_bytes(to_text(request)));
  const auto inner = prove_prediction(world.predictions, 1).value();
  put("prediction", "proof", as_bytes(to_json(inner)));
  put("prediction", "entry", to_bytes(world.predictions[0]));

  BundlePlan plan{note, policy, world.rules.roots};
  const Answer answer = explain(world.ledger, world.predictions[1].output).value();
  plan.answer = &answer;
  BundleFiles files = make_bundle(world.ledger, plan).value();
  for (const auto& [name, content] : files) {
    if (!name.starts_with("tile/entries")) continue;
    REQUIRE(parse_entry_bundle(content).has_value());
    put("tile", "entries", content);
  }
  // The fuzzer's inputs are small: no log, no copies in other forms.
  std::erase_if(files, [](const auto& entry) {
    const auto& name = entry.first;
    return name.starts_with("sigstore/") || name.starts_with("README") ||
           name.starts_with("signify/") || name.starts_with("tile/");
  });
  const std::string text = flat(files);
  put("bundle", "small", as_bytes(text).first(std::min<std::size_t>(text.size(), 60'000)));

  // A record whose words were erased, with its erasure and little else.
  const std::uint64_t erased = world.records.at("a.release").index;
  Record erasure = erasure_of(stored_record(world.ledger, erased).value()).value();
  erasure.actor = world.members.at("steward-a").actor;
  const std::uint64_t by = world.add(erasure).index;
  BundleFiles whole =
      make_bundle(world.ledger, {world.checkpoint(), policy, world.rules.roots}).value();
  std::erase_if(whole, [&](const auto& entry) {
    const auto& name = entry.first;
    const bool is_of_it = name.find(fmt::format("/{}.", erased)) != std::string::npos ||
                          name.find(fmt::format("/{}.", by)) != std::string::npos;
    return !(name == "checkpoint" || name.starts_with("trust/") || name.starts_with("keys/") ||
             (is_of_it && !name.starts_with("sigstore/")));
  });
  REQUIRE(whole.contains(fmt::format("erased/{}.dsse.json", erased)));
  put("bundle", "erased", as_bytes(flat(whole)));
}

TEST_CASE("every message between processes seeds the fuzzer and is accepted", "[fuzz]") {
  std::size_t count = 0;
  for (const auto& request : protocol::samples::requests()) {
    Bytes seed{static_cast<std::uint8_t>(protocol::method_of(request))};
    append(seed, protocol::encode(request));
    REQUIRE(protocol::decode_request(seed[0], BytesView(seed).subspan(1)).has_value());
    put("message", fmt::format("request-{}", count++), seed);
  }
  for (const auto& reply : protocol::samples::replies()) {
    const std::uint32_t method = protocol::method_of(reply);
    Bytes seed{static_cast<std::uint8_t>(method - 1000 + 128)};
    append(seed, protocol::encode(reply));
    REQUIRE(protocol::decode_reply(method, BytesView(seed).subspan(1)).has_value());
    put("message", fmt::format("reply-{}", count++), seed);
  }
  const Bytes bytes = protocol::encode_header(protocol::samples::header());
  REQUIRE(protocol::decode_header(bytes).has_value());
  put("header", "header", bytes);
  put("header", "envelope", protocol::encode_envelope({bytes, Bytes(64, 1), Bytes(3, 2)}));
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted("heart");
  plan.budget = protocol::budget_preset("quick").value();
  put("plan", "plan", as_bytes(protocol::to_json(plan)));
}

TEST_CASE("a tensor file seeds the fuzzer and is accepted", "[fuzz]") {
  tensorfile::TensorFile file;
  file.metadata["kind"] = "network";
  file.tensors["weight"] = {tensorfile::DType::f32, {2, 3}, Bytes(24, 0)};
  const Bytes bytes = tensorfile::write_tensor_file(file);
  REQUIRE(tensorfile::read_tensor_file(bytes).has_value());
  put("safetensors", "small", bytes);
  tensorfile::TensorFile packed;
  std::vector<float> codes(std::size_t{128} * 4);
  codes[0] = 0.5f;
  codes[5] = -0.5f;
  tensorfile::put_channels(packed, "codes", {1, 128, 2, 2}, codes);
  const Bytes few = tensorfile::write_tensor_file(packed);
  const auto view = tensorfile::read_tensor_file(few);
  REQUIRE(view.has_value());
  CHECK(tensorfile::channels_of(*view, "codes", 128)->data == codes);
  put("safetensors", "packed", few);
}
