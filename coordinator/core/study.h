// One study as the ledger tells it: its plan, jobs, encoded datasets and models.
//
// A fold: apply() is total (a record that contradicts what is there changes nothing) and
// deterministic, so a coordinator that starts again replays the ledger and is where it was.
// study_rules.h decides what is admitted in the first place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "coordinator/core/blob_facts.h"
#include "coordinator/core/job.h"
#include "coordinator/core/membership.h"
#include "coordinator/core/placed.h"
#include "coordinator/core/withdrawals.h"
#include "protocol/plan.h"

namespace cloister::coordinator {

// One patient's codes, sealed.
struct Shard {
  std::uint32_t number = 0;
  Digest digest;  // of the sealed bytes
  std::uint64_t bytes = 0;
  std::string purpose;  // "training", "tuning", "evaluation", "prediction"
  friend bool operator==(const Shard&, const Shard&) = default;
};

// A permit by which a dataset may leave.
struct ReleasePermit {
  Digest permit;  // leaf hash
  std::uint64_t index = 0;
  std::string recipient;
  friend bool operator==(const ReleasePermit&, const ReleasePermit&) = default;
};

// An encoded dataset from its manifest to its admission.
struct Dataset {
  Digest manifest;
  std::string site;
  std::uint32_t plan_version = 1;
  bool on_demand = false;  // a prediction request
  std::string manifest_json;
  std::vector<Shard> shards;
  std::uint64_t index = 0;  // of dataset.encoded
  std::optional<Digest> report;
  std::map<std::string, double> not_passed;  // indicators of the newest report that did not pass
  // Indicators excepted, with the value a person saw. A new report with another value needs a new
  // permit.
  std::vector<std::pair<std::string, double>> exceptions;
  std::optional<ReleasePermit> release;
  bool sent = false;
  bool received = false;
  bool admitted = false;
  bool quarantined = false;

  // Reported, and every indicator passed or excepted. Fails closed.
  [[nodiscard]] bool gate_is_open() const;
  [[nodiscard]] std::vector<std::string> indicators_to_except() const;
  [[nodiscard]] std::uint64_t bytes() const;
  friend bool operator==(const Dataset&, const Dataset&) = default;
};

struct Model {
  std::uint32_t version = 1;
  Digest digest;
  std::set<Digest> manifests;  // what it was trained on
  std::uint64_t index = 0;
  std::map<std::string, Digest> evaluations;  // by site
  std::set<std::string> untested;             // sites whose evaluation holds no membership test
  std::set<std::string> approvals;            // sites whose steward approved its release
  bool released = false;
  bool quarantined = false;
  // Places in the ledger of what its release stands on: who acts on the release reads them itself.
  std::vector<std::uint64_t> evidence;
  friend bool operator==(const Model&, const Model&) = default;
};

// Sealed predictions from the trainer to a site.
struct Replies {
  JobId job;
  std::string site;
  std::vector<protocol::NamedDigest> blobs;
  friend bool operator==(const Replies&, const Replies&) = default;
};

class Study {
 public:
  // `opened` is a study.opened record whose plan was checked.
  Study(protocol::StudyPlan plan, const Placed& opened);

  // `signer_site`: the site of the record's signer by its key binding, or empty.
  void apply(const Placed& placed, const std::string& signer_site);

  [[nodiscard]] const StudyId& id() const { return plan_.study; }
  [[nodiscard]] const protocol::StudyPlan& plan() const { return plan_; }
  [[nodiscard]] const Digest& plan_digest() const { return plan_digest_; }
  [[nodiscard]] const Bytes& opened() const { return opened_; }
  // Later envelopes that bind members of this site ("": of no site, who see all).
  [[nodiscard]] std::vector<Bytes> binding_for(const std::string& site) const;
  [[nodiscard]] bool takes_part(const std::string& site) const;
  [[nodiscard]] bool is_closed() const { return !closed_reason_.empty(); }
  // "open", "encoding", "training", "evaluation", "released", "closed"; "withdrawn" while what its
  // newest model was made from is withdrawn and no other is being trained.
  [[nodiscard]] std::string phase() const;

  [[nodiscard]] const std::map<JobId, Job>& jobs() const { return jobs_; }
  [[nodiscard]] const Job* job(const JobId& id) const;
  // In the order in which they were offered.
  [[nodiscard]] const std::vector<JobId>& jobs_at(const std::string& site) const;
  [[nodiscard]] const std::vector<JobId>& jobs_of(const MemberId& assignee) const;
  // The job of the site's chain under the present plan; null if it was never offered.
  [[nodiscard]] const Job* chain_job(const std::string& site, std::string_view kind) const;
  [[nodiscard]] const std::map<Digest, Dataset>& datasets() const { return datasets_; }
  [[nodiscard]] const Dataset* dataset(const Digest& manifest) const;
  // The site's dataset under the present plan, if it was encoded.
  [[nodiscard]] const Dataset* site_dataset(const std::string& site) const;
  [[nodiscard]] std::vector<const Dataset*> admitted() const;  // of the present plan, by site
  [[nodiscard]] const std::vector<Model>& models() const { return models_; }
  [[nodiscard]] const Model* newest_model() const;
  [[nodiscard]] const std::map<JobId, Replies>& replies() const { return replies_; }
  // Whether a prediction on demand was offered for this request, under any model.
  [[nodiscard]] bool has_prediction_job(const Digest& manifest) const;
  // A standing permit by a person of the site covers prediction requests.
  [[nodiscard]] bool has_standing_permit(const std::string& site) const;
  // The dataset a shard belongs to; null if unknown.
  [[nodiscard]] const Dataset* dataset_of_shard(const Digest& shard) const;
  // The site that a reply is sealed to; null if unknown.
  [[nodiscard]] const std::string* reply_site(const Digest& reply) const;
  [[nodiscard]] const std::vector<Withdrawal>& withdrawals() const { return withdrawals_; }
  [[nodiscard]] bool is_quarantined(const Digest& digest) const;
  // Ended without a product, and what it reads is quarantined: it can never be taken up again.
  [[nodiscard]] bool is_lost(const Job& job) const;
  // What the site registered or encoded under the present plan was taken back.
  [[nodiscard]] bool has_withdrawn_data(const std::string& site) const;
  // Whether the record names anything that this study knows.
  [[nodiscard]] bool knows_any_of(const provenance::Record& record) const;
  // Manifests of the site, under any plan, in the order in which they were encoded.
  [[nodiscard]] const std::vector<Digest>& manifests_of(const std::string& site) const;

  // What members of the site (or, for "", of no site) see has changed when this has.
  [[nodiscard]] std::uint64_t version_for(const std::string& site) const;

  friend bool operator==(const Study&, const Study&) = default;

 private:
  friend struct FoldFields;  // writes it down and reads it again
  Study() = default;
  void amend(const Placed& placed);
  void on_job_record(const Placed& placed);
  void on_dataset_encoded(const Placed& placed, const std::string& site);
  void on_gate_reported(const Placed& placed);
  void on_permit(const Placed& placed, const std::string& site);
  void on_transfer(const Placed& placed);
  void on_model(const Placed& placed, const std::string& site);
  void on_replies(const Placed& placed);
  void on_quarantine(const Placed& placed, const std::string& site);
  void touch(const std::string& site, std::uint64_t index);
  void touch_job(const std::string& site, std::uint64_t index);
  void admit_submitted(const Placed& placed);
  [[nodiscard]] Dataset* named_dataset(const provenance::Record& record);
  [[nodiscard]] Model* named_model(const provenance::Record& record);

  protocol::StudyPlan plan_;
  Digest plan_digest_;
  Bytes opened_;
  struct Binding {
    std::string site;  // whom it concerns; empty: everybody
    Bytes envelope;
    friend bool operator==(const Binding&, const Binding&) = default;
  };
  std::vector<Binding> binding_;
  std::string closed_reason_;
  std::map<JobId, Job> jobs_;
  std::map<std::string, std::vector<JobId>> jobs_by_site_;
  std::map<MemberId, std::vector<JobId>> jobs_by_assignee_;
  std::map<Digest, Dataset> datasets_;
  std::map<std::string, std::vector<Digest>> manifests_by_site_;
  std::map<Digest, std::string> reply_site_;
  std::map<Digest, Digest> shard_owner_;  // shard -> manifest
  std::vector<Model> models_;
  std::map<JobId, Replies> replies_;
  std::map<std::string, Digest> standing_;  // site -> permit
  std::vector<Withdrawal> withdrawals_;
  std::map<std::string, std::uint64_t> versions_;
  std::uint64_t version_ = 0;      // of what every member of the study sees
  std::uint64_t any_version_ = 0;  // of anything in it
};

// What the job waits for and whose move it is, in words.
[[nodiscard]] std::string waits_for(const Study& study, const Job& job, const BlobFacts& facts);
// The same for a site of the study as a whole, between and after its jobs too.
// `now` tells whether the plan's deadline is over: then nobody waits for an offer, but for the
// owner.
[[nodiscard]] std::string site_waits_for(const Study& study, const std::string& site,
                                         const BlobFacts& facts, Instant now);

}  // namespace cloister::coordinator
