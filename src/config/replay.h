#pragma once
// Requests that were, tried on another configuration: which of them would go elsewhere.
#include <span>
#include <string>
#include <vector>

#include "config/blueprint.h"
#include "config/question.h"

namespace cirque::config {

struct Sample {
  std::string listener;
  Asked asked;
};

struct Replay {
  // Requests that go from one place to another, as an explanation calls them.
  struct Move {
    std::string from, to;
    std::size_t count = 0;
    std::string example;  // "GET http://shop.example/cart"
  };

  std::size_t tried = 0;
  std::vector<Move> moves;  // the most frequent first
  // What the later configuration asks for, and the samples do not have: "header X-Env".
  std::vector<std::string> unknown;
};

// The samples were taken under `before`. A split decides the same chance under both.
Replay replay(std::span<const Sample> samples, const Blueprint& before, const Blueprint& after);

// For people; ends with a line break.
std::string render(const Replay& replay);

}  // namespace cirque::config
