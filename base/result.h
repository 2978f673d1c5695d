// Result and Error: the only way Cloister reports an expected failure.
//
// An Error is written for a person. `what` says what went wrong and where; `next` says what to do
// about it; `code` is a stable dotted name for scripts ("image.size_mismatch"), documented in
// docs/errors.md; `kind` decides how the caller reacts and which exit status a program ends with.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace cloister {

// Ten kinds, one reaction each. The numeric value crosses the wire; never renumber.
enum class Kind : int {
  invalid = 1,          // the input is wrong: change it
  unauthenticated = 2,  // we do not know who you are: enrol, or use the right key
  forbidden = 3,        // we know you, and you may not: ask for the role or the approval
  not_found = 4,        // no such thing: check the name
  conflict = 5,         // contradicts what is already there: look at the present state
  stale = 6,            // overtaken by something newer: fetch and try again
  exhausted = 7,        // a limit or quota is reached: raise it or wait
  unavailable = 8,      // cannot be reached now: trying later may work
  corrupt = 9,          // bytes are not what they must be: restore from a good copy
  unsupported = 10,     // this version or build cannot: upgrade
};

// "invalid", "unauthenticated", ...
[[nodiscard]] std::string_view to_string(Kind kind);
// Exit status of a program that ends with this kind: 10 + its number (11..20).
[[nodiscard]] int exit_status(Kind kind);
// Kind from its wire number; `invalid` for numbers that no version uses.
[[nodiscard]] Kind kind_from_number(int number);
// Kind from what to_string gives; nothing for other words.
[[nodiscard]] std::optional<Kind> kind_named(std::string_view word);

struct Error {
  Kind kind = Kind::invalid;
  std::string code;  // stable, dotted, lower case: "plan.unknown_key"
  std::string what;  // one sentence
  std::string next;  // what the person can do; may be empty

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

// "what next" on one line, with the code in brackets.
[[nodiscard]] std::string to_string(const Error& error);

// return fail(Kind::invalid, "image.empty", "The image 'x' is empty.", "Copy it again.");
[[nodiscard]] inline tl::unexpected<Error> fail(Kind kind, std::string_view code, std::string what,
                                                std::string next = {}) {
  return tl::unexpected<Error>(Error{kind, std::string(code), std::move(what), std::move(next)});
}

// Passes an error of one Result on as the failure of another.
template <class T>
[[nodiscard]] tl::unexpected<Error> pass(Result<T>&& failed) {
  return tl::unexpected<Error>(std::move(failed).error());
}
template <class T>
[[nodiscard]] tl::unexpected<Error> pass(const Result<T>& failed) {
  return tl::unexpected<Error>(failed.error());
}

}  // namespace cloister
