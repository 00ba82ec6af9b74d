#pragma once
// How much processor time some processes have used, all their threads included.
#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

struct CpuTime {
  double total_us = 0;   // from schedstat: nanosecond precision, the same time as utime + stime
  double user_us = 0;    // from stat: clock ticks, good enough for a share
  double system_us = 0;  // likewise
};

inline CpuTime operator-(const CpuTime& a, const CpuTime& b) {
  return {a.total_us - b.total_us, a.user_us - b.user_us, a.system_us - b.system_us};
}

inline CpuTime cpu_time_of(const std::vector<int>& pids) {
  CpuTime sum;
  static const double tick_us = 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
  for (int pid : pids) {
    std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    DIR* dir = opendir(tasks.c_str());
    if (dir == nullptr) continue;
    while (dirent* entry = readdir(dir)) {
      if (entry->d_name[0] == '.') continue;
      std::string task = tasks + "/" + entry->d_name;
      std::uint64_t ns = 0, user = 0, system = 0;
      if (std::FILE* f = std::fopen((task + "/schedstat").c_str(), "r")) {
        if (std::fscanf(f, "%lu", &ns) == 1) sum.total_us += static_cast<double>(ns) / 1e3;
        std::fclose(f);
      }
      if (std::FILE* f = std::fopen((task + "/stat").c_str(), "r")) {
        // Fields 14 and 15; the name, field 2, ends with the last ')' and holds none in our
        // programs.
        if (std::fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                        &user, &system) == 2) {
          sum.user_us += static_cast<double>(user) * tick_us;
          sum.system_us += static_cast<double>(system) * tick_us;
        }
        std::fclose(f);
      }
    }
    closedir(dir);
  }
  return sum;
}

}  // namespace bench
