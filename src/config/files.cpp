#include "config/files.h"

#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "config/reader.h"

namespace cirque::config {
namespace {

std::expected<std::string, int> read_all(std::FILE* file) {
  std::string text;
  char chunk[16 * 1024];
  while (auto got = std::fread(chunk, 1, sizeof chunk, file)) {
    text.append(chunk, got);
    if (text.size() > kFileBytesMax) break;  // the reader says so
  }
  if (std::ferror(file)) return std::unexpected(errno);
  return text;
}

std::expected<std::string, int> read_path(const std::string& path) {
  if (path == "-") return read_all(stdin);
  std::unique_ptr<std::FILE, decltype([](std::FILE* f) { std::fclose(f); })> file(
      std::fopen(path.c_str(), "re"));
  if (!file) return std::unexpected(errno);
  return read_all(file.get());
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
  return {.read = read_path, .glob = glob_paths, .is_directory = is_directory};
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
  return files;
}

}  // namespace cirque::config
