#include "privacy/membership.h"

#include <algorithm>
#include <map>
#include <set>

#include "privacy/indicators.h"

namespace cloister::privacy {
namespace {

// A low loss speaks for membership, so scores are negative losses.
std::vector<double> slice_scores(std::span<const SliceLoss> losses) {
  std::vector<double> scores;
  for (const SliceLoss& one : losses) scores.push_back(-one.loss);
  return scores;
}

std::vector<double> patient_scores(std::span<const SliceLoss> losses) {
  std::map<std::int64_t, std::pair<double, double>> sums;
  for (const SliceLoss& one : losses) {
    sums[one.patient].first -= one.loss;
    sums[one.patient].second += 1;
  }
  std::vector<double> scores;
  for (const auto& [patient, sum] : sums) scores.push_back(sum.first / sum.second);
  return scores;
}

std::string gallery_text(std::size_t members, std::size_t others) {
  return fmt::format("{} patients that the network was trained on, {} that it never saw", members,
                     others);
}

}  // namespace

std::vector<Indicator> membership(std::span<const SliceLoss> members,
                                  std::span<const SliceLoss> others,
                                  std::span<const GateThreshold> thresholds) {
  const auto inside = patient_scores(members);
  const auto outside = patient_scores(others);
  const double area = area_under_curve(inside, outside);
  Indicator auc = make_indicator(thresholds, "membership-auc", area,
                                 area_interval(area, inside.size(), outside.size()));
  auc.attacker = "A1";
  auc.chance = 0.5;
  auc.samples = inside.size() + outside.size();
  // The smaller side says how much is known.
  auc.patients = std::min(inside.size(), outside.size());
  auc.gallery = gallery_text(inside.size(), outside.size());
  auc.plain = fmt::format(
      "Somebody who has a patient's codes and the released network guesses whether this patient "
      "was in its training, because the network is better on patients it has seen: the guess "
      "orders a pair of patients rightly in {:.0f} % of cases, blind guessing in 50 %.",
      100 * area);
  warn_if_few(auc);

  const auto in_slices = slice_scores(members);
  const auto out_slices = slice_scores(others);
  const double found = true_positives_at(in_slices, out_slices, 0.01);
  const auto hits = static_cast<std::size_t>(found * static_cast<double>(in_slices.size()) + 0.5);
  Indicator tpr =
      make_indicator(thresholds, "membership-tpr", found, wilson_interval(hits, in_slices.size()));
  tpr.attacker = "A1";
  tpr.chance = 0.01;
  tpr.samples = in_slices.size() + out_slices.size();
  tpr.patients = auc.patients;
  tpr.gallery = gallery_text(inside.size(), outside.size());
  tpr.plain = fmt::format(
      "The same attacker accuses only when nearly sure (one slice in a hundred by mistake) and "
      "then finds {:.1f} % of the slices that were trained on; blind guessing finds 1 %.",
      100 * found);
  // One in a hundred cannot be told from fewer than a hundred.
  if (out_slices.size() < 100 && tpr.verdict == Verdict::pass) tpr.verdict = Verdict::warn;
  warn_if_few(tpr);
  return {auc, tpr};
}

}  // namespace cloister::privacy
