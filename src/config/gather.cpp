#include "config/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/hash.h"
#include "config/certificates.h"
#include "config/merge.h"
#include "config/secrets.h"

namespace cirque::config {
namespace {

constexpr std::string_view kInclude = "include";
constexpr const char* kExpected = "a path or a list of paths, such as [conf.d/*.yaml]";

// Two ways to write a path are one file, as far as can be seen without asking the system.
std::string plain_form(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

constexpr std::string_view kWildcards = "*?[";

// So that a folder with a bracket in its name is no pattern.
std::string as_pattern(std::string_view path) {
  std::string pattern;
  for (char c : path) {
    if (kWildcards.contains(c) || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Where the names begin to matter that a pattern leaves open.
std::string folder_of_pattern(const std::string& path) {
  return folder_of(path.substr(0, path.find_first_of(kWildcards)));
}

constexpr std::string_view kSuffixes[] = {".yaml", ".yml", ".json", ".toml"};

// "site" of "site.yaml"; empty when it is no such name.
std::string stem_of(const std::string& path) {
  for (auto suffix : kSuffixes) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - suffix.size());
  }
  return {};
}

bool is_test_file(const std::string& path) {
  return stem_of(path).ends_with(".test");
}

std::optional<Entry> take_include(Node& root, TreeMemory& memory) {
  auto found = std::ranges::find(root.entries, kInclude, [](auto& e) { return e.key.text; });
  if (root.kind != Node::Kind::Map || found == root.entries.end()) return std::nullopt;
  auto include = *found;
  std::vector<Entry> others(root.entries.begin(), found);
  others.insert(others.end(), std::next(found), root.entries.end());
  root.entries = memory.keep_all(others);
  return include;
}

const Node* find(const Node& map, std::string_view key) {
  if (map.kind != Node::Kind::Map) return nullptr;
  auto found = std::ranges::find(map.entries, key, [](auto& e) { return e.key.text; });
  return found == map.entries.end() ? nullptr : &found->value;
}

}  // namespace

std::string folder_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash + 1);
}

bool is_configuration(const std::string& path) {
  return !stem_of(path).empty();
}

// A file called "-" is one, and not standard input.
std::string path_from(const std::string& folder, const std::string& path) {
  if (path.starts_with('/')) return path;
  return path == "-" && folder.empty() ? "./-" : folder + path;
}

std::string path_at(const Report& report, const Spot& spot, const std::string& path) {
  return path_from(folder_of(report.name_of(spot.file)), path);
}

Gathering::Gathering(Report& report, const Environment& environment, const Files& files)
    : report_(report),
      intake_{.environment = environment, .report = report, .memory = memory_},
      files_(files) {}

void Gathering::main_file(const std::string& path, std::string_view text) {
  seen_.insert(plain_form(path));
  wanted_.paths.push_back(path);
  read(path, text, 0);
}

void Gathering::folder(const std::string& path) {
  keep_folder(path);
  all_of(path, {});
  if (included_.size() > 1 || report_.has_errors()) return;
  report_.add(Code::Unreadable, {}, {}, "is a folder without configurations").expected =
      "files that end in .yaml, .yml, .json or .toml";
  report_.lacks_a_file();
}

Node Gathering::tree() {
  if (trees_.empty()) return {};
  return merged(std::move(trees_), memory_, report_).value;
}

void Gathering::read(const std::string& path, std::string_view text, unsigned file) {
  auto root = read_tree(text, language_of(path), file, intake_);
  // The reader gives nothing when it has found a mistake of syntax.
  bool is_broken = root.kind == Node::Kind::Null && report_.has_errors_in(file);
  if (is_broken) report_.lacks_a_file();
  auto include = take_include(root, memory_);
  read_pages(root, folder_of(path));
  read_secrets(root, folder_of(path));
  read_certificates(root, folder_of(path));
  bool is_main = file == 0;
  if (!is_main && root.kind != Node::Kind::Map && root.kind != Node::Kind::Null) {
    miss(Code::WrongType, root.spot, "an included file must be a map of keys and values");
  } else {
    trees_.push_back({.key = {}, .value = root});
  }
  bool is_map = trees_.empty() || trees_.back().value.kind != Node::Kind::Scalar;
  if (is_map) read_tests_beside(path);
  if (!include) return;
  if (include->value.kind == Node::Kind::Null) {
    miss(Code::NoValue, include->key.spot, "'include' has no value").expected = kExpected;
    return;
  }
  open_.push_back({.path = plain_form(path), .file = file});
  follow(include->value, folder_of(path));
  open_.pop_back();
}

// Those who watch the files must know of these, too, and so must every copy of the configuration.
// What is wrong with a name is told by whoever looks at values (config/error_pages.h).
void Gathering::read_pages(const Node& root, const std::string& folder) {
  constexpr std::string_view kPages = "error_pages";
  if (const auto* pages = find(root, kPages)) read_pages_of(*pages, folder);
  const auto* hosts = find(root, "virtual_hosts");
  if (!hosts) return;
  for (const auto& host : hosts->items) {
    if (const auto* pages = find(host, kPages)) read_pages_of(*pages, folder);
  }
}

void Gathering::read_pages_of(const Node& list, const std::string& folder) {
  for (const auto& page : list.items) {
    for (auto language : {"html", "json"}) {
      const auto* text = find(page, language);
      const auto* file = text ? find(*text, "file") : nullptr;
      bool is_path = file && file->kind == Node::Kind::Scalar && !file->broken;
      if (is_path && !file->text.empty())
        read_page(path_from(folder, std::string(file->text)), file->spot);
    }
  }
}

void Gathering::read_page(const std::string& path, Spot from) {
  if (pages_.contains(path) || is_beyond(0, from)) return;
  wanted_.paths.push_back(path);
  auto text = files_.read(path);
  if (!text) {
    pages_.emplace(path, std::unexpected(text.error()));
    return;
  }
  text->resize(std::min(text->size(), kPageBytesMax + 1));
  if (is_beyond(text->size(), from)) return;
  pages_.emplace(path, &included_.emplace_back(path, std::move(*text)));
}

// What is wrong with them is told in config/secrets.h.
void Gathering::read_secrets(const Node& root, const std::string& folder) {
  const auto* pools = find(root, "pools");
  if (!pools) return;
  for (const auto& pool : pools->items) {
    const auto* sticky = find(pool, "sticky");
    const auto* keys = sticky ? find(*sticky, "keys") : nullptr;
    if (!keys) continue;
    if (keys->kind == Node::Kind::Scalar) read_secret(*keys, folder);
    for (const auto& key : keys->items) read_secret(key, folder);
  }
}

void Gathering::read_secret(const Node& reference, const std::string& folder) {
  if (reference.kind != Node::Kind::Scalar || reference.broken) return;
  auto named = secret_path(reference.text);
  if (named.empty()) return;
  keep_secret(path_from(folder, std::string(named)), kSecretBytesMax, reference.spot);
}

// In our own language, and in that of files of domains. What is wrong with them is told in
// config/certificates.h.
void Gathering::read_certificates(const Node& root, const std::string& folder) {
  if (const auto* certificates = find(root, "certificates")) {
    for (const auto& one : certificates->items) {
      read_pem(find(one, "certificate"), folder);
      read_pem(find(one, "key"), folder);
    }
  }
  const auto* hosts = find(root, "virtual_hosts");
  if (!hosts) return;
  for (const auto& host : hosts->items) {
    const auto* source = find(host, "certificate_source");
    if (!source) continue;
    read_pem(find(*source, "cert_path"), folder);
    read_pem(find(*source, "key_path"), folder);
  }
}

void Gathering::read_pem(const Node* path, const std::string& folder) {
  if (!path || path->kind != Node::Kind::Scalar || path->broken || path->text.empty()) return;
  keep_secret(path_from(folder, std::string(path->text)), kPemBytesMax, path->spot);
}

void Gathering::keep_secret(std::string path, std::size_t most, Spot from) {
  if (secrets_.contains(path) || is_beyond(0, from)) return;
  wanted_.paths.push_back(path);
  auto secret = files_.read_secret(path, most);
  intake_.bytes += secret ? secret->bytes.size() : 0;
  secrets_.emplace(std::move(path), std::move(secret));
}

const Gathering::Secret* Gathering::secret(const std::string& path) const {
  auto found = secrets_.find(path);
  return found == secrets_.end() ? nullptr : &found->second;
}

std::vector<SecretMark> Gathering::secret_marks() const {
  std::vector<SecretMark> marks;
  for (const auto& [path, secret] : secrets_) {
    marks.push_back({path, secret ? base::hash(secret->bytes) | 1 : 0});
  }
  return marks;
}

// True: with so many bytes more it is too much of a configuration. Told once.
bool Gathering::is_beyond(std::size_t bytes, Spot from) {
  if (is_full_) return true;
  intake_.bytes += bytes;
  is_full_ = intake_.bytes > kFileBytesMax || included_.size() + 1 >= kFilesMax;
  if (is_full_) {
    report_.lacks_a_file();
    report_.add(Code::TooBig, from, "error_pages",
                fmt::format("more than {} files, or {} MiB", kFilesMax, kFileBytesMax >> 20));
  }
  return is_full_;
}

const Gathering::Page* Gathering::page(const std::string& path) const {
  auto found = pages_.find(path);
  return found == pages_.end() ? nullptr : &found->second;
}

// They are there or they are not; nothing asks for them.
void Gathering::read_tests_beside(const std::string& path) {
  auto stem = stem_of(path);
  if (stem.empty()) return;
  for (auto suffix : kSuffixes) {
    auto beside = fmt::format("{}.test{}", stem, suffix);
    include_tests(beside);
  }
}

void Gathering::include_tests(const std::string& path) {
  if (is_full_ || seen_.contains(plain_form(path))) return;
  wanted_.paths.push_back(path);
  auto text = files_.read(path);
  if (!text || !seen_.insert(plain_form(path)).second) return;
  const auto& source = included_.emplace_back(path, std::move(*text));
  read_tests(source, report_.add_file(path, source.text));
}

void Gathering::read_tests(const Source& source, unsigned file) {
  auto root = read_tree(source.text, language_of(source.path), file, intake_);
  if (root.kind == Node::Kind::Null) {
    if (report_.has_errors_in(file)) report_.lacks_a_file();
    return;
  }
  auto is_other = [](const Entry& entry) { return entry.key.text != "tests"; };
  auto other = std::ranges::find_if(root.entries, is_other);
  if (root.kind == Node::Kind::Map && other == root.entries.end()) {
    trees_.push_back({.key = {}, .value = root});
    return;
  }
  auto spot = other == root.entries.end() ? root.spot : other->key.spot;
  report_.add(Code::WrongType, spot, {}, "a file of tests has nothing but tests").expected =
      "tests: and a list of them";
}

void Gathering::follow(const Node& include, const std::string& folder) {
  if (include.kind == Node::Kind::List) {
    for (const auto& item : include.items) follow_path(item, folder);
  } else {
    follow_path(include, folder);
  }
}

void Gathering::follow_path(const Node& include, const std::string& folder) {
  if (include.broken) {
    report_.attribute(include.spot, std::string(kInclude));
    return report_.lacks_a_file();
  }
  if (include.kind != Node::Kind::Scalar || include.text.empty()) {
    miss(Code::WrongType, include.spot, "'include' takes a path, or a list of paths").expected =
        kExpected;
    return;
  }
  auto base = include.text.starts_with('/') ? std::string() : folder;
  auto path = path_from(folder, std::string(include.text));
  if (files_.is_directory(path)) {
    auto before = included_.size();
    all_of(path, include.spot);
    if (included_.size() == before) keep_folder(path);
    return;
  }
  if (include.text.find_first_of(kWildcards) == path.npos) return this->include(path, include.spot);
  wanted_.folders.push_back(folder_of_pattern(path));
  for (const auto& match : files_.glob(as_pattern(base).append(include.text))) {
    if (!is_test_file(match)) this->include(match, include.spot);
  }
}

void Gathering::all_of(const std::string& folder, Spot from) {
  wanted_.folders.push_back(folder.ends_with('/') ? folder : folder + '/');
  std::vector<std::string> paths;
  auto pattern = as_pattern(folder) + (folder.ends_with('/') ? "*" : "/*");
  for (auto suffix : kSuffixes) {
    std::ranges::move(files_.glob(fmt::format("{}{}", pattern, suffix)), std::back_inserter(paths));
  }
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    if (!is_test_file(path)) include(path, from);
  }
  for (const auto& path : paths) {
    if (is_test_file(path)) include_tests(path);
  }
}

void Gathering::keep_folder(const std::string& path) {
  included_.push_back({.path = path.ends_with('/') ? path : path + '/', .text = {}});
}

void Gathering::include(const std::string& path, Spot from) {
  if (is_full_ || is_cycle(path, from)) return;
  if (!seen_.insert(plain_form(path)).second) return;  // once is enough, whoever asks for it
  is_full_ = included_.size() + 1 >= kFilesMax;
  if (is_full_) {
    miss(Code::TooBig, from, fmt::format("more than {} files", kFilesMax));
    return;
  }
  if (open_.size() > kIncludesDeepMax) {
    miss(Code::TooBig, from, fmt::format("included more than {} deep", kIncludesDeepMax));
    return;
  }
  wanted_.paths.push_back(path);
  auto text = files_.read(path);
  if (!text) {
    miss(Code::NoInclude, from,
         fmt::format("'{}' cannot be read: {}", path, strerrordesc_np(text.error())))
        .expected = "a path that starts at the folder of this file, or with a slash";
    return;
  }
  const auto& source = included_.emplace_back(path, std::move(*text));
  read(path, source.text, report_.add_file(path, source.text, from));
}

bool Gathering::is_cycle(const std::string& path, Spot from) {
  auto first = std::ranges::find(open_, plain_form(path), &Open::path);
  if (first == open_.end()) return false;
  std::string chain;
  for (auto at = first; at != open_.end(); ++at) chain += report_.name_of(at->file) + " -> ";
  complain(Code::IncludeCycle, from,
           fmt::format("'{}' is in the middle of being read: {}{}", path, chain,
                       report_.name_of(first->file)))
      .expected = "includes that go one way";
  return true;
}

Finding& Gathering::complain(Code code, Spot spot, std::string message) {
  return report_.add(code, spot, std::string(kInclude), std::move(message));
}

// The same, and a file is missing because of it.
Finding& Gathering::miss(Code code, Spot spot, std::string message) {
  report_.lacks_a_file();
  return complain(code, spot, std::move(message));
}

}  // namespace cirque::config
