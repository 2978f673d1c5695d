#include "bench/bench_home.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/start.h"

namespace cloister::bench {
namespace {

using protocol::Role;
using provenance::Json;

constexpr auto log_origin = "cloister/bench";

double now_seconds() { return static_cast<double>(SystemClock().monotonic().count()) / 1e3; }

std::string read_proc(pid_t pid, const char* file) {
  std::ifstream in(fmt::format("/proc/{}/{}", pid, file));
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

double status_mb(pid_t pid, const std::string& field) {
  std::istringstream lines(read_proc(pid, "status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field)) return std::stod(line.substr(field.size())) / 1024;
  }
  return 0;
}

}  // namespace

void give_up(const Error& error) {
  fmt::print(stderr, "bench: {}\n", to_string(error));
  std::exit(1);
}

std::string BenchHome::site(std::size_t i) { return fmt::format("site-{:05}", i); }
std::string BenchHome::agent(std::size_t i) { return fmt::format("agent-{:05}", i); }

BenchHome::BenchHome(std::filesystem::path folder, std::size_t sites, std::uint16_t port)
    : folder_(std::move(folder)), port_(port) {
  must(crypto::start());
  add("root", Role::root, "consortium");
  add("coordinator", Role::coordinator, "consortium");
  add("trainer", Role::trainer, "consortium");
  add("owner", Role::study_owner, "consortium");
  for (std::size_t i = 0; i < sites; ++i) add(agent(i), Role::site_agent, site(i));
  write();
}

void BenchHome::add(const std::string& name, Role role, const std::string& org) {
  auto& person =
      people_.emplace(name, test::signing_person(name, role, org, entropy_)).first->second;
  genesis_.push_back(sign("root", test::key_bound(person, role, org, log_origin)));
}

Bytes BenchHome::sign(const std::string& member, provenance::Record record) {
  return test::sign_next(people_.at(member), std::move(record), entropy_);
}

void BenchHome::follow(const std::string& member, std::uint64_t last_seq, const Digest& last) {
  auto& person = people_.at(member);
  person.seq = last_seq;
  person.last = last;
}

protocol::StudyPlan BenchHome::plan(const std::string& study, std::size_t first,
                                    std::size_t count) const {
  protocol::StudyPlan plan;
  plan.study = StudyId::trusted(study);
  plan.title = plan.purpose = plan.legal_basis = "a benchmark";
  plan.owner = "owner";
  plan.trainer = "trainer";
  plan.trainer_seal_key = to_hex(crypto::public_part(identity("trainer")).seal.view());
  for (std::size_t i = first; i < first + count; ++i) plan.sites.push_back(site(i));
  plan.structures = {"LV"};
  plan.budget = must(protocol::budget_preset("quick"));
  plan.gate = protocol::default_thresholds();
  return plan;
}

Bytes BenchHome::opening(const protocol::StudyPlan& plan) {
  const std::string json = protocol::to_json(plan);
  provenance::Record record;
  record.kind = provenance::RecordKind::study_opened;
  record.study = plan.study;
  record.details.set("plan", json);
  record.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
  return sign("owner", std::move(record));
}

provenance::LedgerRules BenchHome::rules() const {
  const auto& root = people_.at("root");
  return {log_origin, {{root.identity.id, root.org, root.identity.sign.public_key()}}, {}};
}

void BenchHome::write() {
  must(make_folder(folder_));
  const auto passphrase = must(crypto::Passphrase::from_text("not a secret"));
  must(crypto::save_identity(folder_ / "identity.key", identity("coordinator"), passphrase,
                             crypto::KeyFileCost::random_passphrase, entropy_));
  must(write_text(folder_ / "passphrase", "not a secret\n", FileMode::owner_only));
  Json list = Json::array();
  for (const Bytes& envelope : genesis_) list.push(std::string(as_text(envelope)));
  Json json = Json::object();
  json.set("format", "cloister-genesis/1").set("consortium", "bench").set("log", log_origin);
  json.set("root", crypto::key_id(identity("root").sign.public_key()));
  json.set("envelopes", std::move(list));
  must(write_text(folder_ / "genesis.json", provenance::to_jcs(json)));
  must(write_text(folder_ / "coordinator.toml",
                  fmt::format("members = \"127.0.0.1:{}\"\nenrolment = \"127.0.0.1:{}\"\n"
                              "passphrase_file = \"passphrase\"\n",
                              port_, port_ + 1)));
}

CoordinatorProcess::CoordinatorProcess(const BenchHome& home) : log_(home.folder() / "log") {
  const auto program =
      std::filesystem::canonical("/proc/self/exe").parent_path() / "cloister-coordinator";
  const std::string config = (home.folder() / "coordinator.toml").string();
  std::error_code ignored;
  std::filesystem::remove(log_, ignored);
  began_ = now_seconds();
  pid_ = ::fork();
  if (pid_ != 0) return;
  const int file = ::open(log_.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  ::dup2(file, 2);
  ::execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
  ::_exit(127);
}

std::string CoordinatorProcess::log() const { return read_text(log_, 64U << 20).value_or(""); }

double CoordinatorProcess::seconds_until_serving() {
  while (log().find(" serving") == std::string::npos) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      give_up({Kind::unavailable, "bench.coordinator", "The coordinator ended: " + log(), ""});
    }
    ::usleep(2'000);
  }
  return now_seconds() - began_;
}

void CoordinatorProcess::end(int signal) {
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

double CoordinatorProcess::processor_seconds() const {
  const std::string stat = read_proc(pid_, "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double CoordinatorProcess::resident_mb() const { return status_mb(pid_, "VmRSS:"); }
double CoordinatorProcess::resident_peak_mb() const { return status_mb(pid_, "VmHWM:"); }

}  // namespace cloister::bench
