#include "member-shell/worker_run.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::member_shell {
namespace {

using protocol::FrameType;
using provenance::Json;
using provenance::text_or_empty;

constexpr std::uint64_t checkpoint_bytes_max = 2ULL << 30;

// Names what an input is, where a warm worker may keep it; empty: sent every time.
std::string identity_of(const member::WorkerInput& input) {
  if (const auto* vault = std::get_if<member::FromVault>(&input.source)) {
    return "vault " + to_hex(vault->commitment);
  }
  if (const auto* open = std::get_if<member::FromOpen>(&input.source)) {
    return "open " + to_hex(open->digest);
  }
  return {};
}

double real_at(const Json& json, std::string_view key, double fallback) {
  const Json* value = json.find(key);
  return value == nullptr ? fallback : value->number().value_or(fallback);
}

}  // namespace

WorkerRun::~WorkerRun() {
  unwatch();
  if (timer_) runner_.loop_.cancel(*timer_);
  if (look_timer_) runner_.loop_.cancel(*look_timer_);
}

Result<void> WorkerRun::launch(const std::filesystem::path& log) {
  worker_host::Launch launch;
  launch.program = runner_.options_.worker;
  launch.limits = runner_.options_.limits;
  launch.log = log;
  if (runner_.options_.threads > 0) {
    launch.environment.push_back(fmt::format("OMP_NUM_THREADS={}", runner_.options_.threads));
  }
  auto process = worker_host::WorkerProcess::start(launch, *this);
  if (!process) return pass(process);
  process_ = std::move(*process);
  watch();
  return {};
}

Result<void> WorkerRun::give(member::RunWorker order) {
  job_ = order.job;
  order_ = std::move(order);
  sink_.reset();
  told_.reset();
  pulse_ =
      worker_host::Pulse(runner_.options_.look_every, worker_host::processor_time(process_->pid()));
  look_later();
  auto json = provenance::parse_json(order_->order_json, {.bytes_max = 16U << 20});
  if (!json) return pass(json);
  Json reuse = Json::array();
  std::map<std::string, std::string> held;
  std::vector<const member::WorkerInput*> send;
  for (const auto& [name, what] : held_) {
    const auto same = std::find_if(order_->inputs.begin(), order_->inputs.end(),
                                   [&](const auto& input) { return input.name == name; });
    if (same != order_->inputs.end() && identity_of(*same) != what) continue;  // replaced
    reuse.push(name);
    held[name] = what;
  }
  for (const member::WorkerInput& input : order_->inputs) {
    if (held.contains(input.name)) continue;
    send.push_back(&input);
    if (order_->warm && !identity_of(input).empty()) held[input.name] = identity_of(input);
  }
  if (order_->warm) json->set("reuse", std::move(reuse));
  json->set("scratch", runner_.options_.scratch.string());
  process_->send(FrameType::job, as_bytes(provenance::to_jcs(*json)));
  for (const member::WorkerInput* input : send) {
    auto source = runner_.places_.source(*input);
    if (!source) return pass(source);
    process_->send_content(input->name, source->bytes, std::move(source->read));
  }
  if (auto ok = send_checkpoint(); !ok) return ok;
  process_->send(FrameType::start, {});
  held_ = std::move(held);
  watch();
  return {};
}

Result<void> WorkerRun::send_checkpoint() {
  if (!order_->resume) return {};
  auto checkpoint = runner_.places_.checkpoint(job_);
  if (!checkpoint) {
    // Not worth failing for: the job starts from its beginning.
    log_warn(checkpoint.error().code, {{"job", job_.text()}, {"what", checkpoint.error().what}});
    runner_.places_.forget_checkpoint(job_);
    return {};
  }
  if (!*checkpoint) return {};
  auto source = runner_.places_.source(
      {"checkpoint",
       member::FromMemory{Bytes((*checkpoint)->view().begin(), (*checkpoint)->view().end())}});
  if (!source) return pass(source);
  process_->send_content("checkpoint", source->bytes, std::move(source->read));
  return {};
}

void WorkerRun::retire(bool keep_checkpoint) {
  retired_ = true;
  keeps_checkpoint_ = keep_checkpoint;
  order_.reset();
}

void WorkerRun::terminate() {
  if (process_ && !process_->ended()) process_->stop(runner_.loop_.monotonic());
  watch();
}

void WorkerRun::unwatch() {
  for (const auto& [fd, id] : watches_) runner_.loop_.unwatch(id);
  watches_.clear();
}

// Follows what the process wants to be waited for.
void WorkerRun::watch() {
  std::map<int, worker_host::Interest> wanted;
  if (!has_ended()) {
    for (const auto& interest : process_->interests()) wanted[interest.fd] = interest;
  }
  for (auto entry = watches_.begin(); entry != watches_.end();) {
    const bool keep = wanted.contains(entry->first);
    if (!keep) runner_.loop_.unwatch(entry->second);
    entry = keep ? std::next(entry) : watches_.erase(entry);
  }
  for (const auto& [fd, interest] : wanted) {
    if (!watches_.contains(fd)) {
      watches_[fd] = runner_.loop_.watch(fd, [this](transport::Readiness) { pump(); });
    }
    runner_.loop_.want_writable(watches_[fd], interest.writable);
  }
  if (timer_ || has_ended() || !process_->next_deadline()) return;
  const Duration left = *process_->next_deadline() - runner_.loop_.monotonic();
  timer_ = runner_.loop_.after(std::max(left, Duration(1)), [this] {
    timer_.reset();
    pump();
  });
}

void WorkerRun::pump() {
  if (has_ended()) return;
  unwatch();  // descriptors may be closed, and their numbers used again, by the next line
  (void)process_->pump(runner_.loop_.monotonic());
  watch();
  if (has_ended()) on_ended();
}

void WorkerRun::look_later() {
  if (look_timer_) return;
  look_timer_ = runner_.loop_.after(runner_.options_.look_every, [this] {
    look_timer_.reset();
    look();
  });
}

// A silent worker that computes is said to be where it was, in words that change: to the
// coordinator that is progress as any other, and people see why no step comes.
void WorkerRun::look() {
  if (!order_ || retired_ || has_ended()) return;
  look_later();
  if (!told_ || !pulse_.look(worker_host::processor_time(process_->pid()))) return;
  protocol::JobProgress again = *told_;
  again.phase = fmt::format("{} (computing, no step at {} looks)", told_->phase.substr(0, 60),
                            pulse_.signs());
  runner_.tell_later(member::WorkerProgressed{std::move(again)});
}

void WorkerRun::on_ended() {
  const worker_host::Exit& exit = *process_->ended();
  if (order_ && !retired_) {
    const Error error =
        exit.clean ? Error{Kind::corrupt, "worker.exit", "The worker ended without a result.",
                           "Look at the worker's log."}
                   : exit.error;
    runner_.tell_later(member::WorkerFailed{job_, order_->attempt, error});
    order_.reset();
  }
  runner_.sweep();
}

Result<void> WorkerRun::on_message(FrameType type, std::string json) {
  if (type == FrameType::warning) {
    const auto warning = provenance::parse_json(json);
    if (warning) {
      log_warn(
          text_or_empty(*warning, "code"),
          {{"job", job_.text()}, {"attempt", fmt::format("{}", order_ ? order_->attempt : 0)}});
    }
    return {};
  }
  if (!order_ || retired_) return {};
  if (type == FrameType::progress) on_progress(json);
  if (type == FrameType::failure) on_failure(json);
  if (type == FrameType::result) {
    runner_.tell_finished({job_, order_->attempt, std::move(json)});
    finish();
  }
  return {};
}

void WorkerRun::on_progress(const std::string& json) {
  const auto said = provenance::parse_json(json);
  if (!said) return;
  protocol::JobProgress progress;
  progress.job = job_;
  progress.attempt = order_->attempt;
  progress.phase = text_or_empty(*said, "phase");
  progress.step = provenance::count_at(*said, "step").value_or(0);
  progress.steps = provenance::count_at(*said, "steps").value_or(0);
  progress.per_second = real_at(*said, "per_second", 0);
  progress.seconds_left = real_at(*said, "seconds_left", -1);
  const Json* metrics = said->find("metrics");
  progress.metrics_json = metrics == nullptr ? "{}" : provenance::to_jcs(*metrics);
  if (!told_ || told_->phase != progress.phase || told_->step != progress.step) pulse_.stepped();
  told_ = progress;
  runner_.tell_later(member::WorkerProgressed{std::move(progress)});
}

void WorkerRun::on_failure(const std::string& json) {
  const auto said = provenance::parse_json(json);
  Error error{Kind::corrupt, "worker.failure", "The worker failed and did not say why.",
              "Look at the worker's log."};
  if (said) {
    error = {kind_named(text_or_empty(*said, "kind")).value_or(Kind::corrupt),
             text_or_empty(*said, "code"), text_or_empty(*said, "what"),
             text_or_empty(*said, "next")};
  }
  // "training.other_checkpoint", "training.bad_checkpoint", "privacy.bad_checkpoint": one that was
  // refused would be refused at every attempt; the next one begins anew.
  if (error.code.ends_with("checkpoint")) runner_.places_.forget_checkpoint(job_);
  runner_.tell_later(member::WorkerFailed{job_, order_->attempt, std::move(error)});
  finish();
}

// The job is over; a warm worker waits for the next one, another ends.
void WorkerRun::finish() {
  const bool warm = order_->warm;
  order_.reset();
  if (!warm) process_->finish_input();
  runner_.sweep();
}

Result<void> WorkerRun::on_content_begin(FrameType type, std::string name, std::uint64_t bytes) {
  if (type == FrameType::checkpoint) {
    if (bytes > checkpoint_bytes_max) {
      return fail(Kind::exhausted, "worker.checkpoint", "A checkpoint is too large to be kept.",
                  "Lower the study's budget.");
    }
    checkpoint_ = Bytes{};
    checkpoint_->reserve(bytes);
    return {};
  }
  if (!order_ || retired_) return {};
  auto sink =
      open_sink(runner_.places_, {job_, std::move(name), bytes, order_->save_as}, order_->keep);
  if (!sink) return pass(sink);
  sink_ = std::move(*sink);
  return {};
}

Result<void> WorkerRun::on_content(BytesView piece) {
  if (checkpoint_) {
    append(*checkpoint_, piece);
    return {};
  }
  return sink_ ? sink_->write(piece) : Result<void>{};
}

Result<void> WorkerRun::on_content_end() {
  if (checkpoint_) {
    const Bytes content = std::move(*checkpoint_);
    checkpoint_.reset();
    return keeps_checkpoint_ ? runner_.places_.keep_checkpoint(job_, content) : Result<void>{};
  }
  if (!sink_) return {};
  auto kept = sink_->finish();
  sink_.reset();
  if (!kept) return pass(kept);
  if (order_) runner_.tell_later(member::ArtifactKept{job_, order_->attempt, std::move(*kept)});
  return {};
}

}  // namespace cloister::member_shell
