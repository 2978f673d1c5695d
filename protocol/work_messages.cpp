#include "protocol/work_messages.h"

namespace cloister::protocol {

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::offered:
      return "offered";
    case JobState::approved:
      return "approved";
    case JobState::running:
      return "running";
    case JobState::done:
      return "done";
    case JobState::failed:
      return "failed";
    case JobState::denied:
      return "denied";
    case JobState::held:
      return "held";
    case JobState::aborted:
      return "aborted";
  }
  return "unknown";
}

}  // namespace cloister::protocol
