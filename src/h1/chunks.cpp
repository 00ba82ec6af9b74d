#include "h1/chunks.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::h1 {
namespace {

// What speaks for the head, the connection or the way here must stand in the head.
constexpr std::array kForbiddenTrailers = {
    Name::Authorization,
    Name::CacheControl,
    Name::Connection,
    Name::ContentEncoding,
    Name::ContentLength,
    Name::ContentType,
    Name::Cookie,
    Name::Expect,
    Name::Forwarded,
    Name::Host,
    Name::Http2Settings,
    Name::KeepAlive,
    Name::Location,
    Name::ProxyAuthenticate,
    Name::ProxyAuthorization,
    Name::ProxyConnection,
    Name::ProxyStatus,
    Name::Range,
    Name::SetCookie,
    Name::Te,
    Name::Trailer,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::Vary,
    Name::Via,
    Name::XForwardedFor,
    Name::XForwardedHost,
    Name::XForwardedProto,
    Name::XRealIp,
    Name::XRequestId,
};

bool is_text(char c) noexcept {
  auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

std::unexpected<Error> ChunkReader::bad() const {
  bool client = side_ == Side::Client;
  return fail({.fault = Fault::Malformed,
               .side = side_,
               .status = static_cast<std::uint16_t>(client ? 400 : 502),
               .reason = client ? "bad_chunk" : "upstream_bad_chunk"});
}

Result<ChunkReader::Taken> ChunkReader::take(std::string_view input) {
  if (state_ == State::Data) {
    auto data =
        input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size_, input.size())));
    size_ -= data.size();
    if (size_ == 0) state_ = State::DataCr;
    return Taken{data.size(), data, false};
  }
  std::size_t used = 0;
  while (used < input.size() && state_ != State::Data) {
    char c = input[used++];
    if (state_ == State::Trailer) {
      (void)TRY(trailer_byte(c));
    } else if (state_ == State::TrailerLf) {
      if (c != '\n') return bad();
      if (TRY(end_trailer_line())) return Taken{used, {}, true};
    } else {
      (void)TRY(head_byte(c));
    }
  }
  return Taken{used, {}, false};
}

// Between two stretches of data: CR LF, size, extensions, CR LF.
Result<Unit> ChunkReader::head_byte(char c) {
  switch (state_) {
    case State::DataCr:
      if (c != '\r') return bad();
      state_ = State::DataLf;
      return done;
    case State::DataLf:
      if (c != '\n') return bad();
      state_ = State::Size;
      return done;
    case State::SizeLf:
      if (c != '\n') return bad();
      begin_data();
      return done;
    case State::Space:
    case State::Extension:
      if (++extension_bytes_ > kExtensionBytesMax) return bad();
      break;
    default:
      break;
  }
  if (++line_bytes_ > kLineBytesMax) return bad();
  // Old servers pad the size with spaces; a client that does is up to something.
  if (c == '\r' && state_ == State::Space && side_ == Side::Client) return bad();
  if (c == '\r' && has_digits_) {
    state_ = State::SizeLf;
    return done;
  }
  if (state_ == State::Size) return size_digit(c);
  if (state_ == State::Space && c == ';') state_ = State::Extension;
  if (state_ == State::Space && c != ' ' && c != '\t') return bad();
  if (!is_text(c)) return bad();
  return done;
}

Result<Unit> ChunkReader::size_digit(char c) {
  char l = base::lower(c);
  int digit = l >= '0' && l <= '9' ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
  if (digit >= 0) {
    if (line_bytes_ > kSizeDigitsMax) return bad();
    if (size_ >> 59) return bad();  // sixteen times that is above 2^63-1
    size_ = size_ * 16 + static_cast<unsigned>(digit);
    has_digits_ = true;
    return done;
  }
  bool begins_extension = has_digits_ && (c == ';' || c == ' ' || c == '\t');
  if (!begins_extension) return bad();
  state_ = c == ';' ? State::Extension : State::Space;
  return done;
}

void ChunkReader::begin_data() noexcept {
  has_digits_ = false;
  line_bytes_ = 0;
  state_ = size_ == 0 ? State::Trailer : State::Data;
}

Result<Unit> ChunkReader::trailer_byte(char c) {
  if (++trailer_bytes_ > kTrailerBytesMax) return bad();
  if (c == '\r') {
    state_ = State::TrailerLf;
    return done;
  }
  if (!is_text(c)) return bad();
  if (!trailer_line_) {
    trailer_line_ = static_cast<char*>(trailers_.arena().take(kTrailerBytesMax, 1));
  }
  trailer_line_[trailer_size_++] = c;
  return done;
}

// True: it was the empty line, the end of the message.
Result<bool> ChunkReader::end_trailer_line() {
  state_ = State::Trailer;
  if (trailer_size_ == 0) return true;
  std::string_view line(trailer_line_, trailer_size_);
  auto colon = line.find(':');
  auto name = line.substr(0, colon);
  if (colon == std::string_view::npos || !base::is_token(name)) return bad();
  if (++trailer_lines_ > kTrailersMax) return bad();
  bool forbidden =
      std::ranges::find(kForbiddenTrailers, name_of(name)) != kForbiddenTrailers.end() ||
      (side_ == Side::Client && name.contains('_'));
  if (!forbidden) trailers_.add(name, base::trim(line.substr(colon + 1)));
  trailer_size_ = 0;
  return false;
}

}  // namespace cirque::h1
