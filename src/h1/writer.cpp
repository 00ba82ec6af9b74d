#include "h1/writer.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace cirque::h1 {
namespace {

constexpr std::string_view kEnd = "\r\n";

// Appends to memory that was measured before.
class Pen {
 public:
  Pen(char* begin, std::size_t size) noexcept : begin_(begin), at_(begin), end_(begin + size) {}

  [[gnu::always_inline]] Pen& operator<<(std::string_view text) noexcept {
    at_ = base::put(at_, text);
    return *this;
  }

  Pen& operator<<(std::uint64_t number) noexcept {
    at_ = base::write_number(at_, number);
    return *this;
  }

  // Everything that was written. Whoever measured too little is stopped here, before it is sent.
  std::string_view text() const noexcept {
    CIRQUE_CHECK(at_ <= end_);
    return {begin_, at_};
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

bool is_ours(const Field& field) noexcept {
  return field.id == Name::ContentLength || field.id == Name::TransferEncoding ||
         field.id == Name::Connection;
}

// Lines that nobody has touched still stand in the buffer, and neighbours among them next to each
// other: a whole run is one copy.
void write_fields(Pen& pen, const Headers& headers) noexcept {
  std::string_view run;
  for (const Field& field : headers) {
    if (is_ours(field)) continue;
    if (!field.stands) {
      pen << std::exchange(run, {}) << field.name << ": " << field.value << kEnd;
      continue;
    }
    const char* begin = field.name.data();
    const char* end = field.value.data() + field.value.size() + kEnd.size();
    if (begin != run.data() + run.size()) pen << std::exchange(run, {begin, begin});
    run = {run.data(), end};
  }
  pen << run;
}

void write_telling(Pen& pen, const Telling& telling) noexcept {
  if (telling.kind == Telling::Kind::Chunked) pen << "Transfer-Encoding: chunked\r\n";
  if (telling.kind == Telling::Kind::Length) pen << "Content-Length: " << telling.bytes << kEnd;
}

char* take(std::size_t size, std::span<char> room, Arena& arena) {
  return size <= room.size() ? room.data() : static_cast<char*>(arena.take(size, 1));
}

// The lines of ours, at their longest.
constexpr std::size_t kOursMax = 160;

}  // namespace

std::string_view write_request_head(const Request& request, const RequestHead& options,
                                    std::span<char> room, Arena& arena) {
  auto size = request.method_text.size() + request.target.size() + request.authority.size() +
              request.headers.bytes_max() + options.upgrade.size() + kOursMax;
  Pen pen(take(size, room, arena), size);
  pen << request.method_text << " " << request.target << " HTTP/1.1\r\n";
  // A client of HTTP/1.0 may have sent none, but a request of HTTP/1.1 must have one.
  if (!request.headers.has(Name::Host)) pen << "Host: " << request.authority << kEnd;
  write_fields(pen, request.headers);
  write_telling(pen, options.telling);
  bool says_empty =
      options.telling.kind == Telling::Kind::None && request.headers.has(Name::ContentLength);
  if (says_empty) pen << "Content-Length: 0\r\n";
  if (!options.upgrade.empty()) {
    pen << "Connection: Upgrade\r\nUpgrade: " << options.upgrade << kEnd;
  }
  pen << kEnd;
  return pen.text();
}

std::string_view write_response_head(const Response& response, const ResponseHead& options,
                                     std::span<char> room, Arena& arena) {
  auto reason = response.reason.empty() ? reason_phrase(response.status) : response.reason;
  auto size = reason.size() + response.headers.bytes_max() + options.upgrade.size() + kOursMax;
  Pen pen(take(size, room, arena), size);
  pen << "HTTP/1.1 " << static_cast<std::uint64_t>(response.status) << " " << reason << kEnd;
  write_fields(pen, response.headers);
  write_telling(pen, options.telling);
  bool may_tell = response.status >= 200 && response.status != 204;
  if (options.telling.kind == Telling::Kind::None && may_tell) {
    auto told = response.headers.get(Name::ContentLength);
    if (options.bodyless && !told.empty()) pen << "Content-Length: " << told << kEnd;
    if (!options.bodyless) pen << "Content-Length: 0\r\n";
  }
  if (options.close) pen << "Connection: close\r\n";
  if (options.keep_alive) pen << "Connection: keep-alive\r\n";
  if (!options.upgrade.empty()) {
    pen << "Connection: Upgrade\r\nUpgrade: " << options.upgrade << kEnd;
  }
  pen << kEnd;
  return pen.text();
}

std::string_view write_chunk_line(ChunkLine& to, std::size_t bytes) noexcept {
  char* at = std::to_chars(to.data(), to.data() + 16, bytes, 16).ptr;
  *at++ = '\r';
  *at++ = '\n';
  return {to.data(), at};
}

std::string_view write_last_chunk(const Headers* trailers, Arena& arena) {
  constexpr std::string_view kPlain = "0\r\n\r\n";
  if (!trailers || trailers->size() == 0) return kPlain;
  auto size = kPlain.size() + trailers->bytes_max();
  Pen pen(static_cast<char*>(arena.take(size, 1)), size);
  pen << "0\r\n";
  write_fields(pen, *trailers);
  pen << kEnd;
  return pen.text();
}

}  // namespace cirque::h1
