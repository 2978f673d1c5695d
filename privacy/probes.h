// Attribute probes (attacker A1): can a simple classifier read something about a patient, such as
// sex or scanner vendor, from the patient's codes?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "networks/slices.h"
#include "privacy/statistics.h"

namespace cloister::privacy {

// What is known of the patients: value of the attribute by patient number. Patients without a value
// are left out.
struct Attribute {
  std::string name;         // "sex", "vendor", ...
  bool warns_only = false;  // the vendor shows in any image of a centre; it warns and never fails
  std::map<std::int64_t, std::string> value;
};

struct CodedPatients {
  const networks::FloatTensor& codes;        // [N, C, h, w]
  const std::vector<std::int64_t>& patient;  // [N]
};

struct Probe {
  std::string attribute;
  std::string value;  // the one that is told best from all others
  double area = 0.5;  // under the curve, on patients that the probe was not trained on
  Interval interval;
  std::size_t positives = 0;
  std::size_t negatives = 0;
};
// A ridge classifier on each patient's means and deviations of channels, trained on `known`, tried
// on `attacked`. Nothing where no value has two patients with and two without it on both sides.
[[nodiscard]] std::vector<Probe> probe(const Attribute& attribute, const CodedPatients& known,
                                       const CodedPatients& attacked);

}  // namespace cloister::privacy
