// A disk that really can be full, for tests of what happens then.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

namespace cloister::test {

// A file system of one MiB that only this process sees.
inline bool mount_small_disk(const std::filesystem::path& at) {
  const auto user = ::getuid();
  const auto group = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1\n", user);
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/gid_map") << fmt::format("0 {} 1\n", group);
  return ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=1m") == 0;
}

// Runs `steps` in a child that has a small disk mounted at `disk`; they give 0, or the number of
// the step that went wrong.
inline void on_a_small_disk(const std::filesystem::path& disk, const std::function<int()>& steps) {
  constexpr int no_disk = 77;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(mount_small_disk(disk) ? steps() : no_disk);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_disk) {
    WARN("SKIPPED: this system does not let a test mount a small file system.");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace cloister::test
