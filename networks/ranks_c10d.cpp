// The only file that knows c10d.
#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>

#if __has_include(<gloo/algorithm.h>)
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#define CLOISTER_HAS_C10D
#endif

#include "networks/ranks.h"
#include "networks/training.h"
#include "networks/weights.h"

namespace cloister::networks {

#ifdef CLOISTER_HAS_C10D

namespace {
// How long a rank waits for the others to arrive, and for a slower one within a step.
constexpr auto patience = std::chrono::minutes(5);
}  // namespace

struct Ranks::Parts {
  RankPlace place;
  c10::intrusive_ptr<c10d::Store> store;
  std::unique_ptr<c10d::ProcessGroupGloo> group;
};

Result<std::shared_ptr<Ranks>> Ranks::join(const RankPlace& place) {
  if (auto sound = check_place(place); !sound) return pass(sound);
  auto parts = std::make_unique<Parts>();
  parts->place = place;
  try {
    c10d::TCPStoreOptions meeting;
    meeting.port = static_cast<std::uint16_t>(place.port);
    meeting.isServer = place.rank == 0;
    meeting.numWorkers = static_cast<std::size_t>(place.size);
    meeting.timeout = patience;
    parts->store = c10::make_intrusive<c10d::TCPStore>(place.address, meeting);
    auto options = c10d::ProcessGroupGloo::Options::create(patience);
    options->devices.push_back(
        place.private_network ? c10d::ProcessGroupGloo::createDefaultDevice()
                              : c10d::ProcessGroupGloo::createDeviceForHostname(place.address));
    parts->group = std::make_unique<c10d::ProcessGroupGloo>(parts->store, place.rank, place.size,
                                                            std::move(options));
  } catch (const std::exception& e) {
    return fail(Kind::unavailable, "ranks.join",
                fmt::format("Rank {} of {} could not join at {}:{}: {}.", place.rank, place.size,
                            place.address, place.port, std::string_view(e.what()).substr(0, 200)),
                "Check that rank 0 is started, that the port is free and reachable, and that every "
                "rank has the same WORLD_SIZE.");
  }
  return std::make_shared<Ranks>(std::move(parts));
}

Result<void> average_over(Ranks* ranks, torch::Tensor& tensor) {
  if (ranks == nullptr || ranks->size() == 1) return {};
  try {
    std::vector<torch::Tensor> held{tensor.is_cpu() ? tensor : tensor.cpu()};
    ranks->parts().group->allreduce(held)->wait();
    held[0].div_(ranks->size());
    if (!tensor.is_cpu()) tensor.copy_(held[0]);
    return {};
  } catch (const std::exception& e) {
    return fail(Kind::unavailable, "ranks.lost",
                fmt::format("Rank {} lost the others: {}.", ranks->rank(),
                            std::string_view(e.what()).substr(0, 200)),
                "Start all ranks again; they go on from the last checkpoint.");
  }
}

#else

struct Ranks::Parts {
  RankPlace place;
};

Result<std::shared_ptr<Ranks>> Ranks::join(const RankPlace& place) {
  if (auto sound = check_place(place); !sound) return pass(sound);
  return fail(
      Kind::unsupported, "ranks.no_engine", "This build has no c10d with Gloo.",
      "Build where Gloo's headers are installed (Debian: libgloo-dev), or train with one rank.");
}

Result<void> average_over(Ranks*, torch::Tensor&) { return {}; }

#endif

Ranks::Ranks(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Ranks::~Ranks() = default;
int Ranks::rank() const { return parts_->place.rank; }
int Ranks::size() const { return parts_->place.size; }

}  // namespace cloister::networks
