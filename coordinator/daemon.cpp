#include "coordinator/daemon.h"

#include <signal.h>

#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "coordinator/figures.h"
#include "coordinator/genesis.h"
#include "coordinator/serving.h"
#include "crypto/passphrase.h"
#include "crypto/start.h"
#include "storage/rocks_store.h"

namespace cloister::coordinator {
namespace {

Result<crypto::Identity> open_identity(const Config& config) {
  const auto passphrase = [&]() -> Result<crypto::Passphrase> {
    if (!config.passphrase_file.empty())
      return crypto::Passphrase::from_file(config.passphrase_file);
    if (std::getenv("CLOISTER_PASSPHRASE") != nullptr)
      return crypto::Passphrase::from_environment("CLOISTER_PASSPHRASE");
    return crypto::Passphrase::ask("Passphrase of the coordinator's key: ");
  }();
  if (!passphrase) return pass(passphrase);
  return crypto::load_identity(config.identity, *passphrase);
}

Result<Enrolment> stored_enrolment(const storage::Store& store) {
  const auto stored = store.get(enrolments_key());
  if (!stored) return pass(stored);
  if (!*stored) return Enrolment{};
  return Enrolment::from_json(as_text(**stored));
}

Result<void> check_own_key(const Coordinator& core, const crypto::Identity& identity) {
  const Member* own = core.membership().find(identity.id);
  const bool fits = own != nullptr && own->is_active() &&
                    own->role == protocol::Role::coordinator &&
                    own->keys.sign == Bytes(identity.sign.public_key().bytes.begin(),
                                            identity.sign.public_key().bytes.end());
  if (fits) return {};
  return fail(
      Kind::forbidden, "coordinator.not_bound",
      fmt::format("The ledger does not bind this key of '{}' as its coordinator.", identity.id),
      "Use the identity.key and the genesis.json of one and the same consortium.");
}

// Until it is asked to stop, or must begin again: then true.
Result<bool> serve(const Config& config, const Genesis& genesis, const crypto::Identity& identity) {
  SystemClock clock;
  crypto::SystemEntropy entropy;
  transport::EventLoop loop(clock);
  bool is_asked_to_stop = false;
  auto signals = transport::SignalWatch::open(loop, {SIGTERM, SIGINT}, [&](int) {
    is_asked_to_stop = true;
    loop.stop();
  });
  if (!signals) return pass(signals);

  auto store = storage::RocksStore::open(config.home / "ledger");
  if (!store) return pass(store);
  OutsideFile outside(config.home / "checkpoint");
  auto ledger =
      Ledger::open({**store, outside, {genesis.log, {genesis.root}, {}}, identity, entropy});
  if (!ledger) return pass(ledger);
  auto blobs = BlobFolders::open(
      config.home, {.total_bytes = config.blob_quota, .owner_bytes = config.blob_member_quota});
  if (!blobs) return pass(blobs);
  auto facts = (*blobs)->facts();
  if (!facts) return pass(facts);
  auto enrolment = stored_enrolment(**store);
  if (!enrolment) return pass(enrolment);

  Coordinator core(std::move(*facts), std::move(*enrolment));
  Registry registry;
  Serving serving({loop, clock, identity, entropy}, core, {**ledger, **blobs, registry, **store});
  if (auto ok = serving.open_writer(); !ok) return pass(ok);
  if (auto ok = serving.performer().restore(genesis.envelopes, serving.times()); !ok)
    return pass(ok);
  if (auto ok = check_own_key(core, identity); !ok) return pass(ok);
  if (auto ok = serving.open(config); !ok) return pass(ok);
  log_info("serving", {{"members", to_string(config.members)},
                       {"enrolment", to_string(config.enrolment)},
                       {"records", std::to_string((*ledger)->size())}});
  std::optional<Figures> figures;
  if (!config.metrics.empty()) {
    auto metrics = metrics::Metrics::serve(config.metrics);
    if (!metrics) return pass(metrics);
    figures.emplace(std::move(*metrics), loop, core, **ledger, serving);
  }
  loop.run();
  if (auto ok = serving.finish(); !ok) return pass(ok);
  const bool begins_again = serving.begins_again() && !is_asked_to_stop;
  log_info(begins_again ? "begins again" : "stopped",
           {{"records", std::to_string((*ledger)->size())}});
  if (auto ok = serving.outcome(); !ok) return pass(ok);
  return begins_again;
}

}  // namespace

Result<void> run(const Config& config) {
  if (auto ok = crypto::start(); !ok) return ok;
  if (auto ok = make_folder(config.home); !ok) return ok;
  const auto genesis = load_genesis(config.genesis);
  if (!genesis) return pass(genesis);
  const auto identity = open_identity(config);
  if (!identity) return pass(identity);
  while (true) {
    const auto again = serve(config, *genesis, *identity);
    if (!again) return pass(again);
    if (!*again) return {};
  }
}

}  // namespace cloister::coordinator
