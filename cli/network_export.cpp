#include "cli/network_export.h"

#include <algorithm>
#include <functional>

#include "base/file.h"
#include "crypto/hash.h"
#include "onnx-export/onnx_export.h"
#include "protocol/plan.h"
#include "provenance/ledger.h"
#include "provenance/lineage.h"

namespace cloister::cli {
namespace {

using provenance::Record;
using provenance::RecordKind;
using Records = std::vector<provenance::StoredRecord>;

constexpr std::uint64_t network_bytes_max = 1ULL << 30;
constexpr std::uint32_t pixels_per_code = 16;  // of a side

Result<Bytes> network_of(const report::ModelFacts& facts, const std::filesystem::path& home) {
  const auto path = home / "models" / facts.digest;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return fail(
        Kind::not_found, "model.not_here",
        fmt::format("{} does not hold the network {}.", home.string(), facts.digest.substr(0, 12)),
        "Give --trainer the home of this study's trainer (the folder with trainer.toml), "
        "on the trainer's machine.");
  auto bytes = read_file(path, network_bytes_max);
  if (bytes && to_hex(crypto::sha256(*bytes)) != facts.digest)
    return fail(Kind::corrupt, "model.other_file",
                fmt::format("{} is not the network that the ledger names.", path.string()),
                "Look whether the trainer's home was restored from a backup.");
  return bytes;
}

// The newest record of this kind that the question is true of, or none.
const Record* newest(const Records& records, RecordKind kind,
                     const std::function<bool(const Record&)>& question) {
  const auto found = std::find_if(records.rbegin(), records.rend(), [&](const auto& stored) {
    return stored.record && stored.record->kind == kind && question(*stored.record);
  });
  return found == records.rend() ? nullptr : &*found->record;
}

bool is_about(const Record& record, const Digest& digest) {
  return std::any_of(record.subjects.begin(), record.subjects.end(),
                     [&](const auto& one) { return one.digest == digest; });
}

bool is_made_from(const Record& made, const Record& from) {
  return std::any_of(made.inputs.begin(), made.inputs.end(),
                     [&](const auto& input) { return is_about(from, input.digest); });
}

// The plan under which the job was offered that made the network: a later one may have other sites.
Result<protocol::StudyPlan> trained_under(const Replica& replica, const StudyId& study,
                                          const report::ModelFacts& facts) {
  const auto model = digest_from_hex(facts.digest);
  if (!model) return pass(model);
  const auto history = provenance::history(replica.ledger, study);
  if (!history) return pass(history);
  const Records& records = history->records;
  const Record* made = newest(records, RecordKind::model_produced,
                              [&](const Record& one) { return is_about(one, *model); });
  const Record* offered = newest(records, RecordKind::job_submitted, [&](const Record& one) {
    return made != nullptr && one.job == made->job;
  });
  const Record* opened = newest(records, RecordKind::study_opened, [&](const Record& one) {
    return offered != nullptr && is_made_from(*offered, one);
  });
  const provenance::Json* plan = opened == nullptr ? nullptr : opened->details.find("plan");
  if (plan == nullptr)
    return fail(Kind::not_found, "model.no_plan",
                "The ledger does not say under which plan the network was trained.",
                "Without --trainer the model card alone is written.");
  return protocol::plan_from_json(plan->text() != nullptr ? *plan->text() : to_jcs(*plan));
}

onnx_export::About about(const protocol::StudyPlan& plan, const report::ModelFacts& facts) {
  const std::int64_t side = plan.budget.size_px / pixels_per_code;
  return {plan.sites,
          {side, side},
          {{"network", facts.digest},
           {"lineage", facts.lineage_digest},
           {"study", plan.study.text()},
           {"study_version", std::to_string(plan.version)}}};
}

}  // namespace

Result<std::vector<report::ExportedFile>> export_network(const Replica& replica,
                                                         const report::ModelFacts& facts,
                                                         const NetworkExport& wanted) {
  if (!facts.released)
    return fail(
        Kind::forbidden, "model.not_released",
        "The network was not released, so it is not exported.",
        "`cloister study release` releases it after the sites' approvals; without --trainer the "
        "model card alone is written.");
  const auto network = network_of(facts, wanted.trainer_home);
  if (!network) return pass(network);
  const auto plan = trained_under(replica, wanted.study, facts);
  if (!plan) return pass(plan);
  const auto models = onnx_export::to_onnx(*network, about(*plan, facts));
  if (!models) return pass(models);
  std::vector<report::ExportedFile> written;
  const auto put = [&](const std::string& name, BytesView bytes) {
    written.push_back({name, to_hex(crypto::sha256(bytes))});
    return write_file(wanted.folder / name, bytes);
  };
  if (auto done = put("network.safetensors", *network); !done) return pass(done);
  for (const auto& model : *models) {
    const std::string name =
        model.site.empty() ? "network.onnx" : "network-" + model.site + ".onnx";
    if (auto done = put(name, model.bytes); !done) return pass(done);
  }
  return written;
}

}  // namespace cloister::cli
