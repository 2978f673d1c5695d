#include "cli/checks.h"

namespace cloister::cli {

Answer answer_of(const Checks& checks) {
  Answer answer;
  provenance::Json list = provenance::Json::array();
  bool all_good = true;
  for (const Check& check : checks) {
    all_good = all_good && check.good;
    answer.text +=
        fmt::format("{:<5} {:<10} {}\n", check.good ? "good" : "BAD", check.name, check.what);
    if (!check.next.empty()) answer.text += fmt::format("      next: {}\n", check.next);
    list.push(provenance::Json::object()
                  .set("name", check.name)
                  .set("good", check.good)
                  .set("what", check.what)
                  .set("next", check.next));
  }
  answer.json.set("checks", std::move(list)).set("good", all_good);
  answer.status = all_good ? 0 : exit_status(Kind::unavailable);
  answer.text += all_good ? "All good.\n" : "Some things need you.\n";
  return answer;
}

}  // namespace cloister::cli
