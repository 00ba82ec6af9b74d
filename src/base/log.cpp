#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

#include "base/json.h"

namespace cirque::log {

std::atomic<Level> threshold{Level::Info};

namespace {

// The one place of the process that is everybody's: where events are written.
struct Sink {
  std::mutex mutex;
  Options options;
  int fd = STDERR_FILENO;

  struct Rate {
    std::time_t second = 0;
    unsigned lines = 0;
    std::uint64_t suppressed = 0;
  };
  std::map<std::string, Rate, std::less<>> rates;
};

Sink& sink() {
  static Sink the_sink;
  return the_sink;
}

int open_file(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

std::string timestamp(const timespec& now) {
  std::tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                now.tv_nsec / 1'000'000);
  return text;
}

constexpr std::string_view kUpper[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
constexpr std::string_view kLower[] = {"trace", "debug", "info", "warn", "error"};

void append_plain(std::string& to, std::string_view text) {
  auto size = to.size();
  to.resize(size + 4 * text.size());
  to.resize(static_cast<std::size_t>(base::write_plain(to.data() + size, text) - to.data()));
}

template <class AppendText>
void append_value(std::string& line, const Value& value, AppendText append_text) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_text(v);
        } else if constexpr (std::is_same_v<T, bool>) {
          line += v ? "true" : "false";
        } else {
          line += std::to_string(v);
        }
      },
      value);
}

std::string text_line(std::string_view when, Level level, std::string_view component,
                      std::string_view message, Fields fields) {
  std::string line(when);
  line += ' ';
  line += kUpper[static_cast<int>(level)];
  line.append(level == Level::Info || level == Level::Warn ? 2 : 1, ' ');
  line += component;
  line += ": ";
  append_plain(line, message);
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value, [&](std::string_view text) {
      bool quoted = text.empty() || text.contains(' ');
      if (quoted) line += '"';
      append_plain(line, text);
      if (quoted) line += '"';
    });
  }
  return line;
}

std::string json_line(std::string_view when, Level level, std::string_view component,
                      std::string_view message, Fields fields) {
  std::string line = "{\"ts\":\"";
  line += when;
  line += "\",\"level\":\"";
  line += kLower[static_cast<int>(level)];
  line += "\",\"component\":\"";
  line += component;
  line += "\",\"message\":\"";
  base::append_json(line, message);
  line += '"';
  for (const auto& field : fields) {
    line += ",\"";
    line += field.key;
    line += "\":";
    append_value(line, field.value, [&](std::string_view text) {
      line += '"';
      base::append_json(line, text);
      line += '"';
    });
  }
  line += '}';
  return line;
}

// Under the sink's lock. False: too many of these in this second. `told` gets the number that went
// unwritten before.
bool within_rate(Sink& s, std::string_view component, std::string_view message, std::time_t now,
                 std::uint64_t& told) {
  std::string key = std::string(component) + '\n' + std::string(message);
  auto& rate = s.rates[key];
  if (rate.second != now) {
    told = std::exchange(rate.suppressed, 0);
    rate.second = now;
    rate.lines = 0;
  }
  if (++rate.lines <= kBurst) return true;
  ++rate.suppressed;
  return false;
}

}  // namespace

bool configure(const Options& options) {
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  int fd = options.path.empty() ? STDERR_FILENO : open_file(options.path);
  if (fd < 0) return false;
  s.options = options;
  s.fd = fd;
  threshold.store(options.level, std::memory_order_relaxed);
  return true;
}

void reopen() {
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  if (s.options.path.empty()) return;
  int fd = open_file(s.options.path);
  if (fd < 0) return;  // the old file is better than none
  close(std::exchange(s.fd, fd));
}

void write(Level level, std::string_view component, std::string_view message, Fields fields) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  auto& s = sink();
  std::lock_guard lock(s.mutex);
  std::uint64_t suppressed = 0;
  if (!within_rate(s, component, message, now.tv_sec, suppressed)) return;
  bool json = s.options.format == Format::Json;
  auto line = json ? json_line(timestamp(now), level, component, message, fields)
                   : text_line(timestamp(now), level, component, message, fields);
  if (suppressed) {
    if (json) line.pop_back();
    line += json ? ",\"suppressed\":" : " suppressed=";
    line += std::to_string(suppressed);
    if (json) line += '}';
  }
  line += '\n';
  [[maybe_unused]] auto written = ::write(s.fd, line.data(), line.size());
}

}  // namespace cirque::log
