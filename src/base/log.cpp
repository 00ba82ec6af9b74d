#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/json.h"

namespace cirque::log {

std::atomic<Level> threshold{Level::Info};

namespace {

// Messages are literals, so this is never reached unless somebody puts a value into one.
constexpr std::size_t kSitesMax = 1024;

// How often one component has said one thing in the current second.
struct Rate {
  std::int64_t second = 0;
  unsigned lines = 0;
  std::uint64_t suppressed = 0;
};

struct Site {
  std::string component;
  std::string message;
};

struct SiteView {
  std::string_view component;
  std::string_view message;
};

struct SiteOrder {
  using is_transparent = void;

  template <class A, class B>
  bool operator()(const A& a, const B& b) const noexcept {
    int order = std::string_view(a.message).compare(b.message);
    return order < 0 || (order == 0 && std::string_view(a.component) < b.component);
  }
};

// The one place of the process that is everybody's: where events are written.
struct Sink {
  std::mutex mutex;
  Options options;
  int fd = STDERR_FILENO;
  std::map<Site, Rate, SiteOrder> rates;
  std::int64_t waited_in = 0;  // the second in which somebody last waited for its reader
  bool is_torn = false;        // what is there does not end with a line
  std::uint64_t lost = 0;      // lines of which nobody was told
};

// Over all times.
std::atomic<std::uint64_t> lines_lost{0};

Sink& sink() {
  // Never destroyed: whoever still runs at exit may still log.
  static Sink& the_sink = *new Sink;
  return the_sink;
}

// Not blocking: to open a pipe that nobody reads would wait for a reader.
int open_file(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
}

std::string timestamp(std::int64_t unix_ms) {
  std::time_t second = unix_ms / 1000;
  std::tm utc;
  gmtime_r(&second, &utc);
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(unix_ms % 1000));
  return text;
}

constexpr std::string_view kUpper[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
constexpr std::string_view kLower[] = {"trace", "debug", "info", "warn", "error"};

void append_plain(std::string& to, std::string_view text) {
  auto size = to.size();
  to.resize(size + 4 * text.size());
  to.resize(static_cast<std::size_t>(base::write_plain(to.data() + size, text) - to.data()));
}

void append_quoted(std::string& to, std::string_view text) {
  to += '"';
  append_plain(to, text);
  to += '"';
}

void append_json_text(std::string& to, std::string_view text) {
  to += '"';
  base::append_json(to, text);
  to += '"';
}

// A value that could be taken for the end of a field is quoted.
void append_field_text(std::string& to, std::string_view text) {
  bool stands_alone = !text.empty() && text.find_first_of(" =") == std::string_view::npos;
  stands_alone ? append_plain(to, text) : append_quoted(to, text);
}

void append_value(std::string& line, const Value& value,
                  void (*append_text)(std::string&, std::string_view)) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_text(line, v);
        } else if constexpr (std::is_same_v<T, bool>) {
          line += v ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          base::append_json(line, v);
        } else {
          line += std::to_string(v);
        }
      },
      value);
}

std::string text_line(std::int64_t now_ms, Level level, SiteView site, Fields fields) {
  std::string line = timestamp(now_ms);
  line += ' ';
  line += kUpper[static_cast<int>(level)];
  line.append(level == Level::Info || level == Level::Warn ? 2 : 1, ' ');
  append_plain(line, site.component);
  line += ": ";
  append_plain(line, site.message);
  for (const auto& field : fields) {
    line += ' ';
    append_plain(line, field.key);
    line += '=';
    append_value(line, field.value, append_field_text);
  }
  line += '\n';
  return line;
}

std::string json_line(std::int64_t now_ms, Level level, SiteView site, Fields fields) {
  std::string line = "{\"ts\":\"";
  line += timestamp(now_ms);
  line += "\",\"level\":\"";
  line += kLower[static_cast<int>(level)];
  line += "\",\"component\":";
  append_json_text(line, site.component);
  line += ",\"message\":";
  append_json_text(line, site.message);
  for (const auto& field : fields) {
    line += ',';
    append_json_text(line, field.key);
    line += ':';
    append_value(line, field.value, append_json_text);
  }
  line += "}\n";
  return line;
}

std::int64_t second_now() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// A pipe whose reader takes nothing must not keep a worker from its work: it is waited for once a
// second.
bool has_room(Sink& s) noexcept {
  constexpr int kPatienceMs = 20;
  pollfd room{.fd = s.fd, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) == 1) return true;
  auto second = second_now();
  if (std::exchange(s.waited_in, second) == second) return false;
  return poll(&room, 1, kPatienceMs) == 1;
}

// So much fits a pipe that has room, and goes in at once, so that lines of several processes do not
// mix. What failed in any other way nobody could be told of.
bool put(Sink& s, std::string_view line) noexcept {
  while (!line.empty() && has_room(s)) {
    auto piece = line.substr(0, PIPE_BUF);
    [[maybe_unused]] auto written = ::write(s.fd, piece.data(), piece.size());
    line.remove_prefix(piece.size());
    s.is_torn = !line.empty();
  }
  return line.empty();
}

std::string line_of(const Sink& s, std::int64_t now_ms, Level level, SiteView site, Fields fields) {
  return s.options.format == Format::Json ? json_line(now_ms, level, site, fields)
                                          : text_line(now_ms, level, site, fields);
}

bool tell_lost(Sink& s, std::int64_t now_ms) {
  auto line = line_of(s, now_ms, Level::Warn, {"log", "lines lost, as nobody took them"},
                      {{"lost", s.lost}});
  if (!put(s, (s.is_torn ? "\n" : "") + line)) return false;
  s.lost = 0;
  return true;
}

bool put_line(Sink& s, std::int64_t now_ms, Level level, SiteView site, Fields fields) {
  bool is_there =
      (s.lost == 0 || tell_lost(s, now_ms)) && put(s, line_of(s, now_ms, level, site, fields));
  if (is_there) return true;
  ++s.lost;
  lines_lost.fetch_add(1, std::memory_order_relaxed);
  return false;
}

std::int64_t unix_ms_now() noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// What went unwritten in seconds that are over.
void tell_suppressed(Sink& s, std::int64_t now_ms) {
  for (auto& [site, rate] : s.rates) {
    if (rate.suppressed == 0 || rate.second == now_ms / 1000) continue;
    put_line(s, now_ms, Level::Warn, {site.component, "lines suppressed"},
             {{"suppressed", std::exchange(rate.suppressed, 0)}, {"message", site.message}});
  }
}

bool is_within_rate(Sink& s, SiteView site, std::int64_t second) {
  auto known = s.rates.find(site);
  if (known == s.rates.end()) {
    if (s.rates.size() == kSitesMax) s.rates.clear();
    Site made{std::string(site.component), std::string(site.message)};
    known = s.rates.try_emplace(std::move(made)).first;
  }
  Rate& rate = known->second;
  if (std::exchange(rate.second, second) != second) rate.lines = 0;
  if (rate.lines < kBurst) return ++rate.lines;
  ++rate.suppressed;
  return false;
}

}  // namespace

std::uint64_t lost() noexcept {
  return lines_lost.load(std::memory_order_relaxed);
}

bool configure(const Options& options) {
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  int fd = options.path.empty() ? STDERR_FILENO : open_file(options.path);
  if (fd < 0) return false;
  if (!s.options.path.empty()) close(s.fd);
  s.options = options;
  s.fd = fd;
  s.is_torn = false;
  threshold.store(options.level, std::memory_order_relaxed);
  return true;
}

void reopen() {
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  if (s.options.path.empty()) return;
  int fd = open_file(s.options.path);
  if (fd < 0) return;
  close(std::exchange(s.fd, fd));
  s.is_torn = false;
}

bool try_write(Level level, std::string_view component, std::string_view message, Fields fields) {
  constexpr int kTries = 50;  // of a millisecond: what another line may take
  if (!is_on(level)) return true;
  auto& s = sink();
  std::unique_lock lock(s.mutex, std::try_to_lock);
  for (int i = 0; i < kTries && !lock.owns_lock(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    lock.try_lock();
  }
  if (!lock.owns_lock()) return false;
  s.waited_in = second_now();  // as if somebody just had
  return put_line(s, unix_ms_now(), level, {component, message}, fields);
}

void write(Level level, std::string_view component, std::string_view message, Fields fields) {
  write_at(unix_ms_now(), level, component, message, fields);
}

std::int64_t unix_seconds() noexcept {
  return unix_ms_now() / 1000;
}

void write_at(std::int64_t unix_ms, Level level, std::string_view component,
              std::string_view message, Fields fields) {
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  tell_suppressed(s, unix_ms);
  SiteView site{component, message};
  if (is_within_rate(s, site, unix_ms / 1000)) put_line(s, unix_ms, level, site, fields);
}

}  // namespace cirque::log
