#include "observe/process_stats.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace cirque::observe {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct Stat {
  long threads = 0;
  unsigned long long start_ticks = 0;
  unsigned long virtual_bytes = 0;
  long resident_pages = 0;
};

// proc(5): the fields after the command's closing parenthesis, from field 3 on.
Stat read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  Stat stat;
  auto after = line.rfind(')');
  if (after == std::string::npos) return stat;
  std::sscanf(line.c_str() + after + 2,
              "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu "
              "%lu %ld",
              &stat.threads, &stat.start_ticks, &stat.virtual_bytes, &stat.resident_pages);
  return stat;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    if (word != "btime") continue;
    double time = 0;
    file >> time;
    return time;
  }
  return 0;
}

// Since Linux 6.2 the size of the folder is the answer; before, one has to count, which takes
// milliseconds when there are ten thousand.
std::uintmax_t open_descriptors() {
  struct stat info{};
  if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
    return static_cast<std::uintmax_t>(info.st_size);
  }
  std::error_code error;
  std::filesystem::directory_iterator all("/proc/self/fd", error);
  std::uintmax_t count = 0;
  for (auto it = begin(all); it != end(all); it.increment(error)) ++count;
  return count > 0 ? count - 1 : 0;  // without the directory itself
}

void line(std::string& to, std::string_view name, std::string_view type, std::string_view help,
          double value) {
  fmt::format_to(std::back_inserter(to), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type,
                 help, value);
}

}  // namespace

void append_process_stats(std::string& to) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  auto stat = read_stat();
  auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  line(to, "process_cpu_seconds_total", "counter", "User and system CPU time.",
       seconds(usage.ru_utime) + seconds(usage.ru_stime));
  line(to, "process_resident_memory_bytes", "gauge", "Resident memory.",
       static_cast<double>(stat.resident_pages) * page);
  line(to, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
       static_cast<double>(stat.virtual_bytes));
  line(to, "process_open_fds", "gauge", "Open file descriptors.",
       static_cast<double>(open_descriptors()));
  line(to, "process_max_fds", "gauge", "Limit of open file descriptors.",
       static_cast<double>(files.rlim_cur));
  line(to, "process_threads", "gauge", "Threads.", static_cast<double>(stat.threads));
  line(to, "process_start_time_seconds", "gauge", "Start, in seconds since the epoch.",
       boot_time() + static_cast<double>(stat.start_ticks) / ticks);
}

}  // namespace cirque::observe
