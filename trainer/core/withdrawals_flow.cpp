// What the trainer does when a site withdraws: it stops what reads the data, lets their sealed
// copies go, and says so under its signature.
#include "member/withdrawals.h"

#include "trainer/core/trainer_state.h"

namespace cloister::trainer {

void confirm_withdrawals(TrainerState& state, Instant now) {
  for (const protocol::StudyView& view : state.link.work().studies) {
    const member::Study* study = state.link.study(view.study);
    if (study == nullptr || study->trainer.id != state.options.link.self) continue;
    std::size_t& seen = state.binding_seen[view.study];
    if (seen == view.more.size()) continue;
    const auto withdrawals = member::withdrawals_of(view, state.link.membership());
    // The jobs end with the coordinator's next word; then it is true.
    if (member::is_still_used(state.link.work(), view.study, withdrawals)) continue;
    seen = view.more.size();
    for (const auto& [leaf, site] : withdrawals.by) {
      const std::string name = member::confirmation_name(leaf);
      if (state.link.records().knows(name)) continue;
      state.out.push_back(
          member::Discard{{}, {withdrawals.quarantined.begin(), withdrawals.quarantined.end()}});
      state.draft(name, member::confirmation_record(*study, leaf, state.options.link.self), now);
    }
  }
}

}  // namespace cloister::trainer
