#include "cli/rotate.h"

#include <algorithm>
#include <functional>

#include "base/file.h"
#include "cli/agent_line.h"
#include "cli/desk.h"
#include "cli/enrolling.h"
#include "cli/json_read.h"

namespace cloister::cli {
namespace {

namespace fs = std::filesystem;
using provenance::Json;
using provenance::text_or_empty;

constexpr Duration reopen_max{30'000};

crypto::Identity copy_of(const crypto::Identity& keys) {
  return {keys.id, keys.role, keys.sign.clone(), keys.seal.clone(), keys.curve.clone()};
}

// Files of a rotation that is under way; `note` says which token it belongs to and which key ends.
struct Rotation {
  Token token;
  MembershipFile membership;
  fs::path home, key, next, note;
  PassphraseSource passphrase;
  crypto::KeyFileCost cost;  // of opening the next keys
  crypto::Identity present;
  crypto::Identity coming;
  std::string former;         // signing key, hexadecimal
  std::string former_digest;  // of all three keys
  bool is_swapped = false;    // the key file is the next one already
};

Result<void> write_note(const Rotation& rotation) {
  return write_text(rotation.note,
                    to_jcs(Json::object()
                               .set("token", to_text(rotation.token))
                               .set("former", rotation.former)
                               .set("former_digest", rotation.former_digest)
                               .set("swapped", rotation.is_swapped)) +
                        "\n",
                    FileMode::owner_only);
}

std::string digest_of(const crypto::Identity& keys, const MembershipFile& membership) {
  auto record = key_bound(prove_member(keys, membership.role, membership.site, membership.log),
                          membership.log);
  return record ? to_hex(record->subjects.front().digest) : std::string{};
}

Result<crypto::Identity> make_next(const Rotation& rotation) {
  crypto::SystemEntropy entropy;
  crypto::Identity fresh =
      crypto::generate_identity(rotation.present.id, rotation.present.role, entropy);
  fresh.seal = rotation.present.seal.clone();
  auto passphrase = passphrase_for(rotation.key, rotation.passphrase);
  if (!passphrase) return pass(passphrase);
  std::error_code ignored;
  fs::remove(rotation.next, ignored);  // of an earlier token
  if (auto saved = crypto::save_identity(rotation.next, fresh, *passphrase, rotation.cost, entropy);
      !saved)
    return pass(saved);
  return fresh;
}

// Goes on with what an earlier call left, or makes the next keys.
Result<Rotation> begin(const RotateOptions& options, const fs::path& key,
                       const PassphraseSource& passphrase, crypto::KeyFileCost cost) {
  auto token = token_from_text(options.token);
  if (!token) return pass(token);
  auto membership = load_membership(options.home / "membership.json");
  if (!membership) return pass(membership);
  if (token->member != membership->member || token->root != membership->root) {
    return fail(Kind::conflict, "rotate.token",
                fmt::format("The token is for '{}', but this is the home of '{}'.", token->member,
                            membership->member),
                "Ask for a token for this member: cloister consortium invite.");
  }
  auto present = open_key(key, passphrase);
  if (!present) return pass(present);
  fs::path next = key;
  next.replace_extension(".next.key");
  const fs::path note = options.home / "rotation.json";
  const auto text = read_text(note, 64U << 10);
  const auto known = text ? provenance::parse_json(*text) : Result<Json>(Json());
  const bool goes_on = known && text_or_empty(*known, "token") == to_text(*token);
  Rotation rotation{
      std::move(*token), std::move(*membership), options.home, key, next, note, passphrase, cost,
      copy_of(*present), copy_of(*present),      {},           {},  false};
  if (goes_on) {
    rotation.former = text_or_empty(*known, "former");
    rotation.former_digest = text_or_empty(*known, "former_digest");
    rotation.is_swapped = rotation.former != to_hex(present->sign.public_key().view());
    if (rotation.is_swapped) return rotation;
    auto coming = open_key(next, passphrase);
    if (!coming) return pass(coming);
    rotation.coming = std::move(*coming);
    return rotation;
  }
  rotation.former = to_hex(present->sign.public_key().view());
  rotation.former_digest = digest_of(*present, rotation.membership);
  auto coming = make_next(rotation);
  if (!coming) return pass(coming);
  rotation.coming = std::move(*coming);
  if (auto noted = write_note(rotation); !noted) return pass(noted);
  return rotation;
}

Result<provenance::Record> rotation_record(const Rotation& rotation) {
  const MembershipFile& me = rotation.membership;
  auto record = key_bound(prove_member(rotation.coming, me.role, me.site, me.log), me.log);
  if (record) record->kind = provenance::RecordKind::key_rotated;
  return record;
}

Result<void> take_up(Rotation& rotation, const std::vector<Bytes>& envelopes) {
  if (auto good = check_membership(rotation.token, rotation.coming, envelopes); !good) return good;
  for (const Bytes& envelope : envelopes) {
    auto& known = rotation.membership.envelopes;
    if (std::find(known.begin(), known.end(), envelope) == known.end()) known.push_back(envelope);
  }
  const fs::path file = rotation.home / "membership.json";
  if (auto saved = save_membership(file, rotation.membership); !saved) return saved;
  std::error_code problem;
  fs::rename(rotation.next, rotation.key, problem);  // at once: there is always one key file
  if (problem) return tl::unexpected<Error>(system_error(problem.value(), "replace", rotation.key));
  rotation.is_swapped = true;
  return write_note(rotation);
}

Answer told(const Rotation& rotation, std::string text, bool done) {
  Answer answer;
  const std::string print = crypto::fingerprint(rotation.coming.sign.public_key());
  answer.text = std::move(text);
  answer.json.set("member", rotation.token.member.text())
      .set("fingerprint", print)
      .set("former", rotation.former)
      .set("rotated", done);
  return answer;
}

// Sign with the present key, whoever holds it; end the former one with the new key.
struct Hands {
  std::function<Result<void>(provenance::Record)> sign;
  std::function<Result<void>()> open;    // whoever uses the key file takes up the new one
  std::function<Result<void>()> retire;  // the former key, by the new one
};

Result<Answer> go_on(Rotation& rotation, const Hands& hands, const RotateOptions& options) {
  if (!rotation.is_swapped) {
    auto line = Line::open(
        copy_of(rotation.coming),
        {rotation.token.enrolment, rotation.token.coordinator, transport::Line::enrolment});
    if (!line) return pass(line);
    const protocol::Enrol enrol = request_of(rotation.token, rotation.coming);
    using Step = protocol::EnrolmentState::Step;
    auto state = wait_for_approval(**line, enrol, Duration(0));
    if (state && state->step == Step::waiting_for_approval && options.wait > Duration(0)) {
      if (options.announce) options.announce(rotation.token, rotation.coming.sign.public_key());
      state = wait_for_approval(**line, enrol, options.wait);
    }
    if (!state) return pass(state);
    if (state->step == Step::waiting_for_approval) {
      return told(rotation,
                  fmt::format("Next keys of '{}' are made and wait for the consortium.\n"
                              "  fingerprint  {}\nRun the same command again to go on.\n",
                              rotation.token.member,
                              crypto::fingerprint(rotation.coming.sign.public_key())),
                  false);
    }
    if (state->step == Step::rotate) {
      auto record = rotation_record(rotation);
      if (!record) return pass(record);
      if (auto done = hands.sign(std::move(*record)); !done) return pass(done);
      state = wait_for_approval(**line, enrol, answer_wait);
      if (!state) return pass(state);
    }
    if (state->step != Step::enrolled) {
      return fail(Kind::unavailable, "rotate.unfinished",
                  "The coordinator does not know the new keys yet.", "Run the same command again.");
    }
    if (auto taken = take_up(rotation, state->membership); !taken) return pass(taken);
  }
  if (auto opened = hands.open(); !opened) return pass(opened);
  if (auto retired = hands.retire(); !retired) return pass(retired);
  std::error_code ignored;
  fs::remove(rotation.note, ignored);
  return told(
      rotation,
      fmt::format("'{}' has new keys; the former signing key is revoked.\n"
                  "  fingerprint  {}\nNobody else was disturbed; what was signed before "
                  "stays signed.\n",
                  rotation.token.member, crypto::fingerprint(rotation.coming.sign.public_key())),
      true);
}

// --- An agent or a trainer: it signs itself, and opens its files again in the same process
// --------

Result<void> wait_until_heard(const fs::path& home, const std::string& print) {
  const SystemClock clock;
  const Duration end = clock.monotonic() + reopen_max;
  while (clock.monotonic() < end) {
    auto agent = AgentLine::open(home);
    auto status = agent ? agent->ask("status") : Result<Json>(tl::unexpected(agent.error()));
    if (status && text_or_empty(object_at(*status, "keys"), "fingerprint") == print &&
        !text_or_empty(*status, "last_heard").empty())
      return {};
    transport::EventLoop(clock).run_until([] { return false; }, Duration(200));
  }
  return fail(Kind::unavailable, "rotate.process",
              "The process has the new keys on its disk but is not heard with them.",
              "Look at its log; then run the same command again to finish.");
}

// It may have the new keys before it has heard which ones they replaced.
Result<void> until_known(const std::function<Result<void>()>& retire) {
  const SystemClock clock;
  const Duration end = clock.monotonic() + reopen_max;
  while (true) {
    auto retired = retire();
    if (retired || retired.error().code != "rotate.former" || clock.monotonic() >= end)
      return retired;
    transport::EventLoop(clock).run_until([] { return false; }, Duration(200));
  }
}

Result<void> reopen_with(const fs::path& home, const std::string& print) {
  if (auto process = reopen_process(home); !process) return pass(process);
  return wait_until_heard(home, print);
}

}  // namespace

Result<Answer> rotate_process(const RotateOptions& options) {
  PassphraseSource passphrase = options.passphrase;
  auto cost = cost_for(passphrase);
  if (passphrase.file.empty()) {  // drawn at enrolment
    passphrase.file = options.home / "passphrase";
    cost = crypto::KeyFileCost::random_passphrase;
  }
  auto rotation = begin(options, options.home / "identity.key", passphrase, cost);
  if (!rotation) return pass(rotation);
  const std::string print = crypto::fingerprint(rotation->coming.sign.public_key());
  const auto ask = [&](const char* verb, Json body) -> Result<void> {
    auto agent = AgentLine::open(options.home);
    if (!agent) return pass(agent);
    auto answered = agent->ask(verb, std::move(body));
    if (!answered) return pass(answered);
    return {};
  };
  return go_on(
      *rotation,
      {[&](provenance::Record record) { return ask("rotate", std::move(record.details)); },
       [&] { return reopen_with(options.home, print); },
       [&] {
         const Json body =
             Json::object().set("key", rotation->former).set("digest", rotation->former_digest);
         return until_known([&] { return ask("retire", body); });
       }},
      options);
}

Result<Answer> rotate_person(const RotateOptions& options) {
  auto connection = load_connection(options.home);
  if (!connection) return pass(connection);
  auto rotation = begin(options, connection->key, options.passphrase, cost_for(options.passphrase));
  if (!rotation) return pass(rotation);
  const MembershipFile& me = rotation->membership;
  const auto submit = [&](const crypto::Identity& keys, provenance::Record record) -> Result<void> {
    auto line = Line::open(copy_of(keys),
                           {connection->coordinator, me.coordinator, transport::Line::members});
    if (!line) return pass(line);
    LineDesk desk(**line);
    auto leaves = sign_and_submit(desk, {(*line)->identity(), me.role, org_of(me.site, me.log)},
                                  {std::move(record)});
    if (!leaves) return pass(leaves);
    return {};
  };
  return go_on(
      *rotation,
      {[&](provenance::Record record) { return submit(rotation->present, std::move(record)); },
       [] { return Result<void>{}; },
       [&] {
         provenance::Record record;
         record.kind = provenance::RecordKind::key_revoked;
         record.stage = "enrolment";
         record.reason = "rotated";
         record.subjects = {
             {me.member.text(), digest_from_hex(rotation->former_digest).value_or(Digest{})}};
         record.details.set("member", me.member.text()).set("key", rotation->former);
         return submit(rotation->coming, std::move(record));
       }},
      options);
}

}  // namespace cloister::cli
