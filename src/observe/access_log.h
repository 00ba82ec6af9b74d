#pragma once
// The access log: one line a request. A worker writes it into its ring, where a thread of the log's
// own takes the bytes to the file; if the ring is full, the line is dropped and counted, never
// waited for.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cirque/address.h"
#include "cirque/http.h"

namespace cirque::observe {

enum class AccessFormat : std::uint8_t { Json, Text, Combined, Cells };

struct AccessLogOptions {
  AccessFormat format = AccessFormat::Json;
  std::string output = "stdout";  // or "stderr", "file"
  std::string path;
  std::size_t ring_bytes = 512 * 1024;  // a writer's; a power of two
};

// One request. Views need only live during write(). Fields that carry credentials are not here, so
// that they cannot be logged.
struct AccessEntry {
  std::int64_t unix_us = 0;  // when the request began
  std::string_view request_id, method, host, target, user_agent, referer;
  std::string_view service, backend;
  std::string_view reason;          // a slug; empty: all went well
  std::string_view story;           // notes on the way
  std::string_view route;           // empty: it has no name
  const Headers* fields = nullptr;  // what the app has to say, by name; may be null
  Address client;
  int status = 0;
  Version version = Version::Http11;
  bool reused = false;
  std::uint32_t attempts = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::int64_t duration_us = 0, connect_us = -1, upstream_us = -1;  // -1: it did not come to that
  std::int64_t overhead_us = -1;  // what we added; -1: the duration without connect and upstream
};

class AccessFormatter;
class LineRing;

class AccessLog {
 public:
  AccessLog(const AccessLogOptions& options, unsigned writers);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();  // writes what is left

  // Before the first reopen(): could the output be opened?
  bool is_open() const noexcept { return fd_ >= 0; }

  // One thread each.
  class Writer {
   public:
    Writer(AccessLog& log, std::size_t ring_bytes);
    Writer(Writer&&) noexcept;
    ~Writer();
    void write(const AccessEntry& entry) noexcept;

   private:
    friend class AccessLog;
    AccessLog& log_;
    std::unique_ptr<LineRing> ring_;
    std::unique_ptr<AccessFormatter> formatter_;
  };

  Writer& writer(unsigned index) noexcept { return writers_[index]; }

  // Any thread.
  void reopen() noexcept;  // for log rotation; where it fails, the old file stays
  void flush();            // what was written before is in the file afterwards, or counted as lost
  std::uint64_t dropped() const noexcept;

 private:
  void run();
  void change_file();
  bool drain();  // false: there was nothing
  void put_lines(std::string_view lines);
  std::string_view put(std::string_view bytes) noexcept;
  void lost(std::string_view bytes, int error);
  void wake() noexcept;
  int open_output() const;

  const AccessLogOptions options_;
  int fd_ = -1;
  std::vector<Writer> writers_;
  bool is_failing_ = false;  // the last write was cut short, and the log has been told
  bool is_torn_ = false;     // the file ends in the middle of a line
  std::atomic<std::uint64_t> lost_lines_{0};  // that could not be written
  std::atomic<bool> reopen_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> asleep_{0};  // a futex: 1 while the thread waits for a first record
  std::atomic<std::uint64_t> flush_wanted_{0};
  std::atomic<std::uint64_t> flushed_{0};
  std::thread thread_;
};

}  // namespace cirque::observe
