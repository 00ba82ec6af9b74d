#pragma once
// Collects the findings of one file while it is read and checked.
#include <string>
#include <string_view>
#include <vector>

#include "config/finding.h"

namespace cirque::config {

// A place in the file; lines and columns count from 1, columns in characters.
struct Spot {
  unsigned line = 0;
  unsigned column = 0;
  unsigned width = 1;
};

class Report {
 public:
  // Far more than anybody reads; what is beyond is counted in a last line.
  static constexpr std::size_t kFindingsMax = 10'000;

  // Keeps a view of `text`: it must outlive the report.
  Report(std::string file, std::string_view text);

  // The finding may be completed through the reference until the next add().
  Finding& add(Code code, Spot spot, std::string path, std::string message);
  bool has_errors() const noexcept;

  // Sorted by place, without the repetitions that an alias used twice brings.
  std::vector<Finding> take();

 private:
  std::string_view line(unsigned number) const;

  std::string file_;
  std::string_view text_;
  std::vector<std::size_t> line_starts_;
  std::vector<Finding> findings_;
  Finding beyond_;
  std::size_t left_out_ = 0;
};

}  // namespace cirque::config
