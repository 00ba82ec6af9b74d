#pragma once
// Collects the findings of a configuration, of one file or of many, while it is read and checked.
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/finding.h"

namespace cirque::config {

// A place in a file; lines and columns count from 1, columns in characters.
struct Spot {
  unsigned line = 0;
  unsigned column = 0;
  unsigned width = 1;
  unsigned file = 0;  // as Report::add_file has numbered it; 0 is the main file
};

// What stands behind such a key, or on such a line, is not to be repeated, though nobody knows the
// key or can read the line.
bool speaks_of_secrets(std::string_view text);

class Report {
 public:
  // Far more than anybody reads, of errors and of warnings; what is beyond is counted in a last
  // line. Each for themselves: warnings must not crowd out the error that refuses the file.
  static constexpr std::size_t kFindingsMax = 10'000;

  // Of the main file. Keeps a view of `text`: it must outlive the report.
  Report(std::string file, std::string_view text);

  // Its number, for spots. `included_from` is where it is asked for, a Spot without a line when it
  // was not; findings about it tell that place, and the places that led there. Keeps a view of
  // `text`.
  unsigned add_file(std::string name, std::string_view text, Spot included_from = {});

  // The finding may be completed through the reference until the next add().
  Finding& add(Code code, Spot spot, std::string path, std::string message);

  // The mistake at that spot, which was found before anybody knew what the value is for, is in the
  // value at that path. By an alias it may be in several.
  void attribute(Spot spot, std::string path);

  // A secret stands there: no finding shows that line, whatever it is about. Of lines that cannot
  // be read only their words tell.
  void hide(Spot spot) { hidden_.emplace(spot.file, spot.line); }

  bool has_errors() const noexcept { return errors_ > 0; }

  // A file could not be read, or nobody knows which one was meant: what seems to be missing may
  // stand there.
  void lacks_a_file() noexcept { is_partial_ = true; }

  bool is_partial() const noexcept { return is_partial_; }

  bool has_errors_in(unsigned file) const noexcept;

  // That may be why a name of something is missing: in another section of the file than these, and
  // not in a value that names nothing.
  bool has_errors_but_in(std::span<const std::string_view> sections) const noexcept;

  // In the value at that path, or in anything that it holds; or who knows where: not every mistake
  // of a text knows its key, and not all are kept. `file`: where the value stands, if all of it
  // must stand in one. `but`: keys of it that do not matter.
  bool has_errors_under(std::string_view path, std::optional<unsigned> file = {},
                        std::span<const std::string_view> but = {}) const noexcept;

  // Does a quotation mark stand there?
  bool is_quote(Spot spot);

  const std::string& name_of(unsigned file) const { return files_.at(file).name; }

  // For a message about `from`: "on line 3", or "in conf.d/a.yaml:3" when that is another file.
  std::string where(Spot spot, Spot from) const;

  // Sorted by file and place, without the repetitions that an alias used twice brings.
  std::vector<Finding> take();

 private:
  struct File {
    std::string name;
    std::string_view text;
    Spot included_from;
    std::vector<std::size_t> line_starts;

    std::string_view line(unsigned number) const;
  };

  struct Placed {
    Finding finding;
    unsigned file;
  };

  // A part of a line, and how many characters stand before it.
  struct Excerpt {
    std::string_view text;
    unsigned skipped;
  };

  // Where a character of a line was found to begin.
  struct Found {
    const char* line = nullptr;
    unsigned character = 0;
    std::size_t byte = 0;
  };

  void note(Spot spot, const std::string& path);
  Excerpt excerpt(std::string_view line, unsigned column);
  std::size_t byte_of(std::string_view line, unsigned character);
  std::string chain_of(unsigned file) const;

  std::vector<File> files_;
  std::vector<Placed> findings_;
  // Of errors alone: the paths, and those of whom nobody knows one, by file, line and column.
  std::set<std::string, std::less<>> wrong_;
  std::map<std::array<unsigned, 3>, std::vector<std::size_t>> unplaced_;
  std::set<std::pair<unsigned, unsigned>> hidden_;  // files and their lines
  Finding beyond_;
  Found last_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
  std::size_t left_out_ = 0;
  bool is_partial_ = false;
  bool is_anywhere_ = false;  // not all that is wrong is known by its path
};

}  // namespace cirque::config
