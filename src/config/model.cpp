#include "config/model.h"

#include <vector>

#include "config/model_options.h"

namespace cirque::config {
namespace {

// In the order of the documentation.
std::vector<Option> all_options() {
  std::vector<Option> all;
  for (auto part : {service_options(), certificate_options(), route_options(), pool_options(),
                    rate_options(), test_options(), server_options(), operation_options()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

const Schema& canonical() {
  static const auto kAll = all_options();
  static const Schema schema(kAll,
                             [] -> std::shared_ptr<void> { return std::make_shared<Model>(); });
  return schema;
}

}  // namespace cirque::config
