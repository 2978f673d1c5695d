// May a network be released? Whether its training patients can be recognised by its behaviour is
// tested at every site whose codes it learned from, where the true masks are, and stands in that
// site's model.evaluated. One rule, for whoever admits a release and whoever acts on one:
//
//   release.not_evaluated  a site that it learned from has reported nothing of this very network
//   release.not_tested     a site has evaluated it, but its report holds no such test: waiting does
//                          not help, the owner's next plan does
//   release.failed         a test failed, and no steward of that site signed an exception
//                          (permit.granted, type exception) for this network, indicator and value
//   release.reason         a test says warn, and neither the release gives a reason nor the site an
//                          exception
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "provenance/record.h"

namespace cloister::provenance {

// What the records say of one network's tests. A value; the records must have been verified.
class MembershipTests {
 public:
  explicit MembershipTests(const Digest& model) : model_(model) {}

  // In the ledger's order. Records about anything else change nothing.
  void take(const Record& record);
  // `sites`: those whose codes the network learned from; none is refused. `reason`: of the release.
  [[nodiscard]] Result<void> allow(const std::set<std::string>& sites,
                                   const std::string& reason) const;
  // Indicators of the site's newest report that no exception covers, by name: those that failed,
  // and those that did not pass.
  struct Open {
    std::set<std::string> failed, warned;
    bool is_evaluated = false;
    bool is_tested = false;
  };
  [[nodiscard]] Open open_at(const std::string& site) const;

 private:
  struct Said {
    std::string indicator, verdict;
    double value = 0;
  };
  using Excepted = std::set<std::pair<std::string, double>>;

  Digest model_;
  std::map<std::string, std::vector<Said>> said_;  // by site
  std::map<std::string, Excepted> excepted_;       // by site
};

}  // namespace cloister::provenance
