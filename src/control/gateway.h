#pragma once
// A listener of the configuration as an App: the blueprint says where a request goes, and the pool
// whose turn it is.
#include <memory>
#include <vector>

#include "cirque/app.h"
#include "config/failover.h"
#include "control/lane.h"
#include "control/sampler.h"

namespace cirque::control {

class Passage;

// The lanes of all listeners, by the number that each Gateway has.
struct Routing final : Snapshot {
  std::vector<std::shared_ptr<const Lane>> lanes;
  std::vector<Network> trusted;  // who may ask for explanations, besides this machine
  Sampler* sampler = nullptr;    // outlives it
  std::string in_use;            // the report on the configuration, as JSON

  bool trusts(const Address& client) const noexcept;
};

class Gateway final : public App {
 public:
  // `lane`: its place in every Routing that is published while it serves.
  explicit Gateway(std::size_t lane) noexcept : lane_(lane) {}

  Step on_request(Exchange& exchange) override;
  Task<Peer> choose(Exchange& exchange) override;
  Recovery on_failure(Exchange& exchange, const Error& error) override;
  void on_error_page(Exchange& exchange, const Error& error) override;
  void on_done(const Exchange& exchange) noexcept override;

 private:
  [[gnu::noinline]] static Step lead(Exchange& exchange, const Lane& lane);
  [[gnu::noinline, gnu::cold]] static Step lead_told(Exchange& exchange, const Lane& lane);
  static Step follow(Exchange& exchange, const Lane& lane, const config::Decision& decision);
  static Step forward(Exchange& exchange, const Lane& lane, const config::Decision& decision);
  static Step forward_later(Exchange& exchange, const Lane& lane, config::Decision decision,
                            Passage& passage);
  static Step forward_past(Exchange& exchange, const Lane& lane, const config::Decision& decision,
                           Passage& passage);
  static Step stand_in(Exchange& exchange, const Lane& lane, const config::Decision& decision,
                       Passage& passage, const config::Arrival& arrival);
  static Step stand_in_later(Exchange& exchange, const Lane& lane, std::uint32_t pool,
                             Passage& passage);
  static Step go_to(Exchange& exchange, const Lane& lane, std::uint32_t pool, Passage& passage);
  const Lane& lane_of(const Exchange& exchange) const noexcept;

  const std::size_t lane_;
};

}  // namespace cirque::control
