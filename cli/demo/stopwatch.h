// Wall time and bytes on the loopback interface by stage, kept in a file so that a resumed run adds
// to what it measured before.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"

namespace cloister::cli {

class Stopwatch {
 public:
  struct Entry {
    std::string name;
    std::string plain;
    double seconds = 0;
    double loopback_bytes = 0;  // of everything on this machine, as the kernel counts
  };
  // Reads what an earlier run measured, if it did.
  explicit Stopwatch(std::filesystem::path file);
  // From now on time counts for this stage; entering the present one again changes nothing.
  void enter(const std::string& name, const std::string& plain);
  void pause();
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  void settle();
  std::filesystem::path file_;
  std::vector<Entry> entries_;
  std::string present_;
  Duration since_{0};
  double bytes_since_ = 0;
};

// Received on "lo" since the machine started; 0 where the kernel does not tell.
[[nodiscard]] double loopback_bytes();

}  // namespace cloister::cli
