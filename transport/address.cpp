#include "transport/address.h"

#include <algorithm>
#include <charconv>

namespace cloister::transport {
namespace {

tl::unexpected<Error> bad_address(std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, 70)) shown += (c >= 0x20 && c < 0x7f) ? c : '?';
  return fail(Kind::invalid, "address.format", fmt::format("'{}' is no address.", shown),
              "Write host:port, for example 127.0.0.1:7400 or [::1]:7400.");
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == ':' || c == '_';
}

}  // namespace

Result<Address> address_from_text(std::string_view text) {
  std::string_view left = text;
  if (left.starts_with("tcp://")) left.remove_prefix(6);
  const std::size_t colon = left.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 255) return bad_address(text);
  std::string_view host = left.substr(0, colon);
  const std::string_view port = left.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos)) return bad_address(text);
  if (host != "*" && !std::all_of(host.begin(), host.end(), is_host_character)) {
    return bad_address(text);
  }
  std::uint16_t number = 0;
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (problem != std::errc{} || end != port.data() + port.size()) return bad_address(text);
  return Address{std::string(host), number};
}

std::string to_string(const Address& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", six ? "[" : "", address.host, six ? "]" : "", address.port);
}

bool is_loopback(const Address& address) {
  return address.host == "localhost" || address.host == "::1" || address.host.starts_with("127.");
}

}  // namespace cloister::transport
