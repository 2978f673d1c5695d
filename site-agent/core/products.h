// What jobs of this site have made, by the digest that the ledger knows it under, and where each
// part of it is kept. Job inputs are looked up here; nothing in it leaves the site.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "member/actions.h"
#include "member/record_outbox.h"
#include "provenance/json.h"
#include "site-agent/core/egress.h"

namespace cloister::site_agent {

struct Product {
  std::string kind;  // of the job that made it
  StudyId study;
  Digest digest;  // as the ledger names it
  std::vector<member::Kept> kept;
  provenance::Json result;  // of the worker; for `encode` the manifest, in canonical form

  // The kept part of that name.
  [[nodiscard]] const member::Kept* part(std::string_view name) const;
};

class Products {
 public:
  // Keys "product/" of `stored` are its own.
  explicit Products(const member::Stored& stored);

  [[nodiscard]] member::Actions add(Product product);
  [[nodiscard]] const Product* find(const Digest& digest) const;
  // The newest product of a kind in a study.
  [[nodiscard]] const Product* newest(const StudyId& study, std::string_view kind) const;
  [[nodiscard]] const std::map<Digest, Product>& all() const { return products_; }

 private:
  std::map<Digest, Product> products_;
  std::map<std::pair<StudyId, std::string>, Digest> newest_;
};

// Views of a product as what the release rules work on.
[[nodiscard]] Manifest manifest_of(const Product& encoded);
[[nodiscard]] GateReport gate_of(const Product& assessed);

}  // namespace cloister::site_agent
