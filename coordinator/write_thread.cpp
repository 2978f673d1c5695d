#include "coordinator/write_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/ensure.h"
#include "base/file.h"

namespace cloister::coordinator {
namespace {

void ring(int bell) {
  const std::uint64_t once = 1;
  ensure(::write(bell, &once, sizeof once) == sizeof once, "a bell can be rung");
}

void silence(int bell) {
  std::uint64_t rung = 0;
  (void)!::read(bell, &rung, sizeof rung);
}

}  // namespace

Result<std::unique_ptr<WriteThread>> WriteThread::open(transport::EventLoop& loop,
                                                       std::function<void()> done) {
  Descriptor bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell.is_open()) return tl::unexpected<Error>(system_error(errno, "open", "an eventfd"));
  return std::unique_ptr<WriteThread>(new WriteThread(loop, std::move(bell), std::move(done)));
}

WriteThread::WriteThread(transport::EventLoop& loop, Descriptor bell, std::function<void()> done)
    : loop_(loop), bell_(std::move(bell)), done_(std::move(done)) {
  watch_ = loop_.watch(bell_.number(), [this](transport::Readiness) { finished(); });
}

WriteThread::~WriteThread() {
  wait();
  loop_.unwatch(watch_);
}

void WriteThread::run(std::function<void()> write) {
  ensure(!thread_, "one write at a time");
  const auto work = [write = std::move(write), bell = bell_.number()] {
    write();
    ring(bell);
  };
  try {
    thread_.emplace(work);
  } catch (const std::system_error&) {
    thread_.reset();
    work();
  }
}

void WriteThread::wait() {
  if (thread_) thread_->join();
  thread_.reset();
  silence(bell_.number());
}

void WriteThread::finished() {
  wait();
  done_();
}

}  // namespace cloister::coordinator
