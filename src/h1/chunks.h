#pragma once
// The chunked coding, read (RFC 9112 7.1): strict, incremental, pure. Split it where you like, the
// verdict is the same.
#include <cstdint>
#include <optional>
#include <string_view>

#include "cirque/http.h"

namespace cirque::h1 {

// Lives as long as one body.
class ChunkReader {
 public:
  static constexpr std::size_t kSizeDigitsMax = 16;             // of a chunk, leading zeros too
  static constexpr std::size_t kLineBytesMax = 4 * 1024;        // a chunk's size and extensions
  static constexpr std::size_t kExtensionBytesMax = 16 * 1024;  // a message's extensions in all
  static constexpr std::size_t kTrailerBytesMax = 8 * 1024;
  static constexpr std::size_t kTrailersMax = 32;

  ChunkReader(Side side, Arena& arena) noexcept : side_(side), trailers_(arena) {}

  struct Taken {
    std::size_t used = 0;   // of the input, at least one byte
    std::string_view data;  // a part of the input; may be empty
    bool done = false;      // the last chunk and the trailers have been read
  };

  // `input` is not empty. Not called again after `done`. Errors: bad_chunk, upstream_bad_chunk.
  Result<Taken> take(std::string_view input);

  // Without fields that concern framing, routing or the connection (RFC 9110 6.5.1). Copied.
  const Headers& trailers() const noexcept { return trailers_; }

 private:
  enum class State : std::uint8_t {
    Size,   // before the first digit, or among them
    Space,  // after the digits, where only an extension may follow (or, from a server, the end)
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,  // in a trailer line, or at its beginning
    TrailerLf,
  };

  std::unexpected<Error> bad() const;
  Result<Unit> size_digit(char c);
  Result<Unit> head_byte(char c);
  Result<Unit> trailer_byte(char c);
  Result<bool> end_trailer_line();
  void begin_data() noexcept;

  Side side_;
  State state_ = State::Size;
  bool has_digits_ = false;
  std::uint64_t size_ = 0;  // of the chunk; then what is left of it
  std::size_t line_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_lines_ = 0;
  char* trailer_line_ = nullptr;  // in the arena; a line may come in parts
  std::size_t trailer_size_ = 0;
  Headers trailers_;
};

}  // namespace cirque::h1
