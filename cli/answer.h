// What a verb says: once for people, once for scripts.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "provenance/json.h"

namespace cloister::cli {

struct Answer {
  std::string text;                                    // ends in LF, or is empty
  provenance::Json json = provenance::Json::object();  // the same facts
  int status = 0;  // of the program: not 0 where the answer itself is bad news
};

// Chosen by the command line, run once by main.
using Verb = std::function<Result<Answer>()>;

}  // namespace cloister::cli
