#include "net/outbox.h"

#include <cstring>

namespace cirque::net {

// A message on its way through the outbox, in the frame of the task that waits for it. When that is
// cancelled the message is not sent.
class Outbox::Posting : public base::ListHook {
 public:
  Posting(Outbox& outbox, Stream& stream, std::string_view message) noexcept
      : outbox_(outbox), stream_(stream), message_(message) {}

  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    waiter_ = waiter;
    if (!outbox_.flush_.is_linked()) outbox_.loop_.defer(outbox_.flush_);
    outbox_.waiting_.push_back(*this);
  }

  Result<Unit> await_resume() const noexcept {
    if (failure_) return fail(*failure_);
    return done;
  }

  void send() noexcept {
    iovec piece = piece_of(message_);
    auto sent = stream_.give({&piece, 1});
    if (!sent) {
      failure_ = sent.error();
    } else if (*sent < message_.size()) {
      rest_bytes = message_.size() - *sent;
      rest = outbox_.blocks_.lease(rest_bytes);
      std::memcpy(rest.data(), message_.data() + *sent, rest_bytes);
    }
  }

  void tell() noexcept { waiter_.resume(); }

  base::Block rest;  // what the kernel did not take
  std::size_t rest_bytes = 0;

 private:
  Outbox& outbox_;
  Stream& stream_;
  std::string_view message_;
  std::optional<Error> failure_;
  std::coroutine_handle<> waiter_;
};

Task<> Outbox::write(Stream& stream, std::span<const iovec> pieces, const Pace& pace,
                     bool* complete) {
  std::size_t total = size_of(pieces);
  if (total > kPostedBytesMax || !stream.watch().may_write) {
    return write_now(stream, pieces, pace, complete);
  }
  char* const to = room().data();
  char* at = to;
  for (const auto& piece : pieces) {
    if (piece.iov_base != at) std::memcpy(at, piece.iov_base, piece.iov_len);
    at += piece.iov_len;
  }
  used_ += total;
  ++count_;
  return post(stream, {to, total}, pace, complete);
}

Task<> Outbox::write_now(Stream& stream, std::span<const iovec> pieces, const Pace& pace,
                         bool* complete) {
  auto writing = stream.write(pieces, pace, blocks_);
  if (!complete) return writing;
  if (!writing.is_ready()) {
    return [](Task<> rest, bool& done_now) -> Task<> {
      co_await ok(std::move(rest));
      done_now = true;
      co_return done;
    }(std::move(writing), *complete);
  }
  *complete = writing.result()->has_value();
  return writing;
}

Task<> Outbox::post(Stream& stream, std::string_view message, const Pace& pace, bool* complete) {
  Posting posting(*this, stream, message);
  auto sent = co_await posting;
  if (!sent) {
    auto error = sent.error();
    error.replayable = true;  // the kernel took nothing: the other side has seen none of it
    co_return fail(error);
  }
  if (posting.rest_bytes) {
    co_await ok(stream.write_rest(std::move(posting.rest), posting.rest_bytes, pace));
  }
  if (complete) *complete = true;
  co_return done;
}

void Outbox::send_all() noexcept {
  while (auto* posting = waiting_.front()) {
    posting->unlink();
    posting->send();
    sent_.push_back(*posting);
  }
  used_ = 0;
  count_ = 0;
}

// Everybody is told after everything is sent: what they do next would come between the messages.
void Outbox::flush() noexcept {
  send_all();
  base::List<Posting> told;
  told.splice(sent_);
  while (auto* posting = told.pop_front()) posting->tell();
}

}  // namespace cirque::net
