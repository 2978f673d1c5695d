#include "member/witnessed.h"

#include "protocol/limits.h"
#include "provenance/json.h"
#include "provenance/note.h"

namespace cloister::member {
namespace {

using provenance::Checkpoint;
using provenance::Json;
using provenance::Note;

tl::unexpected<Error> unreadable() {
  return fail(Kind::invalid, "witness.answer",
              "What the coordinator says about cosignatures cannot be read.",
              "Check that it has the same version.");
}

Result<std::vector<Digest>> hashes_at(const Json& json, std::string_view key) {
  const Json* list = json.find(key);
  if (list == nullptr || list->items() == nullptr) return unreadable();
  if (list->items()->size() > protocol::limits::proof_hashes_max) return unreadable();
  std::vector<Digest> hashes;
  for (const Json& item : *list->items()) {
    const auto digest = item.text() == nullptr ? unreadable() : digest_from_hex(*item.text());
    if (!digest) return unreadable();
    hashes.push_back(*digest);
  }
  return hashes;
}

Result<Checkpoint> head_of(const WitnessQuestion& question) {
  const auto note = provenance::parse_note(question.head);
  if (!note) return pass(note);
  return provenance::parse_checkpoint(note->text);
}

Result<WitnessAnswer::Cosigned> cosigned_from(const Json& item) {
  auto note = provenance::parse_note(provenance::text_or_empty(item, "checkpoint"));
  auto proof = hashes_at(item, "consistency");
  if (!note || !proof) return unreadable();
  return WitnessAnswer::Cosigned{std::move(*note), std::move(*proof)};
}

bool extends_ours(const WitnessAnswer& answer, const WitnessAnswer::Cosigned& cosigned,
                  const crypto::PublicKey& log) {
  const provenance::NoteKey key{answer.log, provenance::NoteKeyType::ed25519, log};
  const auto theirs = provenance::open_checkpoint(cosigned.checkpoint, key);
  return theirs && theirs->head.size >= answer.head.size &&
         provenance::verify_consistency(answer.head, theirs->head, cosigned.consistency);
}

}  // namespace

protocol::Ask to_ask(const WitnessQuestion& question) {
  const auto head = head_of(question);
  return {"witnessed",
          fmt::format("{} {}", to_hex(question.record), head ? head->head.size : std::uint64_t{0})};
}

Result<WitnessAnswer> read_answer(const WitnessQuestion& question, const protocol::Told& told) {
  const auto json =
      provenance::parse_json(told.json, {.bytes_max = protocol::limits::told_bytes_max});
  const auto ours = head_of(question);
  if (!json || !ours) return unreadable();
  WitnessAnswer answer;
  answer.head = ours->head;
  answer.log = ours->origin;
  if (json->find("index") != nullptr) {
    const auto index = provenance::count_at(*json, "index");
    auto inclusion = hashes_at(*json, "inclusion");
    if (!index || !inclusion) return unreadable();
    answer.index = *index;
    answer.inclusion = std::move(*inclusion);
  }
  const Json* heads = json->find("heads");
  if (heads == nullptr || heads->items() == nullptr) return unreadable();
  for (const Json& item : *heads->items()) {
    auto cosigned = cosigned_from(item);
    if (!cosigned) return pass(cosigned);
    answer.heads.push_back(std::move(*cosigned));
  }
  return answer;
}

bool proves_record(const WitnessAnswer& answer, const Digest& record) {
  return answer.index &&
         provenance::verify_inclusion({*answer.index, record, answer.head}, answer.inclusion);
}

std::set<std::string> witnesses(const WitnessAnswer& answer, const Study& study,
                                const Membership& membership) {
  std::set<std::string> sites;
  const Member* coordinator = membership.coordinator();
  if (coordinator == nullptr) return sites;
  for (const WitnessAnswer::Cosigned& cosigned : answer.heads) {
    if (!extends_ours(answer, cosigned, coordinator->sign)) continue;
    for (const std::string& site : study.plan.sites) {
      const Member* agent = membership.agent_of(site);
      if (agent == nullptr) continue;
      const provenance::NoteKey key{agent->id.text(), provenance::NoteKeyType::cosignature,
                                    agent->sign};
      const auto check = provenance::check_note(cosigned.checkpoint, key);
      if (check == provenance::NoteCheck::valid) sites.insert(site);
    }
  }
  return sites;
}

bool is_quorum(const std::set<std::string>& sites, const Study& study) {
  return sites.size() >= study.plan.quorum;
}

}  // namespace cloister::member
