#pragma once
// Makes one tree of a configuration's files: follows `include:` from the main file on, reads the
// tests that stand beside each file (site.test.yaml beside site.yaml) and the files of error pages,
// secrets and certificates, and merges what the files have in common. Lists are appended, maps are
// merged key by key, and two scalars for one key are a mistake.
#include <deque>
#include <expected>
#include <map>
#include <set>

#include "config/files.h"
#include "config/reader.h"
#include "config/survey.h"

namespace cirque::config {

// An include within an include, and so on; nobody means to go deeper.
inline constexpr std::size_t kIncludesDeepMax = 16;
inline constexpr std::size_t kFilesMax = 10'000;
inline constexpr std::size_t kPageBytesMax = std::size_t{64} << 10;  // of an error page

// What `path` means in a file of that folder, which ends in a slash or is empty.
std::string path_from(const std::string& folder, const std::string& path);

// The same, of a path that is written at `spot`: it starts at the folder of that file.
std::string path_at(const Report& report, const Spot& spot, const std::string& path);
std::string folder_of(const std::string& path);

// Is it called as configurations are, in one of their languages?
bool is_configuration(const std::string& path);

class Gathering {
 public:
  // The report has the main file already.
  Gathering(Report& report, const Environment& environment, const Files& files);

  // Either of them once: the main file, with the text that the report has a view of; or a folder,
  // whose files are merged as if something had included them all.
  void main_file(const std::string& path, std::string_view text);
  void folder(const std::string& path);

  // Of all files, once. It is in the memory, which lives as long as this or until it is given back.
  Node tree();

  TreeMemory& memory() noexcept { return memory_; }

  // Of all files that were read.
  std::size_t nodes() const noexcept { return intake_.nodes; }

  // What was included, in the order of reading; the main file is not in here, but a folder in its
  // place is (Source::is_folder). The report has views of the texts, so they stay where they are.
  std::deque<Source>& included() noexcept { return included_; }

  // The file of an error page, which was read when its name was seen, or the errno that tells why
  // it could not be. Null: there were too many files, which is told already. Of a file that is too
  // large for a page only a byte more than that.
  using Page = std::expected<const Source*, int>;
  const Page* page(const std::string& path) const;

  // The file of a secret, of a certificate or of its key, likewise. It is in no Source.
  using Secret = std::expected<SecretFile, int>;
  const Secret* secret(const std::string& path) const;
  std::vector<SecretMark> secret_marks() const;

  const Wanted& wanted() const noexcept { return wanted_; }

 private:
  struct Open {
    std::string path;
    unsigned file;
  };

  void read(const std::string& path, std::string_view text, unsigned file);
  void follow(const Node& include, const std::string& folder);
  void follow_path(const Node& include, const std::string& folder);
  void all_of(const std::string& folder, Spot from);
  void keep_folder(const std::string& path);
  void include(const std::string& path, Spot from);
  void read_pages(const Node& root, const std::string& folder);
  void read_pages_of(const Node& list, const std::string& folder);
  void read_page(const std::string& path, Spot from);
  void read_secrets(const Node& root, const std::string& folder);
  void read_secret(const Node& reference, const std::string& folder);
  void read_certificates(const Node& root, const std::string& folder);
  void read_pem(const Node* path, const std::string& folder);
  void keep_secret(std::string path, std::size_t most, Spot from);
  bool is_beyond(std::size_t bytes, Spot from);
  void include_tests(const std::string& path);
  void read_tests_beside(const std::string& path);
  void read_tests(const Source& source, unsigned file);
  bool is_cycle(const std::string& path, Spot from);
  Finding& complain(Code code, Spot spot, std::string message);
  Finding& miss(Code code, Spot spot, std::string message);

  Report& report_;
  TreeMemory memory_;
  Intake intake_;
  const Files& files_;
  std::vector<Entry> trees_;  // as values without a key, in the order of reading
  std::deque<Source> included_;
  std::set<std::string> seen_;
  std::map<std::string, Page> pages_;
  std::map<std::string, Secret> secrets_;
  std::vector<Open> open_;
  bool is_full_ = false;
  Wanted wanted_;
};

}  // namespace cirque::config
