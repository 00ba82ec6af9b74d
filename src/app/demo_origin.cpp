#include "app/demo_origin.h"

#include <algorithm>

#include "base/text.h"

namespace cirque::app {
namespace {

// "ms=2000" out of a query, bounded; `otherwise` when it is not there or not a number.
std::uint64_t number_in(std::string_view query, std::string_view key, std::uint64_t otherwise,
                        std::uint64_t most) {
  auto at = query.find(key);
  if (at == std::string_view::npos) return otherwise;
  auto digits = query.substr(at + key.size());
  return base::parse_number(digits.substr(0, digits.find('&')), most).value_or(otherwise);
}

// So many bytes of a pattern.
class Pattern final : public Source {
 public:
  explicit Pattern(std::uint64_t bytes) noexcept : left_(bytes) {}

  Task<Piece> next() override {
    auto size = std::min<std::uint64_t>(left_, kText.size());
    left_ -= size;
    co_return Piece{.data = kText.substr(0, size), .last = left_ == 0};
  }

  bool is_ready() const noexcept override { return true; }

  std::optional<std::uint64_t> remaining() const noexcept override { return left_; }

 private:
  static constexpr std::size_t kBytes = 64 * 1024;
  static const std::string kStore;
  static const std::string_view kText;
  std::uint64_t left_;
};

const std::string Pattern::kStore = [] {
  std::string text;
  while (text.size() < kBytes) text += "the quick brown fox jumps over the lazy dog\n";
  return text;
}();
const std::string_view Pattern::kText = Pattern::kStore;

}  // namespace

Step DemoOrigin::on_request(Exchange& exchange) {
  auto path = exchange.request.path();
  if (path == "/health") return exchange.answer(200, "ok\n");
  if (path == "/slow") return slow(exchange);
  if (path == "/big") return big(exchange);
  if (path == "/fail") return failing(exchange);
  return echo(exchange);
}

Step DemoOrigin::slow(Exchange& exchange) {
  auto ms = number_in(exchange.request.query(), "ms=", 2000, 60'000);
  co_await exchange.sleep(std::chrono::milliseconds(ms));
  co_return exchange.answer(200,
                            "origin " + name_ + " answered after " + std::to_string(ms) + " ms\n");
}

Response& DemoOrigin::big(Exchange& exchange) {
  auto bytes = number_in(exchange.request.query(), "bytes=", 10'000'000, 100'000'000'000);
  auto& response = exchange.answer(200);
  response.headers.add(Name::ContentType, "text/plain");
  response.body = Body::borrow(exchange.arena.make<Pattern>(bytes));
  return response;
}

Response& DemoOrigin::failing(Exchange& exchange) {
  auto status = number_in(exchange.request.query(), "status=", 500, 599);
  return exchange.answer(static_cast<int>(std::max<std::uint64_t>(status, 200)),
                         "origin " + name_ + " fails as asked\n");
}

Step DemoOrigin::echo(Exchange& exchange) {
  const auto& request = exchange.request;
  std::uint64_t bytes = 0;
  if (request.body) {
    for (bool last = false; !last;) {
      auto piece = co_await request.body->next();
      if (!piece) co_return fail(piece.error());
      bytes += piece->data.size();
      last = piece->last;
    }
  }
  std::string text = "origin " + name_ + "\n" + std::string(request.method_text) + " " +
                     std::string(request.target) + "\n";
  for (const Field& field : request.headers) {
    text += std::string(field.name) + ": " + std::string(field.value) + "\n";
  }
  text += "body: " + std::to_string(bytes) + " bytes\n";
  auto& response = exchange.answer(200, text);
  response.headers.add("X-Origin", name_);
  co_return response;
}

}  // namespace cirque::app
