#include "member-shell/shell.h"

#include <algorithm>
#include <csignal>

#include "base/file.h"
#include "base/log.h"
#include "crypto/start.h"
#include "member-shell/file_commitments.h"
#include "provenance/json.h"

namespace cloister::member_shell {
namespace {

// One leading tag byte, as the store asks for.
constexpr std::uint8_t state_tag = 'S';
constexpr Duration stop_patience{10'000};
// The wall clock may be set back: never sleep longer than this for a deadline on it.
constexpr Duration timer_max{30'000};

// What a worker says that it computed for, "0.31"; empty where it does not say.
std::string seconds_in(const std::string& result_json) {
  const auto result = provenance::parse_json(result_json, {.bytes_max = 64U << 20});
  const auto* seconds = result ? result->find("seconds") : nullptr;
  const auto number = seconds == nullptr ? std::nullopt : seconds->number();
  return number ? fmt::format("{:.2f}", *number) : std::string{};
}

constexpr metrics::Figure line_open{"cloister_line_open", "1 while the coordinator is reached."};
constexpr metrics::Figure workers_started{"cloister_workers_started_total", "Workers started."};
constexpr metrics::Figure workers_finished{"cloister_workers_finished_total",
                                           "Workers that finished their job."};
constexpr metrics::Figure workers_failed{"cloister_workers_failed_total",
                                         "Attempts that failed in or before the worker."};
constexpr metrics::Figure blobs_uploaded{"cloister_blobs_uploaded_total", "Sealed blobs uploaded."};
constexpr metrics::Figure answers{"cloister_answers_total", "Answers of the coordinator."};

Bytes store_key(const std::string& key) {
  Bytes bytes{state_tag};
  append(bytes, as_bytes(key));
  return bytes;
}

}  // namespace

struct Shell::Performer {
  Shell& shell;

  void operator()(const member::Persist& persist) const {
    if (persist.value) {
      shell.batch_.put(store_key(persist.key), *persist.value);
    } else {
      shell.batch_.erase(store_key(persist.key));
    }
  }
  void operator()(const member::Ask& ask) const {
    shell.connection_->ask(
        ask.request,
        [shell = &shell, tag = ask.tag](Result<transport::Answer> answer) {
          if (answer) return shell->handle(member::Answered{tag, std::move(answer->reply)});
          // Said by this side: the coordinator was not heard.
          if (answer.error().code.starts_with("connection."))
            return shell->handle(member::Unanswered{tag, answer.error()});
          shell->handle(member::Answered{tag, protocol::Refused{std::move(answer).error()}});
        },
        {}, ask.person_waits ? transport::Waiting::while_reachable : transport::Waiting::for_ever);
  }
  void operator()(const member::RunWorker& order) const {
    if (const auto room = shell.has_room(); !room) {
      shell.loop_.after(Duration(0), [shell = &shell, job = order.job, attempt = order.attempt,
                                      error = room.error()] {
        shell->handle(member::WorkerFailed{job, attempt, error});
      });
      return;
    }
    log_info("worker.started",
             {{"job", order.job.text()}, {"attempt", fmt::format("{}", order.attempt)}});
    shell.count(workers_started);
    shell.workers_->run(order);
  }
  void operator()(const member::StopWorker& stop) const {
    shell.workers_->stop(stop.job, stop.forget);
  }
  void operator()(const member::Upload& upload) const { shell.transfers_->add(upload); }
  void operator()(const member::Download& download) const { shell.transfers_->add(download); }
  void operator()(const member::StopTransfers& stop) const { shell.transfers_->stop(stop.job); }
  void operator()(const member::CommitFiles& commit) const {
    commit_files(
        shell.loop_, *shell.places_, shell.options_.data_root, commit.site_map,
        [shell = &shell, commit](Result<std::vector<Digest>> commitments) {
          shell->handle(member::FilesCommitted{commit.job, commit.attempt, std::move(commitments)});
        });
  }
  void operator()(const member::Discard& discard) const {
    for (const Digest& digest : discard.digests) shell.places_->discard(digest);
  }
  void operator()(const member::SaveEvidence& evidence) const { shell.save_evidence(evidence); }
  void operator()(const member::Notice& notice) const {
    const bool warns = notice.level == member::NoticeLevel::warn;
    const LogLevel level = warns ? LogLevel::warn : LogLevel::info;
    if (notice.job.empty()) return log(level, notice.code, {{"what", notice.text}});
    log(level, notice.code, {{"job", notice.job.text()}, {"what", notice.text}});
  }
  void operator()(const member::Tell& tell) const {
    if (shell.tell_) shell.tell_(tell);
  }
};

Shell::Shell(HomeConfig config, Home home, ShellOptions options)
    : config_(std::move(config)),
      home_(std::move(home)),
      options_(std::move(options)),
      loop_(clock_) {}
Shell::~Shell() = default;

Result<std::unique_ptr<Shell>> Shell::open(const HomeConfig& config, Home home,
                                           ShellOptions options) {
  if (auto ok = crypto::start(); !ok) return pass(ok);
  std::unique_ptr<Shell> shell(new Shell(config, std::move(home), std::move(options)));
  if (auto ok = shell->start(); !ok) return pass(ok);
  return shell;
}

Result<void> Shell::start() {
  // First of all: the store's own threads inherit which signals are blocked.
  auto signals = transport::SignalWatch::open(loop_, {SIGINT, SIGTERM}, [this](int) { stop(); });
  if (!signals) return pass(signals);
  signals_ = std::move(*signals);
  if (!config_.metrics.empty()) {
    auto metrics = metrics::Metrics::serve(config_.metrics);
    if (!metrics) return pass(metrics);
    metrics_ = std::move(*metrics);
    show_line(transport::ConnectionState::waiting);
  }
  const auto logs = config_.home / "logs";
  if (auto ok = make_folder(logs); !ok) return ok;
  // Nothing stops for want of a log file: standard error has the lines too.
  if (auto ok = keep_log(logs / "daemon.log"); !ok)
    log_warn(ok.error().code, {{"what", ok.error().what}});
  auto store = storage::RocksStore::open(config_.home / "state");
  if (!store) return pass(store);
  store_ = std::move(*store);
  auto places = Places::open(config_.home, home_.link.self, home_.identity.seal, entropy_);
  if (!places) return pass(places);
  places_ = std::move(*places);
  const Bytes seed = entropy_.bytes(8);
  connection_ = std::make_unique<transport::Connection>(
      transport::ConnectionParts{loop_, home_.identity, entropy_, Prng(read_be64(seed))},
      home_.server);
  connection_->on_state([this](transport::ConnectionState state) {
    show_line(state);
    const Error& problem = connection_->last_problem();
    if (state == transport::ConnectionState::open) {
      log_info("line.open");
      tell_core(member::LineOpened{});
    } else if (state == transport::ConnectionState::waiting && !problem.code.empty()) {
      log_debug("line.down", {{"what", problem.what}});
      tell_core(member::LineFailed{problem});
    }
  });
  const auto tell = [this](const member::Event& event) { handle(event); };
  workers_ = std::make_unique<WorkerRunner>(
      loop_, *places_,
      RunnerOptions{config_.worker, logs, places_->home() / "scratch", options_.limits,
                    config_.threads},
      tell);
  transfers_ = std::make_unique<Transfers>(loop_, *connection_, *places_, tell);
  transfers_->limit_uploads(options_.upload_bytes_per_second);
  return {};
}

// Not from within the connection, which the core's actions would call again.
void Shell::tell_core(member::Event event) {
  loop_.after(Duration(0), [this, event = std::move(event)] { handle(event); });
}

Result<member::Stored> Shell::stored() const {
  member::Stored all;
  const Bytes prefix{state_tag};
  const auto ok = store_->scan(prefix, {}, [&](BytesView key, BytesView value) {
    all[std::string(as_text(key.subspan(1)))] = Bytes(value.begin(), value.end());
    return true;
  });
  if (!ok) return pass(ok);
  return all;
}

void Shell::set_core(CoreFace core, std::function<void(const member::Tell&)> tell) {
  core_ = std::move(core);
  tell_ = std::move(tell);
}

void Shell::show_line(transport::ConnectionState state) {
  if (metrics_) metrics_->set(line_open, state == transport::ConnectionState::open ? 1 : 0);
}

void Shell::count(const metrics::Figure& figure, double by) {
  if (metrics_) metrics_->add(figure, by);
}

void Shell::handle(const member::Event& event) {
  if (stopping_ || broken_ || !core_.on) return;
  if (const auto* done = std::get_if<member::WorkerFinished>(&event)) {
    log_info("worker.finished", {{"job", done->job.text()},
                                 {"attempt", fmt::format("{}", done->attempt)},
                                 {"seconds", seconds_in(done->result_json)}});
    count(workers_finished);
  }
  if (std::holds_alternative<member::WorkerFailed>(event)) count(workers_failed);
  if (std::holds_alternative<member::Uploaded>(event)) count(blobs_uploaded);
  if (std::holds_alternative<member::Answered>(event)) count(answers);
  perform(core_.on(event, loop_.now()));
  set_timer();
}

// Persists gather and are written, synced, before anything that follows them is done.
void Shell::perform(member::Actions actions) {
  for (const auto& action : actions) {
    if (!std::holds_alternative<member::Persist>(action)) flush();
    if (broken_) return;
    std::visit(Performer{*this}, action);
  }
  flush();
}

void Shell::flush() {
  if (batch_.empty() || broken_) return;
  if (auto ok = store_->write(batch_, storage::Durability::synced); !ok) {
    broken_ = ok.error();
    // Said at once: closing a store that cannot write may not come to its end.
    log_error(ok.error().code, {{"what", ok.error().what}, {"next", ok.error().next}});
    stop();
  }
  batch_ = storage::WriteBatch();
}

void Shell::set_timer() {
  if (timer_) loop_.cancel(*timer_);
  timer_.reset();
  const auto next = core_.next_deadline();
  if (!next) return;
  const Duration wait = std::clamp(*next - loop_.now(), Duration(1), timer_max);
  timer_ = loop_.after(wait, [this] {
    timer_.reset();
    handle(member::Ticked{});
  });
}

void Shell::save_evidence(const member::SaveEvidence& evidence) {
  const auto folder = config_.home / "evidence";
  const auto path = folder / evidence.name;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return;
  auto ok = make_folder(folder);
  if (ok) ok = write_text(path, evidence.text, FileMode::owner_only);
  if (!ok) log_warn(ok.error().code, {{"what", ok.error().what}});
}

// Before each worker: what it will make is not known, what lies there already is.
Result<void> Shell::has_room() const {
  if (options_.disk_bytes_max == 0) return {};
  std::uint64_t bytes = 0;
  std::error_code ignored;
  const auto skip = std::filesystem::directory_options::skip_permission_denied;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(config_.home, skip, ignored)) {
    std::error_code gone;  // files come and go while we look
    if (entry.is_regular_file(gone) && !entry.is_symlink(gone)) {
      const auto size = entry.file_size(gone);
      if (!gone) bytes += size;
    }
  }
  if (bytes < options_.disk_bytes_max) return {};
  return fail(Kind::exhausted, "disk.policy",
              fmt::format("This member's folder holds {} bytes; the site's policy allows {}.",
                          bytes, options_.disk_bytes_max),
              "Raise disk_max in policy.toml and sign it, or remove reports that are no longer "
              "needed; then resume the job.");
}

void Shell::stop() {
  if (stopping_) return;
  stopping_ = true;
  if (workers_) workers_->stop_all();
  loop_.stop();
}

void Shell::reopen() {
  reopening_ = true;
  stop();
}

Result<void> Shell::run() {
  handle(member::Started{});
  if (!stopping_) loop_.run();
  loop_.run_until([this] { return workers_->is_idle(); }, stop_patience);
  if (broken_) return tl::unexpected<Error>(*broken_);
  return {};
}

}  // namespace cloister::member_shell
