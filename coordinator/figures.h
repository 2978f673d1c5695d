// What the coordinator shows to Prometheus (docs/operations.md).
#pragma once

#include <memory>

#include "coordinator/core/coordinator.h"
#include "coordinator/ledger.h"
#include "coordinator/serving.h"
#include "metrics/metrics.h"
#include "transport/event_loop.h"

namespace cloister::coordinator {

class Figures {
 public:
  // Sets the figures now and every few seconds on the loop. References must outlive this.
  Figures(std::unique_ptr<metrics::Metrics> metrics, transport::EventLoop& loop,
          const Coordinator& core, const Ledger& ledger, const Serving& serving);
  ~Figures() { *alive_ = false; }
  Figures(const Figures&) = delete;
  Figures& operator=(const Figures&) = delete;

 private:
  void show();

  std::unique_ptr<metrics::Metrics> metrics_;
  transport::EventLoop& loop_;
  const Coordinator& core_;
  const Ledger& ledger_;
  const Serving& serving_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cloister::coordinator
