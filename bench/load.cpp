// An HTTP/1.1 load generator on one thread: closed loop, fixed rate, or a connection for each
// request. It checks every status and length, reads the proxy's CPU time at both ends of the window
// that it measures, and prints one JSON object.
//
//   load --port P [--path /100] [--connections 64] [--seconds 2] [--warmup 0.3]
//        [--rate R] [--close] [--requests N] [--watch PID,PID]
//        [--header 'Name: value']... [--post BYTES [--chunked]]
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cpu.h"
#include "histogram.h"
#include "sockets.h"

namespace {

struct Options {
  int port = 0;
  std::string path = "/100";
  std::size_t connections = 64;
  double seconds = 2;
  double warmup = 0.3;
  double rate = 0;             // requests a second in all; 0: as fast as answers come
  bool close_each = false;     // a connection for each request
  std::uint64_t requests = 0;  // stop after so many instead of after `seconds`; no warm-up then
  std::string fields;          // more of the request's head, each line with its end
  std::size_t post = 0;        // a body of so many bytes; 0: GET. It must fit the socket's buffer
  bool chunked = false;        // the body as one chunk instead of with Content-Length
  std::vector<int> watched;    // processes whose CPU time is counted
};

[[noreturn]] void fail(std::string_view why) {
  std::fprintf(stderr, "load: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

struct Connection {
  enum class State { Connecting, Idle, Waiting, Closing } state = State::Connecting;
  int fd = -1;
  std::uint64_t opened_at = 0;
  std::uint64_t asked_at =
      0;  // at a fixed rate: when the request was due, however late it went out
  bool head_seen = false;
  bool last = false;  // the server said that it closes after this answer
  std::uint64_t body_left = 0;
  std::string head;  // the part of a head that has come, when it came in parts
};

class Load {
 public:
  explicit Load(Options options) : o_(std::move(options)), connections_(o_.connections) {
    request_ = (o_.post ? "POST " : "GET ") + o_.path +
               " HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: load/1\r\nAccept: */*\r\n"
               "Accept-Encoding: gzip, br\r\n" +
               o_.fields + (o_.close_each ? "Connection: close\r\n" : "") + body();
  }

  void run() {
    for (Connection& c : connections_) open(c);
    std::uint64_t start = now_ns();
    due_at_ = answered_at_ = start;
    begin_at_ = o_.requests ? start : start + static_cast<std::uint64_t>(o_.warmup * 1e9);
    end_at_ = o_.requests ? UINT64_MAX : begin_at_ + static_cast<std::uint64_t>(o_.seconds * 1e9);
    for (std::array<epoll_event, 256> events; !over();) {
      timespec wait = patience();
      int count = epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        turn(connections_[event.data.u64], event.events);
      }
      if (o_.rate > 0) send_due();
    }
    print();
  }

 private:
  // What follows the request's fields: those that frame the body, the head's end, the body.
  std::string body() const {
    std::string bytes(o_.post, 'x');
    std::array<char, 16> hex{};
    if (o_.post == 0) return "\r\n";
    if (!o_.chunked) return "Content-Length: " + std::to_string(o_.post) + "\r\n\r\n" + bytes;
    std::snprintf(hex.data(), hex.size(), "%zx", o_.post);
    return std::string("Transfer-Encoding: chunked\r\n\r\n") + hex.data() + "\r\n" + bytes +
           "\r\n0\r\n\r\n";
  }

  // True when the window has passed; opens the window on the way there.
  bool over() {
    std::uint64_t now = now_ns();
    if (!measuring_ && now >= begin_at_) {
      measuring_ = true;
      began_ = now;
      cpu_began_ = bench::cpu_time_of(o_.watched);
    }
    bool done = o_.requests ? latencies_.total() >= o_.requests : now >= end_at_;
    if (done) {
      ended_ = now;
      cpu_ = bench::cpu_time_of(o_.watched) - cpu_began_;
    } else if (now > answered_at_ + kSilenceMax) {
      fail("no answer for too long");
    }
    return done;
  }

  timespec patience() const {
    std::uint64_t wait = 10'000'000;
    if (o_.rate > 0) {
      std::uint64_t now = now_ns();
      wait = due_at_ > now ? std::min(wait, due_at_ - now) : 0;
    }
    return {.tv_sec = 0, .tv_nsec = static_cast<long>(wait)};
  }

  void open(Connection& c) {
    c = Connection{};
    c.fd = bench::connect_to(o_.port);
    c.opened_at = now_ns();
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.u64 = static_cast<std::uint64_t>(&c - connections_.data())}};
    bench::must(epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event), "epoll_ctl");
  }

  void reopen(Connection& c) {
    close(c.fd);
    open(c);
  }

  void turn(Connection& c, std::uint32_t events) {
    using enum Connection::State;
    if (c.state == Connecting) {
      if (events & (EPOLLERR | EPOLLHUP)) fail("connection refused");
      if (!(events & EPOLLOUT)) return;
      c.state = Idle;
      ready(c);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) receive(c);
  }

  // The connection can carry a request: at once in a closed loop, when one is due at a fixed rate.
  void ready(Connection& c) {
    if (o_.rate > 0) {
      idle_.push_back(&c);
    } else if (o_.requests == 0 || asked_ < o_.requests) {
      ask(c, o_.close_each ? c.opened_at : now_ns());
    }
  }

  void send_due() {
    std::uint64_t now = now_ns();
    while (due_at_ <= now && !idle_.empty()) {
      Connection& c = *idle_.back();
      idle_.pop_back();
      ask(c, due_at_);
      due_at_ += static_cast<std::uint64_t>(1e9 / o_.rate);
    }
  }

  void ask(Connection& c, std::uint64_t at) {
    c.state = Connection::State::Waiting;
    c.asked_at = at;
    c.head_seen = false;
    ++asked_;
    ssize_t sent = send(c.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    // A server may close an idle connection in this very moment: that is no error, only a new
    // start.
    if (sent != static_cast<ssize_t>(request_.size())) lost(c);
  }

  void lost(Connection& c) {
    if (++lost_ > kLostMax) fail("too many connections were closed before their answer");
    --asked_;
    reopen(c);
  }

  void receive(Connection& c) {
    using enum Connection::State;
    while (true) {
      // The rest of a body is thrown away inside the kernel, so that the generator stays cheap.
      bool discard = c.state == Waiting && c.head_seen;
      ssize_t got = discard ? recv(c.fd, nullptr, c.body_left, MSG_TRUNC)
                            : recv(c.fd, scratch_.data(), scratch_.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return ended(c);
      auto size = static_cast<std::size_t>(got);
      if (c.state != Waiting) fail("bytes that nobody asked for");
      if (discard) {
        c.body_left -= size;
      } else {
        read_head(c, {scratch_.data(), size});
      }
      if (c.head_seen && c.body_left == 0) {
        answered(c);
        if (c.state != Closing) return;  // the next answer, or the end, is a new edge
      }
    }
  }

  void ended(Connection& c) {
    using enum Connection::State;
    if (c.state == Waiting) return lost(c);
    if (c.state == Idle) std::erase(idle_, &c);
    reopen(c);
  }

  void read_head(Connection& c, std::string_view bytes) {
    if (!c.head.empty()) {
      c.head += bytes;
      bytes = c.head;
    }
    std::size_t end = bytes.find("\r\n\r\n");
    if (end == bytes.npos) {
      if (c.head.empty()) c.head = bytes;
      return;
    }
    std::string_view head = bytes.substr(0, end + 2);
    if (!head.starts_with("HTTP/1.1 200")) fail(head);
    std::uint64_t length = content_length(head);
    std::uint64_t came = bytes.size() - end - 4;
    if (came > length) fail("more bytes than Content-Length said");
    c.body_left = length - came;
    c.last = head.find("onnection: close") != head.npos;
    c.head_seen = true;
    c.head.clear();
  }

  static std::uint64_t content_length(std::string_view head) {
    constexpr std::string_view kName = "\r\ncontent-length:";
    auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    const char* at = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
    if (at == head.end()) fail("an answer without Content-Length");
    at += kName.size();
    while (*at == ' ') ++at;
    std::uint64_t value = 0;
    std::from_chars(at, head.end(), value);
    return value;
  }

  void answered(Connection& c) {
    answered_at_ = now_ns();
    if (measuring_) latencies_.add(answered_at_ - c.asked_at);
    if (o_.close_each || c.last) {
      c.state = Connection::State::Closing;  // the server closes first, as it said
      return;
    }
    c.state = Connection::State::Idle;
    ready(c);
  }

  void print() const {
    double seconds = static_cast<double>(ended_ - began_) / 1e9;
    auto done = static_cast<double>(latencies_.total());
    std::printf("{\"requests\": %.0f, \"seconds\": %.4f, \"rps\": %.1f, \"lost\": %lu, ", done,
                seconds, done / seconds, lost_);
    for (auto [name, share] : {std::pair{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}}) {
      std::printf("\"%s\": %.1f, ", name, latencies_.quantile(share) / 1e3);
    }
    double ticks = std::max(cpu_.user_us + cpu_.system_us, 1.0);
    std::printf("\"cpu_us\": %.3f, \"user_share\": %.3f, \"cpu_busy\": %.3f}\n",
                cpu_.total_us / done, cpu_.user_us / ticks, cpu_.total_us / 1e6 / seconds);
  }

  static constexpr std::uint64_t kSilenceMax = 10'000'000'000;  // ns
  static constexpr std::uint64_t kLostMax = 1000;

  Options o_;
  std::string request_;
  int epoll_ = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::array<char, 16384> scratch_;

  std::uint64_t begin_at_ = 0, end_at_ = 0, began_ = 0, ended_ = 0, due_at_ = 0, answered_at_ = 0;
  bool measuring_ = false;
  std::uint64_t asked_ = 0, lost_ = 0;
  bench::Histogram latencies_;
  bench::CpuTime cpu_began_, cpu_;
};

Options read_options(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--close" || name == "--chunked") {
      (name == "--close" ? o.close_each : o.chunked) = true;
      continue;
    }
    if (++i == argc) fail("an option without its value");
    const char* value = argv[i];
    if (name == "--port") {
      o.port = std::atoi(value);
    } else if (name == "--path") {
      o.path = value;
    } else if (name == "--connections") {
      o.connections = std::strtoul(value, nullptr, 10);
    } else if (name == "--seconds") {
      o.seconds = std::atof(value);
    } else if (name == "--warmup") {
      o.warmup = std::atof(value);
    } else if (name == "--rate") {
      o.rate = std::atof(value);
    } else if (name == "--requests") {
      o.requests = std::strtoull(value, nullptr, 10);
    } else if (name == "--header") {
      o.fields += std::string(value) + "\r\n";
    } else if (name == "--post") {
      o.post = std::strtoul(value, nullptr, 10);
    } else if (name == "--watch") {
      for (const char* at = value; *at != '\0'; at += *at == ',') {
        char* end = nullptr;
        o.watched.push_back(static_cast<int>(std::strtol(at, &end, 10)));
        if (end == at) fail("--watch wants numbers");
        at = end;
      }
    } else {
      fail(std::string("no option ") + argv[i - 1]);
    }
  }
  if (o.port == 0) fail("--port is missing");
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  bench::raise_descriptor_limit();
  Load(read_options(argc, argv)).run();
}
