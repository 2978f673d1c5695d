// What an operator copies onto a machine: service units and the compose file. Nothing here starts a
// service or a container; the files are held against the programs they name.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "cli/child.h"

using namespace cloister;

namespace {

std::string file(const std::string& path) {
  const auto text = read_text(path, 1U << 20);
  REQUIRE(text);
  return *text;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// The options of an ExecStart line, as the program itself explains them.
void check_options(const std::string& unit, const std::string& program) {
  const auto help = cli::run_program(std::string(CLOISTER_BIN) + "/" + program, {"--help"});
  REQUIRE(help);
  REQUIRE(help->status == 0);
  for (const char* option : {"--config", "--log", "--check-config"}) {
    INFO(option);
    CHECK(unit.find(option) != std::string::npos);
    CHECK(help->out.find(option) != std::string::npos);
  }
}

}  // namespace

TEST_CASE(
    "every service unit starts a program of ours, checks its configuration first, and is "
    "hardened",
    "[system]") {
  for (const std::string daemon : {"coordinator", "agent", "trainer"}) {
    INFO(daemon);
    const std::string unit = file(fmt::format("ops/systemd/cloister-{}.service", daemon));
    CHECK(unit.find("ExecStart=/usr/bin/cloister-" + daemon + " --config") != std::string::npos);
    check_options(unit, "cloister-" + daemon);
    for (const char* line : {"NoNewPrivileges=yes", "PrivateTmp=yes", "ProtectSystem=strict",
                             "ProtectHome=yes", "CapabilityBoundingSet=", "LimitCORE=0",
                             "UMask=0077", "KillSignal=SIGTERM", "Restart=on-failure"})
      CHECK(has_line(unit, line));
    // Ranks of a training ask netlink which interface they have: their own loopback.
    const std::string families = "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX";
    CHECK(has_line(unit, families + (daemon == "trainer" ? " AF_NETLINK" : "")));
  }
  // A worker ends with its agent only after it had the time to write its checkpoint.
  CHECK(has_line(file("ops/systemd/cloister-agent.service"), "KillMode=mixed"));
}

TEST_CASE("systemd itself finds nothing wrong with the units", "[system]") {
  if (std::system("command -v systemd-analyze >/dev/null") != 0) {
    WARN("SKIPPED: systemd-analyze is not installed.");
    return;
  }
  for (const std::string daemon : {"coordinator", "agent", "trainer"}) {
    // Programs in /usr/bin are the one thing that a source tree does not have.
    const auto ran = cli::run_program(
        "/bin/sh",
        {"-c", fmt::format("t=$(mktemp -d); sed 's#/usr/bin/#{}/#' ops/systemd/cloister-{}.service "
                           ">$t/cloister-{}.service; systemd-analyze verify --man=no "
                           "$t/cloister-{}.service 2>&1; rm -r $t",
                           CLOISTER_BIN, daemon, daemon, daemon)});
    REQUIRE(ran);
    INFO(ran->out);
    CHECK(ran->out.find("cloister-" + daemon + ".service:") == std::string::npos);
  }
}

TEST_CASE("the compose file names programs, networks and mounts that fit together", "[system]") {
  const auto ran = cli::run_program("/usr/bin/python3", {"-c", R"(
import sys
try:
    import yaml
except ImportError:
    print("SKIPPED"); sys.exit(0)
compose = yaml.safe_load(open("compose/compose.yaml"))
services, networks = compose["services"], compose["networks"]
assert set(services) == {"coordinator", "trainer", "agent-a", "agent-b", "agent-c"}, services.keys()
for name, service in services.items():
    assert service["cap_drop"] == ["ALL"] and service["read_only"], name
    assert "no-new-privileges:true" in service["security_opt"], name
    assert set(service["networks"]) <= set(networks), name
    assert service["command"][0].startswith("cloister-"), name
for site in "abc":
    mine = services["agent-" + site]["networks"]
    assert mine == ["site-" + site] and networks["site-" + site]["internal"], site
    assert any(v.endswith("/data:ro") for v in services["agent-" + site]["volumes"]), site
    assert "site-" + site in services["coordinator"]["networks"], site
print("fits")
)"});
  REQUIRE(ran);
  INFO(ran->err);
  if (ran->out.find("SKIPPED") != std::string::npos)
    WARN("SKIPPED: python3-yaml is not installed.");
  else
    CHECK(ran->out == "fits\n");
}
