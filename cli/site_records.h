// The records that people of a site sign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"
#include "provenance/record.h"

namespace cloister::cli {

// A job as it was offered.
struct OfferedJob {
  JobId job;
  StudyId study;
  Digest spec;
};
// What a person decided: "approve", "resume" or "retry", else "deny", "hold" or "abort".
struct Decision {
  std::string word;
  std::string reason;  // of the second three
};
// Whether it means anything for a job in this state ("decide.moot"): nothing is signed that changes
// nothing.
[[nodiscard]] Result<void> check_decision(const std::string& job, std::string_view state,
                                          const Decision& decision);
[[nodiscard]] provenance::Record decision_record(const OfferedJob& job, const Decision& decision);

// An encoded dataset that waits for a person.
struct Leaving {
  StudyId study;
  std::string site;
  Digest manifest;
  Digest report;               // of the gate
  std::string recipient;       // the trainer
  std::string recipient_seal;  // its X25519 key, hex, as the signed plan names it
};
[[nodiscard]] provenance::Record release_permit(const Leaving& leaving, const std::string& reason);
// A guided study: lets the site's mask decoder out, with which the trainer can read its masks.
[[nodiscard]] provenance::Record decoder_permit(const Leaving& leaving, const std::string& reason);
// Lets the codes out although these indicators did not pass, with the values a person saw.
[[nodiscard]] provenance::Record exception_permit(const Leaving& leaving,
                                                  std::vector<provenance::Indicator> indicators,
                                                  const std::string& reason);
// Lets a network be released although its training patients can be recognised by its behaviour:
// `about` holds the network's digest as its manifest, and the site's evaluation as its report.
[[nodiscard]] provenance::Record model_exception(const Leaving& about,
                                                 std::vector<provenance::Indicator> indicators,
                                                 const std::string& reason);
// The values in such an exception are those of the site's newest evaluation: `evaluated` is the
// network that it is of, as the agent tells it. "exception.model" if another one is asked for.
[[nodiscard]] Result<void> check_evaluated(const Digest& asked, const std::string& evaluated);
// Lets codes of single images out for predictions until it is revoked. Manifest and report are not
// used.
[[nodiscard]] provenance::Record standing_permit(const Leaving& leaving, const std::string& reason);

// Takes registered data back, with everything that was made from them.
[[nodiscard]] provenance::Record withdrawal(const StudyId& study,
                                            const std::vector<Digest>& datasets,
                                            const std::string& reason);
[[nodiscard]] provenance::Record model_approval(const StudyId& study, const Digest& model);
[[nodiscard]] provenance::Record published_policy(const std::string& site, const std::string& text);

}  // namespace cloister::cli
