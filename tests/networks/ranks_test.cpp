// The pooled training over several processes: the real program, started as a launcher would.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "base/file.h"
#include "base/prng.h"
#include "networks/ranks.h"
#include "networks/views.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

void write_shards(const std::filesystem::path& folder) {
  for (int site = 0; site < 2; ++site) {
    Prng prng(static_cast<std::uint64_t>(site) + 1);
    const std::vector<std::int64_t> shape{16, code_channels, 4, 4};
    const std::size_t floats = 16 * 128 * 16;
    CodePairs pairs{
        {shape, std::vector<float>(floats)}, {shape, std::vector<float>(floats)}, {}, {}};
    for (std::size_t i = 0; i < floats; ++i) {
      pairs.image_codes.data[i] = static_cast<float>(prng.normal());
      pairs.mask_codes.data[i] = -pairs.image_codes.data[i];
    }
    pairs.slice.resize(16);
    pairs.view.resize(16);
    const auto place = folder / fmt::format("site-{}", site);
    REQUIRE(make_folder(place));
    REQUIRE(write_file(place / "000001.safetensors", *write_code_shard(pairs)));
  }
}

// A port that nobody holds just now.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

struct Group {
  std::filesystem::path folder;
  int size = 1;
  int port = 0;
  std::string steps = "steps=40";
};

pid_t start(const Group& group, int rank) {
  const auto out = (group.folder / fmt::format("net-{}-{}", group.size, rank)).string();
  const auto log = out + ".log";
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("RANK", std::to_string(rank).c_str(), 1);
  ::setenv("WORLD_SIZE", std::to_string(group.size).c_str(), 1);
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  ::setenv("MASTER_PORT", std::to_string(group.port).c_str(), 1);
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(file, 1);
  ::dup2(file, 2);
  const auto checkpoint =
      "checkpoint=" + (group.folder / fmt::format("kept-{}", group.size)).string();
  ::execl(CLOISTER_TRAIN_CODES, CLOISTER_TRAIN_CODES, (group.folder / "shards").c_str(),
          out.c_str(), "budget=quick", group.steps.c_str(), "batch=8", "levels=1", "threads=1",
          "progress_every=1", "checkpoint_every=10", checkpoint.c_str(), nullptr);
  ::_exit(127);
}

int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string log_of(const Group& group, int rank) {
  return *read_text(group.folder / fmt::format("net-{}-{}.log", group.size, rank));
}

std::vector<double> losses_in(const std::string& log) {
  std::vector<double> losses;
  for (std::size_t at = 0; (at = log.find("\"loss\":", at)) != std::string::npos; ++at)
    losses.push_back(std::strtod(log.c_str() + at + 7, nullptr));
  return losses;
}

bool has_engine() {
  RankPlace alone;
  alone.port = free_port();
  const auto joined = Ranks::join(alone);
  return joined || joined.error().code != "ranks.no_engine";
}

}  // namespace

TEST_CASE("two ranks follow the loss curve of one", "[ranks]") {
  if (!has_engine()) {
    WARN("SKIPPED: this build has no c10d");
    return;
  }
  test::TempFolder temp;
  write_shards(temp.path() / "shards");
  const Group one{temp.path(), 1, 0};
  REQUIRE(status_of(start(one, 0)) == 0);
  const Group two{temp.path(), 2, free_port()};
  const pid_t second = start(two, 1);
  const int first_status = status_of(start(two, 0));
  const int second_status = status_of(second);
  INFO(log_of(two, 0) << log_of(two, 1));
  REQUIRE(first_status == 0);
  REQUIRE(second_status == 0);
  const auto alone = losses_in(log_of(one, 0));
  const auto together = losses_in(log_of(two, 0));
  REQUIRE(alone.size() == 40);
  REQUIRE(together.size() == alone.size());
  CHECK(alone.back() < 0.9 * alone.front());
  // The same batches; only batch-norm sees halves of them.
  for (std::size_t i = 0; i < alone.size(); ++i)
    CHECK(std::abs(alone[i] - together[i]) < 0.15 * alone[i]);
  CHECK(losses_in(log_of(two, 1)).empty());
  CHECK(std::filesystem::exists(temp.path() / "net-2-0"));
  CHECK_FALSE(std::filesystem::exists(temp.path() / "net-2-1"));
}

TEST_CASE("a killed rank ends the group with a sentence, and all resume from the checkpoint",
          "[ranks]") {
  if (!has_engine()) {
    WARN("SKIPPED: this build has no c10d");
    return;
  }
  test::TempFolder temp;
  write_shards(temp.path() / "shards");
  Group group{temp.path(), 2, free_port(), "steps=4000"};
  const pid_t first = start(group, 0);
  const pid_t second = start(group, 1);
  const auto kept = temp.path() / "kept-2";
  for (int i = 0; i < 600 && !std::filesystem::exists(kept); ++i) ::usleep(100'000);
  REQUIRE(std::filesystem::exists(kept));
  ::kill(second, SIGKILL);
  CHECK(status_of(second) == 128 + SIGKILL);
  CHECK(status_of(first) == exit_status(Kind::unavailable));
  CHECK(log_of(group, 0).find("ranks.lost") != std::string::npos);
  const auto reached = losses_in(log_of(group, 0)).size();
  group.port = free_port();
  const pid_t first_again = start(group, 0);
  const pid_t second_again = start(group, 1);
  ::usleep(100'000);
  for (int i = 0; i < 600 && losses_in(log_of(group, 0)).empty(); ++i) ::usleep(100'000);
  ::kill(first_again, SIGTERM);
  ::kill(second_again, SIGTERM);
  (void)status_of(first_again);
  (void)status_of(second_again);
  const auto log = log_of(group, 0);
  REQUIRE(log.starts_with("{\"step\":"));
  const auto resumed_at = std::strtol(log.c_str() + 8, nullptr, 10);
  CHECK(resumed_at > 10);
  CHECK(resumed_at <= static_cast<long>(reached) + 1);
}

TEST_CASE("ranks meet on loopback, or where the operator vouches for the network", "[ranks]") {
  RankPlace place{1, 2, "10.1.2.3", 29500, false};
  CHECK(check_place(place).error().code == "ranks.open_network");
  place.private_network = true;
  CHECK(check_place(place));
  place.rank = 2;
  CHECK(check_place(place).error().code == "ranks.place");
  CHECK(check_place({0, 2, "127.0.0.1", 29500, false}));
}
