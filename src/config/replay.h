#pragma once
// Requests that were, tried on another configuration: which of them would go elsewhere.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/blueprint.h"
#include "config/question.h"
#include "config/secret_tests.h"

namespace cirque::config {

struct Sample {
  std::string listener;
  Asked asked;
  // Whose fields, parameters and cookies it has, besides X-Forwarded-For. Null: all that there
  // were.
  std::shared_ptr<const Interests> kept = {};
  std::vector<std::string> left_out = {};  // fields of these that are too long, in small letters
  std::vector<SecretVerdict> secrets = {};
};

struct Replay {
  struct Requests {
    std::string text;  // "GET http://shop.example/cart"
    std::size_t count = 0;
  };

  // Requests that go from one place to another, as an explanation calls them.
  struct Move {
    std::string from, to;
    std::size_t count = 0;
    std::vector<Requests> requests;  // the most frequent first
  };

  // Requests of which it cannot be said: "route api asks for header x-env".
  struct Doubt {
    std::string why;
    std::size_t count = 0;
  };

  std::size_t tried = 0;
  std::vector<Move> moves;    // the most frequent first
  std::vector<Doubt> doubts;  // too
  // What the later configuration asks for, and the samples do not have: "header X-Env".
  std::vector<std::string> unknown;
};

// The samples were taken under `before`, or what was in use earlier. A split decides the same
// chance under both.
Replay replay(std::span<const Sample> samples, const Blueprint& before, const Blueprint& after);

// For people; ends with a line break.
std::string render(const Replay& replay);

}  // namespace cirque::config
