// What records of processing, accountings and boards ask about, folded from a study's records.
// Private to this room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exports/export_view.h"
#include "protocol/plan.h"

namespace cloister::exports {

struct GateFinding {
  std::string indicator;
  double value = 0;
  std::string verdict;
};

struct Signed {  // an act of a named person
  std::string who;
  Instant at;
  std::uint64_t record = 0;
  std::string what;  // "release", "standing", "exception: reid", ...
  std::string reason;
};

struct SiteFacts {
  std::uint64_t patients = 0;  // of all splits
  std::uint64_t files = 0;     // images and masks committed to
  std::vector<GateFinding> gate;
  std::vector<GateFinding> membership;  // of the newest network
  std::vector<Signed> permits;
  bool decoder_left = false;  // guided: the trainer can read this site's masks
  std::string policy;         // digest of the newest published
  std::map<std::string, std::pair<double, std::uint64_t>> dice;  // structure -> mean, patients
};

struct WithdrawalFacts {
  std::string site;
  Instant at;
  std::uint64_t record = 0;
  std::string reason;
  std::size_t quarantined = 0;
  std::size_t confirmed = 0;
  std::string outcome;  // "a model without them", the owner's reason, or empty
};

struct Facts {
  std::optional<protocol::StudyPlan> plan;  // the newest
  Instant opened;
  std::map<std::string, SiteFacts> sites;
  std::vector<WithdrawalFacts> withdrawals;
  std::string model;                // digest of the newest
  bool model_is_withdrawn = false;  // something it was made from was taken back
  std::vector<Signed> approvals;
  std::optional<Signed> released;
  std::vector<std::string> ciphers;
  std::vector<std::string> cross_border;
};

// Those whose mask decoder the trainer has, with commas; empty in all but guided studies.
[[nodiscard]] std::string guided_sites(const Facts& facts);
[[nodiscard]] Facts facts_of(const ExportView& view);

}  // namespace cloister::exports
