#include "loop/stack_trace.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <thread>

#include "base/check.h"

namespace cirque::loop {
namespace {

// Real-time signals have no meaning of their own; the first is the one that nobody else takes here.
int trace_signal() noexcept {
  return SIGRTMIN;
}

// The handler and what the kernel puts above it come before the frame that was interrupted.
constexpr int kOwnFrames = 2;

enum class State : std::uint8_t { Free, Asked, Writing, Written };

// Written by the thread that is asked, in the handler, and read by the one that asks: `state` says
// whose turn it is.
struct Page {
  std::atomic<State> state{State::Free};
  int count = 0;
  std::array<void*, 64> frames{};
};

Page page;

// Async-signal-safe: with libgcc of GCC 12 and glibc 2.35 or later the unwinder finds its tables
// without a lock (_dl_find_object), and once loaded it does not allocate.
void write_down(int) {
  int saved = errno;
  auto asked = State::Asked;
  if (page.state.compare_exchange_strong(asked, State::Writing, std::memory_order_acquire)) {
    page.count = backtrace(page.frames.data(), static_cast<int>(page.frames.size()));
    page.state.store(State::Written, std::memory_order_release);
  }
  errno = saved;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string demangled(const char* symbol) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return text ? text.get() : symbol;
}

std::string place_of(std::uintptr_t address) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0 || !info.dli_fname) {
    return fmt::format("{:#x}", address);
  }
  auto offset = address - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  auto place = fmt::format("{}+{:#x}", file_name(info.dli_fname), offset);
  return info.dli_sname ? fmt::format("{}({})", place, demangled(info.dli_sname)) : place;
}

// All but the innermost are where a call returns to: a byte before that is the call itself.
std::string text_of(std::span<void* const> frames) {
  std::string text;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    auto address = reinterpret_cast<std::uintptr_t>(frames[i]);
    if (i > 0) text += ' ';
    text += place_of(i > 0 && address > 0 ? address - 1 : address);
  }
  return text;
}

bool wait_until_written() {
  constexpr int kMilliseconds = 100;
  for (int i = 0; i < kMilliseconds; ++i) {
    if (page.state.load(std::memory_order_acquire) == State::Written) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Unless it has just begun, it may not any more. One that has begun and does not end keeps the
  // page, and nobody gets a trace from then on.
  auto asked = State::Asked;
  page.state.compare_exchange_strong(asked, State::Free);
  return false;
}

}  // namespace

void prepare_stack_traces() {
  std::array<void*, 1> frame;
  backtrace(frame.data(), 1);
  struct sigaction action{};
  action.sa_handler = write_down;
  action.sa_flags = SA_RESTART;
  CIRQUE_CHECK(sigaction(trace_signal(), &action, nullptr) == 0);
}

std::string stack_of(pthread_t thread) {
  auto written = State::Written;  // too late for who asked last
  page.state.compare_exchange_strong(written, State::Free, std::memory_order_acquire);
  auto free = State::Free;
  if (!page.state.compare_exchange_strong(free, State::Asked, std::memory_order_release)) return {};
  if (pthread_kill(thread, trace_signal()) != 0 || !wait_until_written()) return {};
  std::span<void* const> frames(page.frames.data(), static_cast<std::size_t>(page.count));
  auto text = frames.size() > kOwnFrames ? text_of(frames.subspan(kOwnFrames)) : std::string();
  page.state.store(State::Free, std::memory_order_release);
  return text;
}

}  // namespace cirque::loop
