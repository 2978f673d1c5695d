// What a long command says while it runs: a picture in place on a terminal, plain lines elsewhere,
// JSON lines for scripts.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/time.h"
#include "provenance/json.h"

namespace cloister::cli {

class Narrator {
 public:
  // `out`: standard error where standard output is for the answer alone.
  explicit Narrator(bool json, std::FILE* out = stdout);

  // A new chapter, numbered.
  void chapter(const std::string& title);
  // One thing that happened; `event` names it for scripts.
  void say(const std::string& event, const std::string& text,
           provenance::Json details = provenance::Json::object());
  // What is going on right now, replaced by the next picture. Not on a terminal: only lines that
  // changed in what they do, or every ten seconds.
  struct Row {
    std::string who;   // "site-a"
    std::string what;  // "train-image-encoder"
    double part = -1;  // 0 to 1; negative: unknown
    std::string note;  // "9.1 a second, 25 s left"
  };
  void picture(const std::vector<Row>& rows);

 private:
  void forget_picture();
  void print_plain(const std::vector<Row>& rows);

  enum class Form { terminal, plain, json };
  std::FILE* out_;
  Form form_ = Form::plain;
  int chapters_ = 0;
  std::string chapter_;
  std::size_t lines_up_ = 0;  // of the picture on the terminal
  std::vector<Row> last_;
  Duration last_plain_{-1'000'000};
};

// A worker's own progress (worker/README.md) as a row.
[[nodiscard]] Narrator::Row worker_row(std::string who, const provenance::Json& progress);

// "████████░░░░" for 0 to 1.
[[nodiscard]] std::string bar(double part, int width);

}  // namespace cloister::cli
