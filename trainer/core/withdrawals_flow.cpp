// What the trainer does when a site withdraws: it stops what reads the data, lets their sealed
// copies go, and says so under its signature.
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {

void confirm_withdrawals(TrainerState& state, Instant now) {
  for (const protocol::StudyView& view : state.link.work().studies) {
    const member::Study* study = state.link.study(view.study);
    if (study == nullptr || study->trainer.id != state.options.link.self) continue;
    state.confirm_withdrawals(view, now, [&](const member::Withdrawals& withdrawals) {
      state.out.push_back(
          member::Discard{{}, {withdrawals.quarantined.begin(), withdrawals.quarantined.end()}});
    });
  }
}

}  // namespace cloister::trainer
