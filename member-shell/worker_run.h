// One worker process and the job it has now. Private to this room; see worker_runner.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "member-shell/artifact_sink.h"
#include "member-shell/worker_runner.h"
#include "transport/event_loop.h"
#include "worker-host/pulse.h"
#include "worker-host/worker_process.h"

namespace cloister::member_shell {

class WorkerRun final : public worker_host::WorkerListener {
 public:
  explicit WorkerRun(WorkerRunner& runner) : runner_(runner), pulse_(runner.options_.look_every) {}
  ~WorkerRun() override;

  // `log`: where what it prints goes.
  [[nodiscard]] Result<void> launch(const std::filesystem::path& log);
  // Sends the job and its inputs.
  [[nodiscard]] Result<void> give(member::RunWorker order);
  // Nothing it says counts any more, but for its last checkpoint if `keep_checkpoint`.
  void retire(bool keep_checkpoint);
  void terminate();
  [[nodiscard]] bool has_ended() const { return !process_ || process_->ended().has_value(); }
  [[nodiscard]] bool is_busy() const { return order_.has_value(); }
  [[nodiscard]] const JobId& job() const { return job_; }

  Result<void> on_message(protocol::FrameType type, std::string json) override;
  Result<void> on_content_begin(protocol::FrameType type, std::string name,
                                std::uint64_t bytes) override;
  Result<void> on_content(BytesView piece) override;
  Result<void> on_content_end() override;

 private:
  void pump();
  void watch();
  void unwatch();
  void look_later();
  void look();
  void on_progress(const std::string& json);
  void on_failure(const std::string& json);
  void on_ended();
  void finish();
  [[nodiscard]] Result<void> send_checkpoint();

  WorkerRunner& runner_;
  JobId job_;
  std::optional<member::RunWorker> order_;
  std::unique_ptr<worker_host::WorkerProcess> process_;
  std::map<int, transport::WatchId> watches_;
  std::optional<transport::TimerId> timer_;
  std::optional<transport::TimerId> look_timer_;
  worker_host::Pulse pulse_;
  std::optional<protocol::JobProgress> told_;  // of this job
  std::unique_ptr<ArtifactSink> sink_;
  std::optional<Bytes> checkpoint_;          // while it streams
  std::map<std::string, std::string> held_;  // inputs that the worker still has: name -> what
  bool retired_ = false;
  bool keeps_checkpoint_ = true;
};

}  // namespace cloister::member_shell
