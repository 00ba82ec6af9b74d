#pragma once
// The application log: one line an event, for people or as JSON. Events are rare; the access log,
// which is not, has its own way (observe/access_log.h).
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace cirque::log {

enum class Level : std::uint8_t { Trace, Debug, Info, Warn, Error };
enum class Format : std::uint8_t { Text, Json };

struct Options {
  Level level = Level::Info;
  Format format = Format::Text;
  std::string path = {};  // empty: standard error
};

// Any thread. False: the file cannot be opened, and nothing has changed.
bool configure(const Options& options);
// Any thread: opens the file anew, for log rotation. Where that fails, the old one stays.
void reopen();

using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

// Key and text are views: they live as long as the call that logs.
struct Field {
  template <class T>
  Field(std::string_view k, const T& v) : key(k), value(convert(v)) {}

  std::string_view key;
  Value value;

 private:
  template <class T>
  static Value convert(const T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      return v;
    } else if constexpr (std::is_unsigned_v<T>) {
      return static_cast<std::uint64_t>(v);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<std::int64_t>(v);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(v);
    } else {
      return std::string_view(v);
    }
  }
};

using Fields = std::initializer_list<Field>;

extern std::atomic<Level> threshold;

inline bool is_on(Level level) noexcept {
  return level >= threshold.load(std::memory_order_relaxed);
}

// Any thread. `component`, `message` and the keys are literals; what varies is a value, whose
// control characters are escaped. More than kBurst lines of one component and message in a second
// are counted instead of written; the count comes with whatever line is written next, a second
// later or more. A reader who takes nothing, of a pipe that is full, is waited for once a second,
// for 20 ms; otherwise lines are lost until he does, and counted: with the next line, and in
// lost().
inline constexpr unsigned kBurst = 20;
void write(Level level, std::string_view component, std::string_view message, Fields fields);
// The same at a given time, so that a test need not wait for a second to pass.
void write_at(std::int64_t unix_ms, Level level, std::string_view component,
              std::string_view message, Fields fields);

// Of now, for lines whose readers look for it in a field.
std::int64_t unix_seconds() noexcept;

// Lines that nobody took, since the process began. Any thread.
std::uint64_t lost() noexcept;

// For who must never wait, as the one does who looks after those that wait: false, and nothing is
// written, when another thread keeps the log busy or its reader takes nothing.
bool try_write(Level level, std::string_view component, std::string_view message, Fields fields);

// The arguments are evaluated even when the level is off: ask is_on() first where they are dear.
inline void trace(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Trace)) write(Level::Trace, component, message, fields);
}

inline void debug(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Debug)) write(Level::Debug, component, message, fields);
}

inline void info(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Info)) write(Level::Info, component, message, fields);
}

inline void warn(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Warn)) write(Level::Warn, component, message, fields);
}

inline void error(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Error)) write(Level::Error, component, message, fields);
}

}  // namespace cirque::log
