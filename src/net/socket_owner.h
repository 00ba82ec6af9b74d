#pragma once
// Whose process is at the other end of a TCP connection from this machine: what SO_PEERCRED tells
// of unix sockets.
#include <sys/types.h>

#include <optional>
#include <string_view>

#include "cirque/address.h"

namespace cirque::net {

// The user of the socket that is bound to `from` and connected to `to`. None: it is not on this
// machine, in another namespace, no longer connected (what is left of it seems to be user 0's), or
// it cannot be said for sure. Mostly one question to the kernel (sock_diag(7)), however many
// connections there are; where that does not lead to it, all tables are read. It holds for a
// connection that is found to stand still when the answer is there (is_connected() in
// net/socket.h): else it may be the one of somebody who came after.
std::optional<uid_t> owner_of(const Address& from, const Address& to);

// The same by one of those tables, as /proc/net/tcp and tcp6 have it (proc_pid_net(5)). None also
// if it has several.
std::optional<uid_t> owner_in(std::string_view table, const Address& from, const Address& to);

}  // namespace cirque::net
