#include "config/files.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include "config/reader.h"
#include "net/socket.h"

namespace cirque::config {
namespace {

// Waits for a pipe whose other end takes its time. False: too much of it; errno tells.
bool comes(int fd) {
  constexpr int kPatienceMs = 2000;
  pollfd pipe{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = ::poll(&pipe, 1, kPatienceMs);
  if (ready == 0) errno = ETIMEDOUT;
  return ready > 0;
}

std::expected<std::string, int> read_all(int fd, std::size_t most = kFileBytesMax) {
  std::string text;
  char chunk[16 * 1024];
  while (text.size() <= most) {  // the reader says so
    auto got = ::read(fd, chunk, sizeof chunk);
    if (got == 0) break;
    if (got > 0) {
      text.append(chunk, static_cast<std::size_t>(got));
    } else if (errno != EINTR && (errno != EAGAIN || !comes(fd))) {
      return std::unexpected(errno);
    }
  }
  return text;
}

// Never waits to be opened: a process that serves reads files again, and among them may be a pipe
// that nobody writes to.
std::expected<std::string, int> read_path(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO);
  net::Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::unexpected(errno);
  return read_all(file.get());
}

std::expected<SecretFile, int> read_secret(const std::string& path, std::size_t most) {
  net::Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::unexpected(errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(errno);
  auto bytes = read_all(file.get(), most);
  if (!bytes) return std::unexpected(bytes.error());
  return SecretFile{std::move(*bytes), (status.st_mode & S_IROTH) != 0};
}

std::vector<std::string> glob_paths(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  std::ranges::sort(paths);  // glob() sorts by the locale
  return paths;
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Files system_files() {
  return {.read = read_path,
          .glob = glob_paths,
          .is_directory = is_directory,
          .read_secret = read_secret};
}

Files files_of(std::vector<Source> sources) {
  std::map<std::string, std::string, std::less<>> by_path;
  for (auto& source : sources) by_path.emplace(std::move(source.path), std::move(source.text));
  auto texts = std::make_shared<const decltype(by_path)>(std::move(by_path));

  Files files;
  files.read = [texts](const std::string& path) -> std::expected<std::string, int> {
    auto found = texts->find(path);
    if (found == texts->end()) return std::unexpected(ENOENT);
    return found->second;
  };
  files.glob = [texts](const std::string& pattern) {
    std::vector<std::string> paths;
    for (const auto& [path, text] : *texts) {
      bool matches = ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
      if (matches) paths.push_back(path);
    }
    return paths;
  };
  files.is_directory = [texts](const std::string& path) {
    auto folder = path.ends_with('/') ? path : path + '/';
    auto first = texts->lower_bound(folder);
    return first != texts->end() && first->first.starts_with(folder);
  };
  files.read_secret = read_secret;
  return files;
}

}  // namespace cirque::config
