#pragma once
// Whose process is at the other end of a connection from this machine, as the kernel's tables of
// TCP sockets tell (proc_pid_net(5)): what SO_PEERCRED tells of unix sockets.
#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "cirque/address.h"

namespace cirque::net {

// The users of all sockets that are bound to `from` and connected to that port: mostly one, as the
// kernel may give a port to several that go to different addresses. None: the other end is not on
// this machine, or in another namespace, or the tables cannot be read. Reads all of them: not for
// every request.
std::vector<uid_t> owners_of(const Address& from, std::uint16_t to_port);

// One table, as /proc/net/tcp and tcp6 have it.
void add_owners(std::string_view table, const Address& from, std::uint16_t to_port,
                std::vector<uid_t>& owners);

}  // namespace cirque::net
