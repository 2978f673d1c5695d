// A network of its own for a child that is about to become a worker: nothing in it but a loopback
// that only the child and its own children can reach.
//
// The host gives it, not the worker: as a user without privileges it comes with a user namespace,
// which only a process with one thread may enter, and a worker's libraries start threads before
// its main().
#pragma once

namespace cloister::worker_host {

// Between fork() and exec(): system calls only. False where the kernel permits none; then the
// child's network is the host's. The child must tell the worker (protocol::own_network_variable).
[[nodiscard]] bool enter_own_network();

}  // namespace cloister::worker_host
