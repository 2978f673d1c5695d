// Ledger, disk, worker and control socket of one member, all in memory and in order: what a core is
// tried against, whatever its role. Each role's world adds what only it does.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "member/actions.h"
#include "member/record_outbox.h"
#include "tests/support/consortium.h"

namespace cloister::test {

inline Digest digest_of(const std::string& text) { return crypto::sha256(as_bytes(text)); }

class CoreWorld {
 public:
  CoreWorld() : ledger(all), plan(all.plan()), study(all.study(plan)) {}

  Consortium all;
  TestLedger ledger;
  protocol::StudyPlan plan;
  protocol::StudyView study;
  Instant now = start_of_time;
  member::Stored disk;
  std::deque<member::Event> pending;
  std::optional<member::RunWorker> worker;
  std::vector<member::RunWorker> orders;
  std::map<std::uint64_t, Result<std::string>> answers;  // at the control socket

 protected:
  std::optional<member::Event> next_pending() {
    if (pending.empty()) return std::nullopt;
    const member::Event event = pending.front();
    pending.pop_front();
    return event;
  }

  // What every shell does alike.
  void perform_common(const member::Action& action) {
    if (const auto* persist = std::get_if<member::Persist>(&action)) {
      if (persist->value) {
        disk[persist->key] = *persist->value;
      } else {
        disk.erase(persist->key);
      }
    } else if (const auto* order = std::get_if<member::RunWorker>(&action)) {
      worker = *order;
      orders.push_back(*order);
    } else if (const auto* upload = std::get_if<member::Upload>(&action)) {
      pending.push_back(member::Uploaded{upload->digest});
    } else if (const auto* tell = std::get_if<member::Tell>(&action)) {
      answers.insert_or_assign(tell->question, tell->json);
    }
  }
  // To what a core asks about its own records; else none.
  std::optional<protocol::Reply> reply_about_records(const protocol::Request& request) {
    if (const auto* submit = std::get_if<protocol::Submit>(&request)) return ledger.submit(*submit);
    if (const auto* signer = std::get_if<protocol::FetchSigner>(&request))
      return ledger.signer(signer->member);
    return std::nullopt;
  }
  // Of the one study, for who has seen a head of this size.
  protocol::Work work_of(std::uint64_t version, std::vector<protocol::JobView> jobs,
                         std::uint64_t head_size) {
    protocol::Work work;
    work.version = version;
    work.jobs = std::move(jobs);
    work.studies = {study};
    work.checkpoint = ledger.checkpoint();
    work.consistency = ledger.consistency(head_size);
    return work;
  }
};

}  // namespace cloister::test
