#include "http/target.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cirque/address.h"

namespace cirque::http {
namespace {

std::unexpected<Error> refuse() {
  return fail(
      {.fault = Fault::Malformed, .side = Side::Client, .status = 400, .reason = "bad_target"});
}

int hex_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  char l = base::lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool is_unreserved(int c) noexcept {
  char l = base::lower(static_cast<char>(c));
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

// Printable ASCII without '#'. Characters that RFC 3986 does not allow but browsers and
// applications send unencoded ('|', '^', '{' and the like) pass: refusing them breaks users, and no
// parser is confused by them. Looks at every byte instead of stopping at the first bad one, so that
// the compiler can look at many at once; so does is_canonical.
bool is_printable(std::string_view text) noexcept {
  unsigned bad = 0;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end; ++at) {
    auto byte = static_cast<unsigned char>(*at);
    bad |= static_cast<unsigned>((byte <= 0x20) | (byte >= 0x7f) | (byte == '#'));
  }
  return bad == 0;
}

// Nothing to rewrite: no percent sign, no empty segment, no segment that begins with a dot.
bool is_canonical(std::string_view path) noexcept {
  unsigned bad = 0;
  const char* end = path.data() + path.size();
  for (const char* at = path.data() + 1; at < end; ++at) {
    bad |= static_cast<unsigned>((*at == '%') | ((at[-1] == '/') & ((*at == '/') | (*at == '.'))));
  }
  return bad == 0;
}

// Percent encodings in one form: decoded where that changes nothing, in upper case otherwise.
Result<std::string_view> decode(std::string_view path, Arena& arena) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  auto* out = static_cast<char*>(arena.take(path.size(), 1));
  char* at = out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      *at++ = path[i];
      continue;
    }
    if (i + 2 >= path.size()) return refuse();
    int high = hex_of(path[i + 1]);
    int low = hex_of(path[i + 2]);
    if (high < 0 || low < 0) return refuse();
    int byte = high * 16 + low;
    if (byte == 0 || byte == '/' || byte == '\\') return refuse();
    if (is_unreserved(byte)) {
      *at++ = static_cast<char>(byte);
    } else {
      *at++ = '%';
      *at++ = kDigits[high];
      *at++ = kDigits[low];
    }
    i += 2;
  }
  return std::string_view(out, at);
}

// RFC 3986 5.2.4, and empty segments merged. A path that climbs above the root is refused, not cut.
Result<std::string_view> resolve_dots(std::string_view path, Arena& arena) {
  auto* out = static_cast<char*>(arena.take(path.size() + 1, 1));
  std::size_t size = 0;
  bool ends_in_slash = false;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (size == 0) return refuse();
      size = std::string_view(out, size).rfind('/');
      continue;
    }
    out[size++] = '/';
    size += segment.copy(out + size, segment.size());
  }
  if (ends_in_slash || size == 0) out[size++] = '/';
  return std::string_view(out, size);
}

// What means nothing anywhere in a target, so that it can be passed over.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x21; c < 0x7f; ++c) plain[static_cast<std::size_t>(c)] = true;
  for (char c : {'#', '%', '.', '/', '?', '\\'}) plain[static_cast<unsigned char>(c)] = false;
  return plain;
}();

// Segments of plain characters, not empty but perhaps the last, and nothing else: canonical without
// a closer look. Short ones only, where looking at each byte is quicker than at many at once.
bool is_simple(std::string_view path) noexcept {
  constexpr std::size_t kBytesMax = 48;
  if (path.size() > kBytesMax) return false;
  bool after_slash = false;
  for (char c : path) {
    bool plain = kPlain[static_cast<unsigned char>(c)];
    if (!plain && (c != '/' || after_slash)) return false;
    after_slash = !plain;
  }
  return true;
}

Result<std::string_view> canonical(std::string_view raw, Arena& arena) {
  if (is_simple(raw)) return raw;
  if (!is_printable(raw)) return refuse();
  auto path = raw.substr(0, raw.find('?'));
  auto query = raw.substr(path.size());
  // Browsers send '\\' unencoded in a query, where it means nothing; in a path some servers take it
  // for a slash.
  if (path.contains('\\')) return refuse();
  if (is_canonical(path)) return raw;
  auto decoded = TRY(decode(path, arena));
  auto clean = TRY(resolve_dots(decoded, arena));
  if (query.empty()) return clean;
  auto* whole = static_cast<char*>(arena.take(clean.size() + query.size(), 1));
  clean.copy(whole, clean.size());
  query.copy(whole + clean.size(), query.size());
  return std::string_view(whole, clean.size() + query.size());
}

Result<Target> read_absolute(Method method, std::string_view raw, Arena& arena) {
  auto colon = raw.find("://");
  if (colon == std::string_view::npos) return refuse();
  auto scheme = raw.substr(0, colon);
  if (!base::equal_fold(scheme, "http") && !base::equal_fold(scheme, "https")) return refuse();
  auto rest = raw.substr(colon + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?"));
  if (!is_authority(authority)) return refuse();
  rest.remove_prefix(authority.size());
  if (rest.empty() && method == Method::Options) return Target{"*", authority, scheme};
  if (rest.empty() || rest.front() == '?') {
    auto* whole = static_cast<char*>(arena.take(rest.size() + 1, 1));
    *whole = '/';
    rest.copy(whole + 1, rest.size());
    rest = {whole, rest.size() + 1};
  }
  return Target {
    TRY(canonical(rest, arena))
    , authority, scheme
  };
}

}  // namespace

Result<Target> read_target(Method method, std::string_view raw, Arena& arena) {
  if (raw.empty()) return refuse();
  if (raw.front() == '/') return Target {
      TRY(canonical(raw, arena))
      , {}, {}
    };
  if (raw == "*") {
    if (method != Method::Options) return refuse();
    return Target{raw, {}, {}};
  }
  return read_absolute(method, raw, arena);
}

bool is_method(std::string_view text) noexcept {
  bool has_small_letters = std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
  return text.size() <= kMethodBytesMax && base::is_token(text) && !has_small_letters;
}

// A name in DNS has at most 253 characters (RFC 1035 2.3.4), ":65535" six.
constexpr std::size_t kAuthorityBytesMax = 260;

// RFC 3986 3.2.2: reg-name, without percent encodings.
constexpr std::array<bool, 256> kHostCharacters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 128; ++c) table[c] = is_unreserved(static_cast<int>(c));
  for (char c : std::string_view("!$&'()*+;=")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_authority(std::string_view text) noexcept {
  if (text.empty() || text.size() > kAuthorityBytesMax) return false;
  std::string_view host;
  if (text.front() == '[') {
    auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(0, end + 1);
    if (!Address::parse_ip(host, 0)) return false;
  } else {
    host = text.substr(0, text.find(':'));
    auto is_host_character = [](char c) { return kHostCharacters[static_cast<unsigned char>(c)]; };
    if (host.empty() || !std::ranges::all_of(host, is_host_character)) return false;
  }
  auto port = text.substr(host.size());
  if (port.empty()) return true;
  return port.front() == ':' && port.size() <= 6 &&
         base::parse_number(port.substr(1), 65535).has_value();
}

}  // namespace cirque::http
