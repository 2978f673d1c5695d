#include "networks/ranks.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>

namespace cloister::networks {
namespace {

constexpr int size_max = 1024;

std::optional<std::string> variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

Result<int> number(const char* name, int low, int high) {
  const auto text = variable(name).value_or("");
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && value >= low &&
      value <= high)
    return value;
  return fail(
      Kind::invalid, "ranks.environment",
      fmt::format("{} is '{}'; with WORLD_SIZE set it must be a number from {} to {}.", name, text,
                  low, high),
      "Start all ranks with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun does.");
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

}  // namespace

Result<RankPlace> rank_place_from_environment() {
  RankPlace place;
  if (!variable("WORLD_SIZE")) return place;
  const auto size = number("WORLD_SIZE", 1, size_max);
  if (!size) return pass(size);
  place.size = *size;
  if (place.size == 1) return place;
  const auto rank = number("RANK", 0, place.size - 1);
  if (!rank) return pass(rank);
  const auto port = number("MASTER_PORT", 1, 65535);
  if (!port) return pass(port);
  place.rank = *rank;
  place.port = *port;
  place.address = variable("MASTER_ADDR").value_or("");
  place.private_network = variable("CLOISTER_RANKS_NETWORK").value_or("") == "private";
  if (auto sound = check_place(place); !sound) return pass(sound);
  return place;
}

Result<void> check_place(const RankPlace& place) {
  if (place.size < 1 || place.size > size_max || place.rank < 0 || place.rank >= place.size ||
      place.address.empty())
    return fail(
        Kind::invalid, "ranks.place",
        fmt::format("There is no rank {} of {} at '{}'.", place.rank, place.size, place.address),
        "Give every rank its own number below WORLD_SIZE and the address of rank 0.");
  if (place.size == 1 || is_loopback(place.address) || place.private_network) return {};
  return fail(Kind::forbidden, "ranks.open_network",
              fmt::format("Ranks would meet at {}, but c10d authenticates nobody.", place.address),
              "Use a loopback address; or, if the network between the machines is private and "
              "encrypted, say so with CLOISTER_RANKS_NETWORK=private.");
}

}  // namespace cloister::networks
