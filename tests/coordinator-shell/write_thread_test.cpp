#include "coordinator/write_thread.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::coordinator;

TEST_CASE("a write runs on a thread of its own and is told in a later wake-up", "[coordinator]") {
  SystemClock clock;
  transport::EventLoop loop(clock);
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  int told = 0;
  std::unique_ptr<WriteThread> writer;
  const auto write = [&] { there = std::this_thread::get_id(); };
  writer = WriteThread::open(loop, [&] {
             CHECK(std::this_thread::get_id() == here);
             if (++told < 20) writer->run(write);  // as the performer does
           }).value();
  writer->run(write);
  CHECK(told == 0);
  CHECK(loop.run_until([&] { return told == 20; }, std::chrono::seconds(20)));
  CHECK(there != here);
}

TEST_CASE("what was waited for is done, and not told of", "[coordinator]") {
  SystemClock clock;
  transport::EventLoop loop(clock);
  bool is_written = false;
  int told = 0;
  const auto writer = WriteThread::open(loop, [&] { ++told; }).value();
  writer->run([&] { is_written = true; });
  writer->wait();
  CHECK(is_written);
  CHECK_FALSE(loop.run_until([&] { return told > 0; }, std::chrono::milliseconds(50)));
}
