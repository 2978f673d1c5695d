#include "cli/line.h"

#include "base/prng.h"

namespace cloister::cli {

Result<std::unique_ptr<Line>> Line::open(crypto::Identity identity, const To& to) {
  auto address = transport::address_from_text(to.address);
  if (!address) return pass(address);
  std::unique_ptr<Line> line(new Line(std::move(identity)));
  const Bytes seed = line->entropy_.bytes(8);
  transport::ConnectionParts parts{line->loop_, line->identity_, line->entropy_,
                                   Prng(read_be64(seed))};
  const transport::Server server{*address, to.coordinator.member, to.coordinator.sign,
                                 to.coordinator.curve};
  line->connection_ = std::make_unique<transport::Connection>(std::move(parts), server, to.line);
  return line;
}

Result<provenance::Json> Line::tell(const std::string& what, const std::string& argument) {
  auto told = ask<protocol::Told>(protocol::Ask{what, argument});
  if (!told) return pass(told);
  return provenance::parse_json(told->json, {.bytes_max = 8U << 20, .depth_max = 32});
}

Result<Person> open_person(const std::filesystem::path& home, const PassphraseSource& passphrase) {
  auto membership = load_membership(home / "membership.json");
  if (!membership) return pass(membership);
  auto connection = load_connection(home);
  if (!connection) return pass(connection);
  auto identity = open_key(connection->key, passphrase);
  if (!identity) return pass(identity);
  return Person{std::move(*membership), std::move(*connection), std::move(*identity)};
}

Result<Seat> take_seat(const std::filesystem::path& home, const PassphraseSource& passphrase) {
  auto person = open_person(home, passphrase);
  if (!person) return pass(person);
  auto& [membership, connection, identity] = *person;
  auto line = Line::open(std::move(identity), {connection.coordinator, membership.coordinator,
                                               transport::Line::members});
  if (!line) return pass(line);
  return Seat{home, std::move(membership), std::move(connection), std::move(*line)};
}

Result<member::Membership> roster(Seat& seat) {
  auto work = seat.line->ask<protocol::Work>(protocol::Poll{});
  if (!work) return pass(work);
  std::vector<Bytes> envelopes = seat.membership.envelopes;
  envelopes.insert(envelopes.end(), work->membership.begin(), work->membership.end());
  return member::Membership::from(seat.membership.root, envelopes);
}

}  // namespace cloister::cli
