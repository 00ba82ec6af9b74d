#pragma once
// HTTP as a proxy sees it, whatever the wire version: a head, then a body that is pulled (RFC
// 9110).
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "cirque/arena.h"
#include "cirque/result.h"
#include "cirque/task.h"

namespace cirque {

enum class Version : std::uint8_t { Http10, Http11, Http2, Http3 };

enum class Method : std::uint8_t {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Options,
  Patch,
  Connect,
  Trace,
  Other,
};
inline constexpr std::size_t kMethods = 10;

Method method_of(std::string_view text) noexcept;  // case matters (RFC 9110 9.1)
std::string_view text_of(Method method) noexcept;  // "OTHER" for Other
bool is_safe(Method method) noexcept;              // RFC 9110 9.2.1
bool is_idempotent(Method method) noexcept;        // RFC 9110 9.2.2; Other is not

// Field names that the proxy itself asks for. Interned when a head is parsed, so that looking one
// up compares a byte.
enum class Name : std::uint8_t {
  Other,
  Accept,
  AcceptEncoding,
  Age,
  Allow,
  Authorization,
  CacheControl,
  Connection,
  ContentEncoding,
  ContentLength,
  ContentType,
  Cookie,
  Date,
  ETag,
  Expect,
  Forwarded,
  Host,
  Http2Settings,
  IfModifiedSince,
  IfNoneMatch,
  KeepAlive,
  LastModified,
  Location,
  Origin,
  Pragma,
  Proxy,
  ProxyAuthenticate,
  ProxyAuthorization,
  ProxyConnection,
  ProxyStatus,
  Range,
  RateLimit,
  RateLimitPolicy,
  Referer,
  RetryAfter,
  Server,
  SetCookie,
  Te,
  Trailer,
  TransferEncoding,
  Upgrade,
  UserAgent,
  Vary,
  Via,
  XCircuitState,
  XCirqueExplain,
  XFailoverReason,
  XForwardedFor,
  XForwardedHost,
  XForwardedProto,
  XRealIp,
  XRequestId,
  XRouteReason,
  XRoutedTo,
  Count,
};

Name name_of(
    std::string_view name) noexcept;  // whatever its case; Name::Other when not in the list
std::string_view text_of(Name name) noexcept;  // in its usual spelling: "Content-Length"

struct Field {
  std::string_view name;  // as it was sent
  std::string_view value;
  Name id = Name::Other;  // Name::Count once dropped: such a line is skipped everywhere
  // The line stands in memory just as it would be written: "name: value" and CR LF behind it.
  bool stands = false;
};

// The field lines of a message in order, duplicates kept. Views point into the connection's buffer
// or into the arena; both outlive the exchange's stations. Lives on one core.
class Headers {
 public:
  explicit Headers(Arena& arena) noexcept : arena_(&arena) {}

  class Iterator {
   public:
    Iterator(const Field* at, const Field* end) noexcept : at_(at), end_(end) { skip(); }

    const Field& operator*() const noexcept { return *at_; }

    const Field* operator->() const noexcept { return at_; }

    Iterator& operator++() noexcept {
      ++at_;
      skip();
      return *this;
    }

    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    void skip() noexcept {
      while (at_ != end_ && at_->id == Name::Count) ++at_;
    }

    const Field* at_;
    const Field* end_;
  };

  Iterator begin() const noexcept { return {fields_, fields_ + size_}; }

  Iterator end() const noexcept { return {fields_ + size_, fields_ + size_}; }

  // The first line of that name; null when there is none.
  const Field* find(Name name) const noexcept;
  const Field* find(std::string_view name) const noexcept;
  // Its value; empty when there is none.
  std::string_view get(Name name) const noexcept;
  std::string_view get(std::string_view name) const noexcept;

  bool has(Name name) const noexcept { return find(name) != nullptr; }

  // False: there is no line of any of these, for sure, and at the cost of one comparison.
  bool may_have(std::span<const Name> names) const noexcept {
    std::uint64_t wanted = 0;
    for (Name name : names) wanted |= 1ULL << static_cast<unsigned>(name);
    return (present_ & wanted) != 0;
  }

  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }

  std::size_t count(Name name) const noexcept;
  std::size_t size() const noexcept;  // lines, without dropped ones

  // These copy name and value into the arena. A value must not hold CR, LF or NUL: such a line is
  // refused (false), so that nothing can be smuggled into a head.
  bool add(std::string_view name, std::string_view value);
  bool add(Name name, std::string_view value);
  bool set(std::string_view name, std::string_view value);  // replaces every line of that name
  bool set(Name name, std::string_view value);
  void drop(std::string_view name) noexcept;
  void drop(Name name) noexcept;
  void clear() noexcept;

  // For parsers and for text that outlives the exchange: the views are kept as they are.
  void add_view(const Field& field) {
    if (size_ == capacity_) grow();
    present_ |= 1ULL << static_cast<unsigned>(field.id);
    bytes_ += field.name.size() + field.value.size() + 4;
    new (&fields_[size_++]) Field(field);
  }

  void drop_line(const Field& line) noexcept;  // one of ours

  // All lines that were added, as HTTP/1 writes them: no fewer than those that are there.
  std::size_t bytes_max() const noexcept { return bytes_; }

  Arena& arena() const noexcept { return *arena_; }

 private:
  void grow();

  Arena* arena_;
  Field* fields_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t present_ = 0;  // a bit for every Name that was ever added: most questions end here
};

static_assert(static_cast<int>(Name::Count) <= 64);

// A stretch of a body. `data` is good until the one who asked for it next waits.
struct Piece {
  std::string_view data;
  bool last = false;
};

// A body is pulled: nobody reads from the peer until somebody asks, which is all the back-pressure
// there is. Destroying a source abandons what it has not delivered.
class Source {
 public:
  virtual ~Source() = default;

  // The next stretch, which may be empty. Not called again after `last`.
  virtual Task<Piece> next() = 0;

  // next() would not have to wait.
  virtual bool is_ready() const noexcept { return false; }

  // The bytes that are still to come, where that is known.
  virtual std::optional<std::uint64_t> remaining() const noexcept { return std::nullopt; }

  // Starts over, for a second attempt. False: what was delivered is gone.
  virtual bool rewind() noexcept { return false; }

  // The trailer section (RFC 9110 6.5), after `last`.
  virtual const Headers* trailers() const noexcept { return nullptr; }
};

// A handle on a source: owns it, or borrows one that outlives the exchange's use of it. Empty: the
// message has no body.
class Body {
 public:
  Body() noexcept = default;

  explicit Body(std::unique_ptr<Source> source) noexcept
      : source_(source.release()), owned_(true) {}

  static Body borrow(Source& source) noexcept {
    Body body;
    body.source_ = &source;
    return body;
  }

  Body(Body&& other) noexcept
      : source_(std::exchange(other.source_, nullptr)),
        owned_(std::exchange(other.owned_, false)) {}

  Body& operator=(Body&& other) noexcept {
    std::swap(source_, other.source_);
    std::swap(owned_, other.owned_);
    return *this;
  }

  ~Body() {
    if (owned_) delete source_;
  }

  explicit operator bool() const noexcept { return source_ != nullptr; }

  Source* operator->() const noexcept { return source_; }

  Source& operator*() const noexcept { return *source_; }

 private:
  Source* source_ = nullptr;
  bool owned_ = false;
};

struct Request {
  explicit Request(Arena& arena) noexcept : headers(arena) {}

  Method method = Method::Get;
  Version version = Version::Http11;
  std::string_view method_text = "GET";
  std::string_view scheme = "http";
  std::string_view authority;  // the Host field, or the target's authority, as the client sent it
  std::string_view target = "/";  // path and query in canonical form: what is matched and forwarded
  std::string_view upgrade = {};  // the protocol that the client asks to switch to; empty: none
  Headers headers;
  Body body;

  std::string_view path() const noexcept { return target.substr(0, target.find('?')); }

  std::string_view query() const noexcept {
    auto mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  }
};

struct Response {
  explicit Response(Arena& arena) noexcept : headers(arena) {}

  int status = 200;
  Version version = Version::Http11;
  std::string_view reason;  // empty: the usual phrase
  Headers headers;
  Body body;
};

// "Not Found"; "Unknown" for a status that no RFC names.
std::string_view reason_phrase(int status) noexcept;

}  // namespace cirque
