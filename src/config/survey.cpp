#include "config/survey.h"

#include <iterator>

#include "config/gather.h"

namespace cirque::config {

Survey survey(const std::string& path, const Files& files) {
  Survey found;
  // What an unset variable would have named is told by whoever loads the configuration.
  const Environment environment = process_environment;
  bool is_folder = files.is_directory(path);
  Source main{.path = path, .text = {}};
  if (!is_folder) {
    auto text = files.read(path);
    if (!text) return found;
    main.text = std::move(*text);
  }
  Report report(path, main.text);
  Gathering gathering(report, environment, files);
  if (is_folder) {
    gathering.folder(path);
  } else {
    gathering.main_file(path, main.text);
    found.sources.push_back(std::move(main));
  }
  std::ranges::move(gathering.included(), std::back_inserter(found.sources));
  found.secrets = gathering.secret_marks();
  found.wanted = gathering.wanted();
  return found;
}

}  // namespace cirque::config
