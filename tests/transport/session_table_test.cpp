#include "transport/session_table.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::transport;

namespace {
const MemberId agent = MemberId::trusted("agent-a");
const Bytes a(16, 0xa);
const Bytes b(16, 0xb);
const Bytes c(16, 0xc);

std::string code(const Result<SessionTable::Accepted>& result) {
  return result ? "" : result.error().code;
}
}  // namespace

TEST_CASE("nothing is accepted before a session is opened", "[transport]") {
  SessionTable table;
  CHECK(code(table.accept(agent, a, 1)) == "session.unknown");
  CHECK(code(table.accept(agent, {}, 1)) == "session.unknown");
  table.offer(agent, a);
  CHECK(code(table.accept(agent, {}, 1)) == "session.unknown");
  CHECK(code(table.accept(MemberId::trusted("agent-b"), a, 1)) == "session.unknown");
}

TEST_CASE("a counter must rise strictly and may jump", "[transport]") {
  SessionTable table;
  table.offer(agent, a);
  CHECK(code(table.accept(agent, a, 0)) == "session.unknown");
  CHECK(code(table.accept(agent, a, 1)) == "");
  CHECK(code(table.accept(agent, a, 1)) == "session.replayed");
  CHECK(code(table.accept(agent, a, 0)) == "session.replayed");
  CHECK(code(table.accept(agent, a, 9)) == "");
  CHECK(code(table.accept(agent, a, 8)) == "session.replayed");
  CHECK(code(table.accept(agent, a, UINT64_MAX)) == "");
  CHECK(code(table.accept(agent, a, UINT64_MAX)) == "session.replayed");
}

TEST_CASE("an offered session closes the live one only with its first message", "[transport]") {
  SessionTable table;
  table.offer(agent, a);
  CHECK_FALSE(table.accept(agent, a, 5).value().took_over);
  table.offer(agent, b);  // a replayed OpenSession, say
  CHECK(table.is_live(agent, a));
  CHECK(code(table.accept(agent, a, 6)) == "");
  CHECK(table.accept(agent, b, 1).value().took_over);
  CHECK(code(table.accept(agent, a, 7)) == "session.unknown");
  CHECK(table.is_live(agent, b));
}

TEST_CASE("only the newest offer counts, and a closed session never comes back", "[transport]") {
  SessionTable table;
  table.offer(agent, a);
  table.offer(agent, b);
  CHECK(code(table.accept(agent, a, 1)) == "session.unknown");
  CHECK(code(table.accept(agent, b, 1)) == "");
  table.offer(agent, c);
  CHECK(code(table.accept(agent, c, 3)) == "");
  CHECK(code(table.accept(agent, b, 99)) == "session.unknown");
  table.close(agent);
  CHECK(code(table.accept(agent, c, 4)) == "session.unknown");
  CHECK(table.size() == 0);
}
