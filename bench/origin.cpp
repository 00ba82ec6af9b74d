// The cheapest honest HTTP/1.1 origin: it answers GET and POST of /100, /10k and /1m with bodies of
// that size, keeps connections open unless asked to close, and does one recv and one send for a
// small answer.
//
//   origin PORT
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.h"

namespace {

std::string answer(std::string_view status, std::size_t size) {
  std::string text = "HTTP/1.1 " + std::string(status) +
                     "\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: origin"
                     "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                     std::to_string(size) + "\r\n\r\n";
  // A pattern whose period divides no buffer size, so that lost or doubled bytes show.
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 23);
  return text;
}

struct Page {
  std::string_view path;
  std::string text;
};

const std::array kPages = {
    Page{"/100 ", answer("200 OK", 100)},
    Page{"/10k ", answer("200 OK", 10 * 1024)},
    Page{"/1m ", answer("200 OK", 1024 * 1024)},
};
const std::string kNotFound = answer("404 Not Found", 0);

const std::string& page_for(std::string_view head) {
  std::string_view path = head.substr(head.find(' ') + 1);
  for (const Page& page : kPages) {
    if (path.starts_with(page.path)) return page.text;
  }
  return kNotFound;
}

// The bytes of the body at the beginning of `rest`; npos when they have not all come.
std::size_t body_length(std::string_view head, std::string_view rest) {
  constexpr std::string_view kLength = "\r\ncontent-length: ", kLastChunk = "0\r\n\r\n";
  if (head.starts_with("GET ")) return 0;
  auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  const char* at = std::search(head.begin(), head.end(), kLength.begin(), kLength.end(), same);
  std::size_t length = 0;
  if (at == head.end()) {  // chunked then, and no body of ours has that in its bytes
    std::size_t end = rest.find(kLastChunk);
    return end == rest.npos ? end : end + kLastChunk.size();
  }
  std::from_chars(at + kLength.size(), head.end(), length);
  return length <= rest.size() ? length : rest.npos;
}

bool wants_close(std::string_view head) {
  return head.find("onnection: close") != head.npos || head.find(" HTTP/1.0\r\n") != head.npos;
}

struct Connection {
  std::string unread;       // what came and was not answered yet, rarely more than nothing
  std::string_view unsent;  // the rest of an answer that the socket did not take at once
  bool closing = false;     // when unsent has gone
};

enum class Outcome { Keep, Close };

class Origin {
 public:
  Origin(int port, bench::On where) : listener_(bench::listen_on(port, where)) {
    bench::watch(epoll_, listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    for (std::array<epoll_event, 256> events;;) {
      int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_all();
        } else if (serve(fd, at(fd)) == Outcome::Close) {
          close(fd);
        }
      }
    }
  }

 private:
  Connection& at(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

  void accept_all() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      if (connections_.size() <= static_cast<std::size_t>(fd)) {
        connections_.resize(static_cast<std::size_t>(fd) * 2);
      }
      at(fd) = {};
      bench::watch(epoll_, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
  }

  Outcome serve(int fd, Connection& c) {
    if (flush(fd, c) == Outcome::Close) return Outcome::Close;
    while (c.unsent.empty()) {
      ssize_t got = recv(fd, scratch_.data(), scratch_.size(), 0);
      if (got < 0) return errno == EAGAIN ? Outcome::Keep : Outcome::Close;
      if (got == 0) return Outcome::Close;
      c.unread.append(scratch_.data(), static_cast<std::size_t>(got));
      if (answer_all(fd, c) == Outcome::Close) return Outcome::Close;
      // The edge that brings more bytes, or the end, is a new one.
      if (static_cast<std::size_t>(got) < scratch_.size()) return Outcome::Keep;
    }
    return Outcome::Keep;
  }

  Outcome answer_all(int fd, Connection& c) {
    std::string_view rest = c.unread;
    for (std::size_t end; c.unsent.empty() && (end = rest.find("\r\n\r\n")) != rest.npos;) {
      std::string_view head = rest.substr(0, end + 4);
      std::size_t body = body_length(head, rest.substr(head.size()));
      if (body == rest.npos) break;
      rest.remove_prefix(head.size() + body);
      c.unsent = page_for(head);
      c.closing = wants_close(head);
      if (flush(fd, c) == Outcome::Close) return Outcome::Close;
    }
    c.unread.erase(0, c.unread.size() - rest.size());
    return Outcome::Keep;
  }

  Outcome flush(int fd, Connection& c) {
    if (c.unsent.empty()) return Outcome::Keep;
    while (!c.unsent.empty()) {
      ssize_t sent = send(fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Outcome::Keep : Outcome::Close;
      c.unsent.remove_prefix(static_cast<std::size_t>(sent));
    }
    return c.closing ? Outcome::Close : Outcome::Keep;
  }

  int epoll_ = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int listener_;
  std::vector<Connection> connections_ = std::vector<Connection>(1024);
  std::array<char, 16384> scratch_;
};

}  // namespace

int main(int argc, char** argv) {
  bool on_all = argc == 3 && std::string_view(argv[2]) == "all";
  if (argc != 2 && !on_all) {
    std::fprintf(stderr, "usage: origin PORT [all]\n");
    return 2;
  }
  bench::raise_descriptor_limit();
  Origin(std::atoi(argv[1]), on_all ? bench::On::AllOfLoopback : bench::On::OneAddress).run();
}
