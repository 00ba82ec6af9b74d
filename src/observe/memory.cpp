#include "observe/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cirque::observe {
namespace {

// What the file begins with: more than that is in none of them. Empty when there is no such file.
std::string text_of(const std::string& path) {
  constexpr std::size_t kBytesMax = 8192;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, kBytesMax> text;
  auto got = ::read(fd, text.data(), text.size());
  close(fd);
  return {text.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

// The number that `text` begins with; 0 where there is none, as in "max".
template <class Number>
Number number_at(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// What stands behind `key` in lines of keys and numbers.
template <class Number>
Number number_after(std::string_view text, std::string_view key) {
  auto at = text.find(key);
  return at == std::string_view::npos ? Number{} : number_at<Number>(text.substr(at + key.size()));
}

// The line of the unified hierarchy is "0::/path".
std::string cgroup_of(std::string_view lines) {
  while (!lines.empty()) {
    auto line = lines.substr(0, lines.find('\n'));
    if (line.starts_with("0::/")) return std::string(line.substr(3));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  }
  return {};
}

}  // namespace

MemoryGauge::MemoryGauge(std::string root) : root_(std::move(root)) {}

std::uint64_t MemoryGauge::resident() const {
  auto statm = text_of(root_ + "/proc/self/statm");
  auto after_size = statm.find(' ');
  if (after_size == std::string::npos) return 0;
  auto pages = number_at<std::uint64_t>(std::string_view(statm).substr(after_size));
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// The folder of the one whose memory.max is the smallest; empty: there is no limit.
std::string MemoryGauge::limiting_cgroup(std::uint64_t& limit) const {
  auto path = cgroup_of(text_of(root_ + "/proc/self/cgroup"));
  std::string found;
  limit = 0;
  while (!path.empty()) {
    auto folder = root_ + "/sys/fs/cgroup" + path;
    auto most = number_at<std::uint64_t>(text_of(folder + "/memory.max"));
    if (most > 0 && (limit == 0 || most < limit)) {
      limit = most;
      found = folder;
    }
    if (path == "/") break;
    path.resize(path.rfind('/'));
    if (path.empty()) path = "/";
  }
  return found;
}

Memory MemoryGauge::read(std::uint64_t limit) const {
  if (limit > 0) return {.used = resident(), .limit = limit, .limit_of = "configuration"};
  Memory memory;
  auto folder = limiting_cgroup(memory.limit);
  if (folder.empty()) {
    auto machine = text_of(root_ + "/proc/meminfo");
    memory.limit = number_after<std::uint64_t>(machine, "MemTotal:") * 1024;
    memory.used = resident();
    return memory;
  }
  memory.limit_of = "cgroup";
  auto current = number_at<std::uint64_t>(text_of(folder + "/memory.current"));
  auto droppable = number_after<std::uint64_t>(text_of(folder + "/memory.stat"), "inactive_file ");
  memory.used = current > droppable ? current - droppable : 0;
  auto pressure = text_of(folder + "/memory.pressure");
  auto full = pressure.find("full ");
  if (full != std::string::npos) {
    memory.stalled = number_after<double>(std::string_view(pressure).substr(full), "avg10=");
  }
  return memory;
}

}  // namespace cirque::observe
