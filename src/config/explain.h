#pragma once
// Why a request goes where it goes, in words: the decision of the workers' own code, with what was
// tried and what was missing.
#include <functional>
#include <string>

#include "config/blueprint.h"
#include "config/question.h"

namespace cirque::config {

struct ExplainOptions {
  std::string listener;  // empty: the first
  // Of the origins of a pool, in its order; empty: nothing is known, as when the process is not
  // asked.
  std::function<std::vector<upstream::OriginState>(std::uint32_t pool)> states = {};
};

// Ends with a line break. Quotes the request: for the one who sent it, or who runs the proxy.
std::string explain_text(const Model& model, const Blueprint& blueprint, const Question& question,
                         const ExplainOptions& options);

// On one line, for a header field: "web; shop/api; path_prefix /api; pool web".
std::string explain_line(const Blueprint& blueprint, const LanePlan& lane,
                         const route::Facts& facts);

}  // namespace cirque::config
