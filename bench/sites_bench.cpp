// sites_bench [sites] [seconds of idling]
//
// One real coordinator process and a thousand agents: the real core of each over a CURVE connection
// of its own, fifty a process, with memory instead of a disk and no worker.
// Ten sites a study. Measured at the coordinator, from /proc: processor time while nothing happens,
// memory, and the time from opening all studies until every site's approval of its first job is
// acknowledged to it.
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "bench/bench_home.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "site-agent/core/site_agent.h"
#include "transport/connection.h"

namespace {

using namespace cloister;
using namespace cloister::bench;

// A loop looks at all its sockets each time it wakes: few sites a process, or that is what is
// measured.
constexpr std::size_t sites_a_process = 50;
constexpr std::size_t sites_a_study = 10;
constexpr auto policy_text = "automatic: register-data";

// Shared by all processes.
struct Counts {
  std::atomic<std::size_t> polled{0};    // agents that got their first work
  std::atomic<std::size_t> approved{0};  // approvals that were acknowledged
};

class Agent {
 public:
  Agent(transport::EventLoop& loop, BenchHome& home, std::size_t i, Counts& counts)
      : loop_(loop),
        counts_(counts),
        connection_({loop, home.identity(BenchHome::agent(i)), home.entropy(), Prng(i)},
                    {{"127.0.0.1", home.port()},
                     MemberId::trusted("coordinator"),
                     home.identity("coordinator").sign.public_key(),
                     home.identity("coordinator").curve.public_key()}),
        agent_(options(home, i), home.identity(BenchHome::agent(i)).sign, stored()) {}
  void start() { feed(member::Started{}); }

 private:
  static site_agent::AgentOptions options(const BenchHome& home, std::size_t i) {
    site_agent::AgentOptions options;
    options.link.self = MemberId::trusted(BenchHome::agent(i));
    options.link.role = protocol::Role::site_agent;
    options.link.site = BenchHome::site(i);
    options.link.root = crypto::key_id(home.identity("root").sign.public_key());
    // What an enrolment hands out: those whom everybody knows, and itself.
    options.link.membership.assign(home.genesis().begin(), home.genesis().begin() + 4);
    options.link.membership.push_back(home.genesis()[4 + i]);
    options.policy.text = policy_text;
    options.policy.digest = crypto::sha256(as_bytes(policy_text));
    options.policy.studies = {"*"};
    options.policy.automatic = {"register-data"};
    return options;
  }
  // The policy was signed and published before.
  static member::Stored stored() {
    const auto digest = crypto::sha256(as_bytes(policy_text));
    return {{"policy", to_bytes(provenance::to_jcs(
                           provenance::Json().set("digest", digest).set("signer", "owner")))}};
  }

  void feed(const member::Event& event) {
    const auto actions = agent_.on(event, loop_.now());
    for (const auto& action : actions) {
      if (const auto* ask = std::get_if<member::Ask>(&action)) this->ask(*ask);
    }
    if (timer_) loop_.cancel(*timer_);
    timer_.reset();
    const auto next = agent_.next_deadline();
    if (!next) return;
    const Duration wait = std::clamp(*next - loop_.now(), Duration(1), Duration(30'000));
    timer_ = loop_.after(wait, [this] {
      timer_.reset();
      feed(member::Ticked{});
    });
  }
  void ask(const member::Ask& ask) {
    const bool submits = std::holds_alternative<protocol::Submit>(ask.request);
    connection_.ask(ask.request, [this, tag = ask.tag, submits](Result<transport::Answer> answer) {
      if (answer && submits) ++counts_.approved;
      if (answer && !has_work_) ++counts_.polled;
      has_work_ = has_work_ || answer.has_value();
      feed(member::Answered{tag, answer ? std::move(answer->reply)
                                        : protocol::Reply(protocol::Refused{answer.error()})});
    });
  }

  transport::EventLoop& loop_;
  Counts& counts_;
  transport::Connection connection_;
  site_agent::SiteAgent agent_;
  std::optional<transport::TimerId> timer_;
  bool has_work_ = false;
};

[[noreturn]] void run_agents(BenchHome& home, std::size_t first, std::size_t end, Counts& counts) {
  const SystemClock clock;
  transport::EventLoop loop(clock);
  std::vector<std::unique_ptr<Agent>> agents;
  for (std::size_t i = first; i < end; ++i)
    agents.push_back(std::make_unique<Agent>(loop, home, i, counts));
  for (auto& agent : agents) agent->start();
  loop.run();
  std::_Exit(0);
}

double wait_for(const std::atomic<std::size_t>& count, std::size_t wanted, const char* what) {
  const SystemClock clock;
  const Duration began = clock.monotonic();
  while (count < wanted) {
    if (clock.monotonic() - began > Duration(300'000)) {
      fmt::print(stderr, "bench: {} of {} {} after five minutes\n", count.load(), wanted, what);
      std::exit(1);
    }
    ::usleep(2'000);
  }
  return static_cast<double>((clock.monotonic() - began).count()) / 1e3;
}

void submit(BenchHome& home, const std::vector<Bytes>& envelopes) {
  const SystemClock clock;
  transport::EventLoop loop(clock);
  transport::Connection owner({loop, home.identity("owner"), home.entropy(), Prng(1)},
                              {{"127.0.0.1", home.port()},
                               MemberId::trusted("coordinator"),
                               home.identity("coordinator").sign.public_key(),
                               home.identity("coordinator").curve.public_key()});
  must(transport::reply_as<protocol::Receipts>(
      owner.ask_and_wait(protocol::Submit{envelopes}, Duration(60'000))));
}

void idle(const CoordinatorProcess& coordinator, unsigned seconds, const char* when) {
  const double before = coordinator.processor_seconds();
  ::sleep(seconds);
  const double used = coordinator.processor_seconds() - before;
  fmt::print("{}, nothing happens: {:.1f} % of one core over {} s; {:.0f} MB, at most {:.0f} MB\n",
             when, used / seconds * 100, seconds, coordinator.resident_mb(),
             coordinator.resident_peak_mb());
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t sites = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000;
  const unsigned seconds = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 60;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("cloister-sites-{}", getpid());
  BenchHome home(folder, sites, 24'600);
  CoordinatorProcess coordinator(home);
  coordinator.seconds_until_serving();
  auto* counts = new (::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Counts;
  std::vector<pid_t> processes;
  for (std::size_t first = 0; first < sites; first += sites_a_process) {
    processes.push_back(::fork());
    if (processes.back() == 0)
      run_agents(home, first, std::min(sites, first + sites_a_process), *counts);
  }
  fmt::print("{} agents connected and polling after {:.1f} s\n", sites,
             wait_for(counts->polled, sites, "agents have polled"));
  idle(coordinator, seconds, "connected");
  provenance::Record policy;
  policy.kind = provenance::RecordKind::policy_published;
  policy.subjects = {{"policy", crypto::sha256(as_bytes(policy_text))}};
  std::vector<Bytes> envelopes{home.sign("owner", std::move(policy))};
  for (std::size_t first = 0; first < sites; first += sites_a_study) {
    envelopes.push_back(home.opening(home.plan(fmt::format("study-{:04}", first / sites_a_study),
                                               first, std::min(sites_a_study, sites - first))));
  }
  const double before = coordinator.processor_seconds();
  submit(home, envelopes);
  const double took = wait_for(counts->approved, sites, "approvals were acknowledged");
  fmt::print(
      "a job offered to each of {} sites, approved and acknowledged: {:.2f} s after the "
      "owner's answer, {:.2f} s of the coordinator's processor\n",
      sites, took, coordinator.processor_seconds() - before);
  idle(coordinator, seconds, "with a job each");
  for (const pid_t one : processes) {
    ::kill(one, SIGKILL);
    ::waitpid(one, nullptr, 0);
  }
  coordinator.end(SIGTERM);
  std::filesystem::remove_all(folder);
  return 0;
}
