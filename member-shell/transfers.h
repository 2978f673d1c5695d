// Performs Upload and Download, two at a time, and tells the core.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <variant>

#include "member-shell/pacer.h"
#include "member-shell/places.h"
#include "member/actions.h"
#include "transport/transfer.h"

namespace cloister::member_shell {

class Transfers {
 public:
  using Tell = std::function<void(member::Event)>;  // never from within add() or stop()

  // References must outlive this.
  Transfers(transport::EventLoop& loop, transport::Connection& connection, Places& places,
            Tell tell);
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  // Of all uploads together, as an average; 0: no limit.
  void limit_uploads(std::uint64_t bytes_per_second) { pacer_ = Pacer(bytes_per_second); }
  void add(const member::Upload& upload);
  void add(const member::Download& download);
  void stop(const JobId& job);

 private:
  struct Moving;
  void start_next();
  void start_upload(Moving& moving);
  void start_download(Moving& moving);
  void done(const Digest& digest, Result<void> outcome);
  void progressed(const Digest& digest, std::uint64_t bytes);
  void tell_later(member::Event event);
  void pace(std::uint64_t bytes, std::function<void()> go);

  transport::EventLoop& loop_;
  transport::Connection& connection_;
  Places& places_;
  Tell tell_;
  std::deque<std::unique_ptr<Moving>> queue_;
  std::map<Digest, std::unique_ptr<Moving>> moving_;
  struct Sum {
    std::uint64_t bytes = 0;
    std::uint64_t bytes_whole = 0;
    Duration told{0};
  };
  Pacer pacer_;
  std::map<JobId, Sum> sums_;  // for progress, over all blobs of a job
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cloister::member_shell
