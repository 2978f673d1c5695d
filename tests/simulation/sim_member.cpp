#include "sim_member.h"

#include <algorithm>

#include "base/ensure.h"
#include "protocol/limits.h"

namespace cloister::simulation {
namespace {

constexpr Duration progress_every{5'000};
constexpr Duration sleep_max{30'000};

}  // namespace

void SimMember::start() {
  ++life_;
  core_ = parts_.make_core(stored_);
  feed(member::Started{});
}

void SimMember::kill() {
  ++life_;
  core_.reset();
  asked_.clear();
  workers_.clear();
  uploads_.clear();
  downloads_.clear();
  told_.clear();
  armed_.reset();
}

void SimMember::later(Duration delay, std::function<void()> step) {
  parts_.timeline.after(delay, [this, life = life_, step = std::move(step)] {
    if (life == life_ && core_) step();
  });
}

void SimMember::feed(const member::Event& event) {
  const auto actions = core_->on(event, now());
  core_->check_invariants();
  for (const auto& action : actions) std::visit([this](const auto& one) { perform(one); }, action);
  arm();
}

void SimMember::arm() {
  const auto deadline = core_->next_deadline();
  if (!deadline || (armed_ && *armed_ <= *deadline)) return;
  armed_ = deadline;
  // As the shell does: the clock may be set, so never sleep longer than this for a deadline on it.
  later(std::clamp(*deadline - now(), Duration(1), sleep_max), [this] {
    armed_.reset();
    feed(member::Ticked{});
  });
}

void SimMember::person_asks(const std::string& verb, const std::string& body, Told told) {
  if (!core_) return;
  const std::uint64_t question = next_number_++;
  told_.emplace(question, std::move(told));
  feed(member::PersonAsked{question, verb, body});
}

// --- Asking: repeated until answered, as the real connection does --------------------------------

void SimMember::ask(protocol::Request request, Bytes payload,
                    std::function<void(const protocol::Reply&, const Bytes&)> then) {
  const std::uint64_t number = next_number_++;
  asked_.emplace(number, Asked{std::move(request), std::move(payload), std::move(then)});
  send(number);
}

void SimMember::send(std::uint64_t number) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;
  const Asked& asked = found->second;
  const auto life = life_;
  const auto answered = [this, number, life](const protocol::Reply& reply, const Bytes& payload) {
    parts_.network.send(parts_.name, [this, number, life, reply, payload] {
      if (life != life_ || !core_) return;
      const auto waiting = asked_.find(number);
      if (waiting == asked_.end()) return;  // answered before
      const auto then = std::move(waiting->second.then);
      asked_.erase(waiting);
      then(reply, payload);
    });
  };
  parts_.network.send(
      parts_.name, [this, request = asked.request, payload = asked.payload, answered] {
        coordinator_->request(MemberId::trusted(parts_.name), request, payload, answered);
      });
  const auto* poll = std::get_if<protocol::Poll>(&asked.request);
  const Duration wait = poll == nullptr ? Duration(0) : poll->wait;
  later(protocol::limits::request_repeat + wait, [this, number] { send(number); });
}

void SimMember::perform(const member::Ask& action) {
  ask(action.request, {}, [this, tag = action.tag](const protocol::Reply& reply, const Bytes&) {
    feed(member::Answered{tag, reply});
  });
}

void SimMember::perform(const member::Persist& action) {
  if (action.value) {
    stored_[action.key] = *action.value;
  } else {
    stored_.erase(action.key);
  }
}

void SimMember::perform(const member::Tell& action) {
  const auto found = told_.find(action.question);
  if (found == told_.end()) return;
  const Told told = std::move(found->second);
  told_.erase(found);
  told(action.json);
}

// --- Workers -------------------------------------------------------------------------------------

void SimMember::perform(const member::RunWorker& action) {
  const std::uint64_t number = next_number_++;
  workers_[action.job] = Worker{number};
  const Duration duration = duration_of(action, parts_.prng);
  const bool fails = !is_calm_ && parts_.prng.chance(parts_.faults.worker_fails);
  if (!is_calm_ && parts_.prng.chance(parts_.faults.worker_hangs))
    return say_once(action.job, action.attempt);  // it lives, and nothing more is heard of it
  progress(action.job, action.attempt, number);
  later(duration, [this, action, number, fails] {
    const auto found = workers_.find(action.job);
    if (found == workers_.end() || found->second.number != number) return;
    workers_.erase(found);
    if (fails) {
      feed(
          member::WorkerFailed{action.job,
                               action.attempt,
                               {Kind::unavailable, "worker.killed", "The worker was killed.", ""}});
    } else {
      finish(action, number);
    }
  });
}

void SimMember::say_once(const JobId& job, std::uint32_t attempt) {
  protocol::JobProgress said;
  said.job = job;
  said.attempt = attempt;
  said.phase = "hanging";
  later(Duration(1), [this, said] { feed(member::WorkerProgressed{said}); });
}

void SimMember::progress(const JobId& job, std::uint32_t attempt, std::uint64_t number) {
  const auto found = workers_.find(job);
  if (found == workers_.end() || found->second.number != number) return;
  protocol::JobProgress progress_now;
  progress_now.job = job;
  progress_now.attempt = attempt;
  progress_now.phase = "working";
  progress_now.step = ++found->second.step;
  later(progress_every, [this, job, attempt, number] { progress(job, attempt, number); });
  feed(member::WorkerProgressed{progress_now});
}

void SimMember::finish(const member::RunWorker& order, std::uint64_t) {
  const WorkerOutcome outcome = work_of(order, parts_.prng);
  for (const auto& artifact : outcome.artifacts) {
    kept_[artifact.kept.digest] = artifact.content;
    feed(member::ArtifactKept{order.job, order.attempt, artifact.kept});
  }
  feed(member::WorkerFinished{order.job, order.attempt, outcome.result_json});
}

void SimMember::perform(const member::StopWorker& action) { workers_.erase(action.job); }

void SimMember::perform(const member::CommitFiles& action) {
  later(Duration(100), [this, action] {
    feed(member::FilesCommitted{action.job, action.attempt, std::vector<Digest>{action.site_map}});
  });
}

// --- Blobs ---------------------------------------------------------------------------------------

void SimMember::perform(const member::Upload& action) {
  auto& upload_now = uploads_[action.digest];
  upload_now = std::make_unique<transport::BlobUpload>(
      protocol::BlobOpen{action.digest, action.size, action.job}, 16);
  upload(action.digest, upload_now->start());
}

void SimMember::upload(const Digest& digest, transport::BlobUpload::Actions actions) {
  using Upload = transport::BlobUpload;
  for (auto& action : actions) {
    const auto found = uploads_.find(digest);
    if (found == uploads_.end()) return;
    Upload& machine = *found->second;
    const auto feed_back = [this, digest](auto step, auto refusal) {
      return [this, digest, step, refusal](const protocol::Reply& reply, const Bytes&) {
        const auto running = uploads_.find(digest);
        if (running == uploads_.end()) return;
        if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
          upload(digest, refusal(*running->second, refused->error));
        } else if (const auto* state = std::get_if<protocol::BlobState>(&reply)) {
          upload(digest, step(*running->second, *state));
        }
      };
    };
    if (auto* open = std::get_if<Upload::Open>(&action)) {
      ask(open->request, {},
          feed_back([](Upload& one, const auto& state) { return one.on_state(state); },
                    [](Upload& one, const Error& error) { return one.on_open_refused(error); }));
    } else if (auto* read = std::get_if<Upload::Read>(&action)) {
      const Bytes& all = kept_.at(digest);
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(read->offset);
      upload(digest, machine.on_read(read->offset, Bytes(from, from + read->length)));
    } else if (auto* chunk = std::get_if<Upload::Send>(&action)) {
      const std::uint64_t offset = chunk->request.offset;
      ask(chunk->request, chunk->payload,
          feed_back([offset](Upload& one, const auto& state) { return one.on_sent(offset, state); },
                    [offset](Upload& one, const Error& error) {
                      return one.on_chunk_refused(offset, error);
                    }));
    } else if (std::holds_alternative<Upload::Done>(action)) {
      uploads_.erase(digest);
      feed(member::Uploaded{digest});
    } else if (auto* failed = std::get_if<Upload::Failed>(&action)) {
      uploads_.erase(digest);
      feed(member::TransferFailed{digest, failed->error});
    }
  }
}

void SimMember::perform(const member::Download& action) {
  auto& download_now = downloads_[action.digest];
  download_now = std::make_unique<transport::BlobDownload>(action.digest, 1U << 20, 64);
  download(action.digest, download_now->start());
}

void SimMember::download(const Digest& digest, transport::BlobDownload::Actions actions) {
  using Download = transport::BlobDownload;
  for (auto& action : actions) {
    if (!downloads_.contains(digest)) return;
    if (auto* get = std::get_if<Download::Get>(&action)) {
      ask(get->request, {},
          [this, digest, offset = get->request.offset](const protocol::Reply& reply,
                                                       const Bytes& payload) {
            const auto running = downloads_.find(digest);
            if (running == downloads_.end()) return;
            if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
              download(digest, running->second->on_refused(refused->error));
            } else if (const auto* data = std::get_if<protocol::BlobData>(&reply)) {
              download(digest, running->second->on_data(offset, *data, payload));
            }
          });
    } else if (std::holds_alternative<Download::Done>(action)) {
      downloads_.erase(digest);
      feed(member::Downloaded{digest, 0});
    } else if (auto* failed = std::get_if<Download::Failed>(&action)) {
      downloads_.erase(digest);
      feed(member::TransferFailed{digest, failed->error});
    }
  }
}

}  // namespace cloister::simulation
