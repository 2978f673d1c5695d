// Writes of the ledger on a thread of their own, and the way back into the loop: so that the next
// group is judged while the disk is waited for. Each thread lives for one write; what it touches is
// written down at Ledger::write_sealed().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/descriptor.h"
#include "transport/event_loop.h"

namespace cloister::coordinator {

class WriteThread {
 public:
  // `done` is called on the loop, in a wake-up after each write. The loop must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<WriteThread>> open(transport::EventLoop& loop,
                                                                 std::function<void()> done);
  WriteThread(const WriteThread&) = delete;
  WriteThread& operator=(const WriteThread&) = delete;
  ~WriteThread();

  // One at a time. A machine that has no thread to give runs it here.
  void run(std::function<void()> write);
  // Returns when nothing runs beside any more; `done` is not called for what ran.
  void wait();

 private:
  WriteThread(transport::EventLoop& loop, Descriptor bell, std::function<void()> done);
  void finished();

  transport::EventLoop& loop_;
  Descriptor bell_;  // rung by the thread
  std::function<void()> done_;
  std::optional<std::thread> thread_;
  transport::WatchId watch_{};
};

}  // namespace cloister::coordinator
