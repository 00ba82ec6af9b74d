#include "net/resolver.h"

#include <ares.h>
#include <netdb.h>

#include <algorithm>
#include <coroutine>
#include <map>
#include <optional>

#include "base/check.h"

namespace cirque::net {
namespace {

constexpr int kTryTimeoutMs = 2000;
constexpr int kTries = 3;
// c-ares keeps its own clock for repeats; this is how often it gets to look at it.
constexpr Duration kTick = 100ms;

}  // namespace

// c-ares opens and closes sockets as it likes and tells us; each gets a watch of its own.
struct Resolver::Channel {
  struct Socket final : loop::Wake {
    Socket(Channel& c, int fd)
        : Wake([](Wake& w) noexcept { static_cast<Socket&>(w).process(); }),
          channel(c),
          watch(c.loop, fd) {
      watch.reader = this;
      watch.attach();
    }

    ~Socket() { watch.detach(); }

    void process() { ares_process_fd(channel.ares, watch.fd(), watch.fd()); }

    Channel& channel;
    loop::Watch watch;
  };

  struct Tick : loop::Timer {
    explicit Tick(Channel& c)
        : Timer([](Timer& t) noexcept { static_cast<Tick&>(t).channel.tick(); }), channel(c) {}

    Channel& channel;
  };

  Channel(loop::Loop& l, const std::vector<Address>& servers) : loop(l), timer(*this) {
    ares_options options{};
    options.sock_state_cb = &Channel::on_socket;
    options.sock_state_cb_data = this;
    options.timeout = kTryTimeoutMs;
    options.tries = kTries;
    CIRQUE_CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    CIRQUE_CHECK(ares_init_options(&ares, &options,
                                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) ==
                 ARES_SUCCESS);
    if (servers.empty()) return;
    std::string list;
    for (const auto& server : servers) list += (list.empty() ? "" : ",") + server.text();
    CIRQUE_CHECK(ares_set_servers_ports_csv(ares, list.c_str()) == ARES_SUCCESS);
  }

  ~Channel() {
    ares_destroy(ares);  // answers every open query with ARES_EDESTRUCTION
    ares_library_cleanup();
  }

  static void on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& sockets = static_cast<Channel*>(self)->sockets;
    if (!readable && !writable) {
      sockets.erase(fd);
    } else if (!sockets.contains(fd)) {
      sockets.emplace(fd, std::make_unique<Socket>(*static_cast<Channel*>(self), fd));
    }
  }

  void tick() {
    // Edges may have been used up by a read that stopped early: every socket is looked at again.
    std::vector<int> open;
    for (auto& [fd, socket] : sockets) open.push_back(fd);
    for (int fd : open) ares_process_fd(ares, fd, ARES_SOCKET_BAD);
    ares_process_fd(ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (queries > 0) timer.arm(loop.timers(), loop.now() + kTick);
  }

  loop::Loop& loop;
  ares_channel ares = nullptr;
  Tick timer;
  std::map<int, std::unique_ptr<Socket>> sockets;
  int queries = 0;
};

namespace {

// One question. c-ares may answer after the asker is gone, so that the two are linked loosely.
struct Answer {
  int status = ARES_ENODATA;
  std::vector<Address> addresses;
  bool settled = false;
  bool abandoned = false;
  std::coroutine_handle<> waiter;
};

void collect(Answer& answer, int status, ares_addrinfo* found) {
  answer.status = status;
  answer.settled = true;
  if (!found) return;
  for (auto* node = found->nodes; node; node = node->ai_next) {
    auto address = Address::from(node->ai_addr, static_cast<std::uint32_t>(node->ai_addrlen));
    if (address.is_ip()) answer.addresses.push_back(std::move(address));
  }
  ares_freeaddrinfo(found);
}

}  // namespace

Resolver::Resolver(loop::Loop& loop, const std::vector<Address>& servers)
    : channel_(std::make_unique<Channel>(loop, servers)) {}

Resolver::~Resolver() = default;

Task<std::vector<Address>> Resolver::resolve(const std::string& host, std::uint16_t port) {
  struct Query {
    std::shared_ptr<Answer> answer;
    Channel* channel;
  };

  struct Asking {
    std::shared_ptr<Answer> answer;

    ~Asking() { answer->abandoned = true; }

    bool await_ready() const noexcept { return answer->settled; }

    void await_suspend(std::coroutine_handle<> h) noexcept { answer->waiter = h; }

    void await_resume() const noexcept {}
  };

  Asking asking{std::make_shared<Answer>()};
  auto& channel = *channel_;
  ++channel.queries;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  auto service = std::to_string(port);
  ares_getaddrinfo(
      channel.ares, host.c_str(), service.c_str(), &hints,
      [](void* arg, int status, int, ares_addrinfo* found) {
        std::unique_ptr<Query> query(static_cast<Query*>(arg));
        --query->channel->queries;
        Answer& answer = *query->answer;
        collect(answer, status, found);
        if (answer.waiter && !answer.abandoned) answer.waiter.resume();
      },
      new Query{asking.answer, &channel});
  if (!asking.answer->settled) {
    channel.timer.arm(channel.loop.timers(), channel.loop.now() + kTick);
    co_await asking;
  }
  auto& answer = *asking.answer;
  if (answer.status != ARES_SUCCESS || answer.addresses.empty()) {
    co_return fail(
        {.fault = Fault::NoPeer, .side = Side::Upstream, .reason = "upstream_dns_failed"});
  }
  for (auto& address : answer.addresses) address.set_port(port);
  std::ranges::sort(answer.addresses, {}, [](const Address& a) { return a.text(); });
  auto twins = std::ranges::unique(answer.addresses);
  answer.addresses.erase(twins.begin(), twins.end());
  co_return std::move(answer.addresses);
}

}  // namespace cirque::net
