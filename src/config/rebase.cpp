#include "config/rebase.h"

#include "config/gather.h"
#include "config/secrets.h"

namespace cirque::config {
namespace {

// `path` of a file in `folder`, as a file in `main` would have it. Both end in a slash, or are the
// folder that we are in.
std::string rebased(const std::string& path, const std::string& folder, const std::string& main) {
  if (path.starts_with('/')) return path;
  bool is_below = folder.starts_with(main) && (!main.empty() || !folder.starts_with('/'));
  return (is_below ? folder.substr(main.size()) : folder) + path;
}

class Rebase {
 public:
  Rebase(const Places& places, const Report& report)
      : places_(places), report_(report), main_(folder_of(report.name_of(0))) {}

  void path(std::string& field) const {
    if (const auto* spot = places_.at(&field)) field = rebased(field, folder(*spot), main_);
  }

  void secret(std::string& field) const {
    const auto* spot = places_.at(&field);
    auto named = secret_path(field);
    if (!spot || named.empty()) return;
    field = field.substr(0, field.size() - named.size()) +
            rebased(std::string(named), folder(*spot), main_);
  }

 private:
  std::string folder(const Spot& spot) const { return folder_of(report_.name_of(spot.file)); }

  const Places& places_;
  const Report& report_;
  std::string main_;
};

}  // namespace

void rebase_paths(Model& model, const Places& places, const Report& report) {
  Rebase rebase(places, report);
  for (auto& one : model.certificates) {
    rebase.path(one.certificate);
    rebase.path(one.key);
  }
  for (auto& pool : model.pools) {
    for (auto& key : pool.sticky.keys) rebase.secret(key);
  }
}

}  // namespace cirque::config
