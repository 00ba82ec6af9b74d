// The floor: bytes from one socket to another and back, without reading a single one of them. What
// a proxy costs above this is what its reading, deciding and remembering costs.
//
//   relay PORT ORIGIN_PORT
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sockets.h"

namespace {

struct Pair;

struct Side {
  int fd;
  Pair* pair;
  Side* other;
  std::string owed = {};  // came from the other side and did not fit into this socket
  std::size_t given = 0;  // how much of `owed` has gone since
  bool readable = false;  // bytes may wait in the socket
};

struct Pair {
  Pair(int client_fd, int origin_fd)
      : client{client_fd, this, &origin}, origin{origin_fd, this, &client} {}

  Side client, origin;
};

class Relay {
 public:
  Relay(int port, int origin_port) : listener_(bench::listen_on(port)), origin_port_(origin_port) {
    watch(listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    for (std::array<epoll_event, 256> events;;) {
      int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto* side = static_cast<Side*>(event.data.ptr);
        if (side == nullptr) {
          accept_all();
        } else if (side->fd >= 0 && !turn(*side, event.events)) {
          end(*side->pair);
        }
      }
      ended_.clear();  // only now is no event left that points to them
    }
  }

 private:
  void watch(int fd, std::uint32_t events, Side* side) {
    epoll_event event{.events = events, .data = {.ptr = side}};
    bench::must(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void accept_all() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      auto* pair = new Pair(fd, bench::connect_to(origin_port_));
      for (Side* side : {&pair->client, &pair->origin}) {
        watch(side->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, side);
      }
    }
  }

  // False when the pair is over: the first end of file ends both directions.
  bool turn(Side& side, std::uint32_t events) {
    if (events & EPOLLOUT && !side.owed.empty()) {
      if (!pay(side) || !pull(*side.other, false)) return false;
    }
    if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) side.readable = true;
    return pull(side, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
  }

  bool pull(Side& from, bool ending) {
    while (from.readable && from.other->owed.empty()) {
      ssize_t got = recv(from.fd, scratch_.data(), scratch_.size(), 0);
      if (got == 0) return false;
      if (got < 0) {
        from.readable = false;
        return errno == EAGAIN;
      }
      auto size = static_cast<std::size_t>(got);
      // A short read has emptied the socket; more bytes are a new edge.
      if (size < scratch_.size() && !ending) from.readable = false;
      std::string_view bytes(scratch_.data(), size);
      if (!give(from.other->fd, bytes)) return false;
      from.other->owed = bytes;
    }
    return true;
  }

  bool pay(Side& side) {
    std::string_view rest = std::string_view(side.owed).substr(side.given);
    if (!give(side.fd, rest)) return false;
    side.given = side.owed.size() - rest.size();
    if (rest.empty()) side.owed.clear();
    if (rest.empty()) side.given = 0;
    return true;
  }

  // Sends what the socket takes and leaves the rest in `bytes`; false when the socket is dead.
  static bool give(int fd, std::string_view& bytes) {
    while (!bytes.empty()) {
      ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void end(Pair& pair) {
    for (Side* side : {&pair.client, &pair.origin}) close(std::exchange(side->fd, -1));
    ended_.emplace_back(&pair);
  }

  int epoll_ = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int listener_;
  int origin_port_;
  std::vector<std::unique_ptr<Pair>> ended_;
  std::array<char, 256 * 1024> scratch_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: relay PORT ORIGIN_PORT\n");
    return 2;
  }
  bench::raise_descriptor_limit();
  auto relay = std::make_unique<Relay>(std::atoi(argv[1]), std::atoi(argv[2]));
  relay->run();
}
