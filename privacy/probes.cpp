#include "privacy/probes.h"

#include <Eigen/Dense>
#include <cmath>
#include <set>

namespace cloister::privacy {
namespace {

using Rows = Eigen::MatrixXd;
using Features = std::map<std::int64_t, Eigen::VectorXd>;  // by patient

// Mean and deviation of every channel over all of a patient's cells.
Features features_of(const CodedPatients& patients) {
  const Eigen::Index channels = patients.codes.shape[1];
  const auto area = static_cast<std::size_t>(patients.codes.shape[2] * patients.codes.shape[3]);
  Features sums;
  std::map<std::int64_t, double> cells;
  for (std::size_t n = 0; n < patients.patient.size(); ++n) {
    auto& sum =
        sums.try_emplace(patients.patient[n], Eigen::VectorXd::Zero(2 * channels)).first->second;
    cells[patients.patient[n]] += static_cast<double>(area);
    for (Eigen::Index c = 0; c < channels; ++c) {
      const float* from =
          patients.codes.data.data() +
          (n * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)) * area;
      for (std::size_t i = 0; i < area; ++i) {
        sum(c) += static_cast<double>(from[i]);
        sum(channels + c) += static_cast<double>(from[i]) * static_cast<double>(from[i]);
      }
    }
  }
  for (auto& [patient, sum] : sums) {
    sum /= cells[patient];
    for (Eigen::Index c = 0; c < channels; ++c) {
      sum(channels + c) = std::sqrt(std::max(0.0, sum(channels + c) - sum(c) * sum(c)));
    }
  }
  return sums;
}

struct Labelled {
  Rows x;
  Eigen::VectorXd y;  // 1 has the value, 0 has another
  [[nodiscard]] Eigen::Index positives() const { return (y.array() > 0.5).count(); }
  [[nodiscard]] bool has_both() const { return positives() >= 2 && y.size() - positives() >= 2; }
};

Labelled labelled(const Features& features, const Attribute& attribute, const std::string& value) {
  std::vector<const Eigen::VectorXd*> rows;
  std::vector<double> y;
  for (const auto& [patient, feature] : features) {
    const auto known = attribute.value.find(patient);
    if (known == attribute.value.end() || known->second.empty()) continue;
    rows.push_back(&feature);
    y.push_back(known->second == value ? 1.0 : 0.0);
  }
  Labelled made;
  if (rows.empty()) return made;
  made.x.resize(static_cast<Eigen::Index>(rows.size()), rows.front()->size());
  made.y.resize(static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    made.x.row(static_cast<Eigen::Index>(i)) = rows[i]->transpose();
    made.y(static_cast<Eigen::Index>(i)) = y[i];
  }
  return made;
}

// Scores of `attacked`; few patients and many features, so the dual form.
Eigen::VectorXd ridge_scores(const Labelled& known, const Rows& attacked) {
  const Eigen::RowVectorXd mean = known.x.colwise().mean();
  const Rows centred = known.x.rowwise() - mean;
  const Eigen::RowVectorXd deviation =
      (centred.array().square().colwise().mean().sqrt() + 1e-9).matrix();
  const Rows x = centred.array().rowwise() / deviation.array();
  Rows gram = x * x.transpose();
  gram.diagonal().array() += 0.1 * gram.trace() / static_cast<double>(gram.rows()) + 1e-9;
  const Eigen::VectorXd y = known.y.array() - known.y.mean();
  const Eigen::VectorXd dual = gram.ldlt().solve(y);
  const Rows there = (attacked.rowwise() - mean).array().rowwise() / deviation.array();
  return there * (x.transpose() * dual);
}

Probe tried(const Labelled& known, const Labelled& attacked) {
  const Eigen::VectorXd scores = ridge_scores(known, attacked.x);
  std::vector<double> positives, negatives;
  for (Eigen::Index i = 0; i < scores.size(); ++i) {
    (attacked.y(i) > 0.5 ? positives : negatives).push_back(scores(i));
  }
  Probe found;
  found.area = area_under_curve(positives, negatives);
  found.positives = positives.size();
  found.negatives = negatives.size();
  found.interval = area_interval(found.area, found.positives, found.negatives);
  return found;
}

}  // namespace

std::vector<Probe> probe(const Attribute& attribute, const CodedPatients& known,
                         const CodedPatients& attacked) {
  const Features of_known = features_of(known);
  const Features of_attacked = features_of(attacked);
  std::set<std::string> values;
  for (const auto& [patient, value] : attribute.value) values.insert(value);
  std::vector<Probe> best;
  for (const std::string& value : values) {
    const Labelled train = labelled(of_known, attribute, value);
    const Labelled test = labelled(of_attacked, attribute, value);
    if (train.y.size() == 0 || test.y.size() == 0 || !train.has_both() || !test.has_both())
      continue;
    Probe found = tried(train, test);
    found.attribute = attribute.name;
    found.value = value;
    if (best.empty() || found.area > best.front().area) best = {std::move(found)};
  }
  return best;
}

}  // namespace cloister::privacy
