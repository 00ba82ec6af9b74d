#pragma once
// The canonical options, a table for each part of the model; model.cpp puts them together.
#include <cstdint>
#include <span>

#include "config/options.h"

namespace cirque::config {

// Of services, and of the file itself.
std::span<const Option> service_options() noexcept;
// Of what clients see: listeners, virtual hosts and their routes.
std::span<const Option> route_options() noexcept;
// Of who we are to clients.
std::span<const Option> certificate_options() noexcept;
// Of what is behind us: pools, backends, and the tables that lead to them.
std::span<const Option> pool_options() noexcept;
// Of how often something may be asked for.
std::span<const Option> rate_options() noexcept;
// Of the tests of a configuration.
std::span<const Option> test_options() noexcept;
// Of the process: its threads, its patience and its limits.
std::span<const Option> server_options() noexcept;
// Of what operators see and ask: logs, metrics, orders.
std::span<const Option> operation_options() noexcept;

// Durations count in milliseconds, sizes in bytes.
inline constexpr std::uint64_t kSecond = 1000;
inline constexpr std::uint64_t kMinute = 60 * kSecond;
inline constexpr std::uint64_t kHour = 60 * kMinute;
inline constexpr std::uint64_t kDay = 24 * kHour;
inline constexpr std::uint64_t kKilo = 1024;
inline constexpr std::uint64_t kMega = 1024 * kKilo;

// 10 ms is less than any network needs, and enough for a test that must not wait.
inline constexpr std::uint64_t kShort = 10;

}  // namespace cirque::config
