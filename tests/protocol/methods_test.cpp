#include "protocol/methods.h"

#include <catch2/catch.hpp>

#include "tests/protocol/samples.h"

using namespace cloister::protocol;

namespace {
bool may(Role role, const Request& request) { return may_call(role, method_of(request)); }
}  // namespace

TEST_CASE("the coordinator asks nobody, and nobody enrols among the members", "[protocol]") {
  for (const Request& request : samples::requests()) {
    CHECK_FALSE(may(Role::coordinator, request));
  }
  for (int role = 1; role <= 9; ++role) CHECK_FALSE(may(static_cast<Role>(role), Enrol{}));
  CHECK_FALSE(may_call(Role::root, 0));
  CHECK_FALSE(may_call(Role::root, 15));
  CHECK_FALSE(may_call(Role::root, 1001));
}

TEST_CASE("an auditor reads, and submits only what the coordinator lets it", "[protocol]") {
  CHECK(may(Role::auditor, FetchRecords{}));
  CHECK(may(Role::auditor, Ask{}));
  CHECK(may(Role::auditor, Submit{}));
  CHECK_FALSE(may(Role::auditor, BlobGet{}));
  CHECK_FALSE(may(Role::auditor, Invite{}));
}

TEST_CASE("only agents and the trainer send blobs and wraps, only admins invite", "[protocol]") {
  for (int number = 1; number <= 9; ++number) {
    const Role role = static_cast<Role>(number);
    const bool moves = role == Role::site_agent || role == Role::trainer;
    CHECK(may(role, BlobChunk{}) == moves);
    CHECK(may(role, PutWraps{}) == moves);
    CHECK(may(role, GetWraps{}) == moves);
    CHECK(may(role, Invite{}) == (role == Role::root || role == Role::consortium_admin));
  }
}

TEST_CASE("only chunks and blob data travel with a payload", "[protocol]") {
  int carrying = 0;
  for (const Request& request : samples::requests())
    carrying += carries_payload(method_of(request));
  for (const Reply& reply : samples::replies()) carrying += carries_payload(method_of(reply));
  CHECK(carrying == 2);
  CHECK(carries_payload(method_of(Request(BlobChunk{}))));
  CHECK(carries_payload(method_of(Reply(BlobData{}))));
}
