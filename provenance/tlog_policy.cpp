#include "provenance/tlog_policy.h"

#include <algorithm>

#include "provenance/lines.h"

namespace cloister::provenance {
namespace {

class Reader {
 public:
  Result<TlogPolicy> read(std::string_view text) {
    if (text.size() > policy_bytes_max) return bad("is too large");
    if (!text.empty() && text.back() != '\n') return bad("does not end in a newline");
    while (!text.empty()) {
      ++line_number_;
      const std::string_view line = *take_line(text);
      if (std::any_of(line.begin(), line.end(), is_forbidden)) return bad("holds control bytes");
      const auto words = words_of(line);
      if (words.empty() || words[0].starts_with('#')) continue;
      if (auto done = read_line(words); !done) return pass(done);
    }
    if (!has_quorum_) return bad("names no quorum");
    return std::move(policy_);
  }

 private:
  using Words = std::vector<std::string_view>;

  static bool is_forbidden(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  }
  [[nodiscard]] tl::unexpected<Error> bad(std::string_view what) const {
    return fail(Kind::invalid, "policy.format",
                fmt::format("The trust policy {} (line {}).", what, line_number_),
                "The lines are log, witness, group and quorum, as c2sp.org/tlog-policy says.");
  }
  [[nodiscard]] bool is_name_taken(std::string_view name) const {
    return name == "none" || std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  // A key is known once, whatever it is called.
  [[nodiscard]] bool is_key_taken(const NoteKey& key, bool is_log) const {
    const auto same = [&](const NoteKey& other) { return other.public_key == key.public_key; };
    if (is_log) return std::any_of(policy_.logs.begin(), policy_.logs.end(), same);
    return std::any_of(policy_.witnesses.begin(), policy_.witnesses.end(),
                       [&](const PolicyWitness& other) { return same(other.key); });
  }

  Result<void> read_line(const Words& words) {
    if (words[0] == "log") return read_log(words);
    if (words[0] == "witness") return read_witness(words);
    if (words[0] == "group") return read_group(words);
    if (words[0] == "quorum") return read_quorum(words);
    return bad("holds an unknown line");
  }
  Result<void> read_log(const Words& words) {
    if (words.size() < 2 || words.size() > 3) return bad("holds a log line of the wrong length");
    auto key = parse_vkey(words[1]);
    if (!key || key->type != NoteKeyType::ed25519) return bad("holds a log key that is none");
    if (is_key_taken(*key, true)) return bad("lists a log twice");
    if (policy_.logs.size() == policy_entries_max) return bad("lists too many logs");
    policy_.logs.push_back(std::move(*key));
    return {};
  }
  Result<void> read_witness(const Words& words) {
    if (words.size() < 3 || words.size() > 4)
      return bad("holds a witness line of the wrong length");
    auto key = parse_vkey(words[2]);
    if (!key || key->type != NoteKeyType::cosignature) {
      return bad("holds a witness key that is none");
    }
    if (is_name_taken(words[1]) || is_key_taken(*key, false)) return bad("lists a witness twice");
    if (policy_.witnesses.size() == policy_entries_max) return bad("lists too many witnesses");
    policy_.witnesses.push_back({std::string(words[1]), std::move(*key)});
    names_.emplace_back(words[1]);
    return {};
  }
  Result<void> read_group(const Words& words) {
    if (words.size() < 4 || is_name_taken(words[1])) return bad("holds a group that cannot be");
    if (policy_.groups.size() == policy_entries_max) return bad("lists too many groups");
    PolicyGroup group{std::string(words[1]), 0, {}};
    for (std::size_t i = 3; i < words.size(); ++i) {
      if (words[i] == "none" || !is_name_taken(words[i])) return bad("refers to an unknown name");
      if (std::find(used_.begin(), used_.end(), words[i]) != used_.end()) {
        return bad("uses a name in two groups");
      }
      used_.emplace_back(words[i]);
      group.members.emplace_back(words[i]);
    }
    if (words[2] == "any") {
      group.threshold = 1;
    } else if (words[2] == "all") {
      group.threshold = group.members.size();
    } else {
      group.threshold = decimal(words[2]).value_or(0);
    }
    if (group.threshold < 1 || group.threshold > group.members.size()) {
      return bad("asks a group for more members than it has, or for none");
    }
    names_.push_back(group.name);
    policy_.groups.push_back(std::move(group));
    return {};
  }
  Result<void> read_quorum(const Words& words) {
    if (words.size() != 2 || has_quorum_) return bad("needs exactly one quorum of one name");
    if (!is_name_taken(words[1])) return bad("names a quorum that is unknown");
    policy_.quorum = words[1];
    has_quorum_ = true;
    return {};
  }

  TlogPolicy policy_;
  std::vector<std::string> names_;
  std::vector<std::string> used_;
  std::size_t line_number_ = 0;
  bool has_quorum_ = false;
};

}  // namespace

Result<TlogPolicy> parse_tlog_policy(std::string_view text) { return Reader().read(text); }

std::string to_text(const TlogPolicy& policy) {
  std::string text;
  for (const auto& log : policy.logs) text += fmt::format("log {}\n", log.vkey());
  for (const auto& witness : policy.witnesses) {
    text += fmt::format("witness {} {}\n", witness.name, witness.key.vkey());
  }
  for (const auto& group : policy.groups) {
    text += fmt::format("group {} {}", group.name, group.threshold);
    for (const auto& member : group.members) text += " " + member;
    text += "\n";
  }
  return text + fmt::format("quorum {}\n", policy.quorum);
}

TlogPolicy default_policy(const NoteKey& log, std::vector<PolicyWitness> witnesses) {
  TlogPolicy policy;
  policy.logs.push_back(log);
  policy.witnesses = std::move(witnesses);
  if (policy.witnesses.empty()) return policy;
  PolicyGroup group{"sites", policy.witnesses.size() * 2 / 3 + 1, {}};
  for (const auto& witness : policy.witnesses) group.members.push_back(witness.name);
  policy.quorum = group.name;
  policy.groups.push_back(std::move(group));
  return policy;
}

Result<std::set<std::string>> cosigners(const Note& note, const TlogPolicy& policy) {
  std::set<std::string> names;
  for (const auto& witness : policy.witnesses) {
    const NoteCheck check = check_note(note, witness.key);
    if (check == NoteCheck::invalid) {
      return fail(Kind::unauthenticated, "note.bad_signature",
                  fmt::format("The cosignature of the witness '{}' is wrong.", witness.name));
    }
    if (check == NoteCheck::valid) names.insert(witness.name);
  }
  return names;
}

bool has_quorum(const std::set<std::string>& cosigners, const TlogPolicy& policy) {
  if (policy.quorum == "none") return true;
  std::set<std::string> witnessed = cosigners;
  for (const auto& group : policy.groups) {  // in order: each refers to names above it
    const auto count = std::count_if(group.members.begin(), group.members.end(),
                                     [&](const auto& name) { return witnessed.contains(name); });
    if (static_cast<std::uint64_t>(count) >= group.threshold) witnessed.insert(group.name);
  }
  return witnessed.contains(policy.quorum);
}

Result<Checkpoint> accept_checkpoint(const Note& note, const TlogPolicy& policy) {
  std::optional<Checkpoint> accepted;
  for (const auto& log : policy.logs) {
    if (check_note(note, log) == NoteCheck::absent) continue;
    auto checkpoint = open_checkpoint(note, log);
    if (!checkpoint) return checkpoint;
    accepted = std::move(*checkpoint);
  }
  if (!accepted) {
    return fail(Kind::unauthenticated, "checkpoint.unknown_log",
                "The checkpoint is not signed by any log of the trust policy.",
                "Use the trust policy of the consortium that the bundle is from.");
  }
  const auto names = cosigners(note, policy);
  if (!names) return pass(names);
  if (!has_quorum(*names, policy)) {
    return fail(
        Kind::forbidden, "checkpoint.quorum",
        fmt::format("Only {} of the {} witnesses cosigned the checkpoint; that is no quorum.",
                    names->size(), policy.witnesses.size()),
        "Ask the coordinator for a checkpoint with more cosignatures.");
  }
  return *accepted;
}

}  // namespace cloister::provenance
