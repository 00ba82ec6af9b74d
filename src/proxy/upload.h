#pragma once
// The request's body on its way to the peer, beside the wait for the answer.
#include "cirque/task.h"

namespace cirque::proxy {

class Journey;

// Lives in the journey, from an attempt's sending to its end; destroying it stops the upload.
class Upload final : private detail::Owner {
 public:
  explicit Upload(Journey& journey) noexcept : journey_(journey) {}

  // Sends the head and whatever of the body is already here. What is left goes on by itself: when
  // the client fails it, the whole exchange ends; when the peer stops taking it, the peer's answer,
  // or its absence, will tell.
  Task<> start();

 private:
  Task<> start_body();
  Task<> pump();
  void settled() noexcept override;

  Journey& journey_;
  Task<> task_;
};

}  // namespace cirque::proxy
