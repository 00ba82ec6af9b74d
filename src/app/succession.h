#pragma once
// How one configuration follows another in a running process: by reload, by order, back to an
// earlier version, and back again by itself when nobody confirms.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/asides.h"
#include "app/estate.h"
#include "app/in_use.h"
#include "app/versions.h"
#include "control/admin.h"
#include "loop/aside.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace cirque::app {

// Reads a configuration, with what the command line has to say about it.
using Load = std::function<config::Loaded(const std::string& path, const config::Files& files)>;

// Lives on the steward's thread.
class Succession {
 public:
  using Told = control::Admin::Told;

  struct Means {
    proxy::Engine& engine;
    Estate& estate;
    Asides& asides;
    Load load;
    std::string path;  // of the configuration, absolute; empty: it came from standard input
  };

  explicit Succession(Means means);

  // False: something cannot be bound or kept, and the log says what. `how` it came to this file:
  // "start ".
  bool start(config::Loaded first, const StateDir& state_dir, std::string_view how);

  // By itself, and in its turn. `how` it came to this, which is remembered: "SIGHUP".
  void reload(std::string_view how) { reloads_.spawn(reload_alone(how)); }

  // An order of the administration, which lives until it is done.
  Task<Told> obey(const control::Admin::Order& order);

  const config::Loaded& loaded() const noexcept { return loaded_; }

  const InUse& in_use() const noexcept { return in_use_; }

  const std::string& path() const noexcept { return means_.path; }

 private:
  using Origin = Versions::Origin;

  // What is in use until somebody confirms what follows it, and then no more.
  struct Trial : loop::Timer {
    explicit Trial(Succession& s) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Trial&>(t).succession.give_up(); }),
          succession(s) {}

    Succession& succession;
    std::unique_ptr<config::Loaded> before;
  };

  // A while after the last change, when nobody has the old configuration any more: the memory that
  // it and the reading of files took goes back to the system.
  struct Tidy : loop::Timer {
    explicit Tidy(Succession& s) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Tidy&>(t).succession.tidy_up(); }),
          succession(s) {}

    Succession& succession;
  };

  void tidy_up() noexcept;
  Task<> give_memory_back();
  Task<> reload_alone(std::string_view how);
  Task<Told> reload_for(std::string_view how);
  Task<Told> apply(const control::Admin::Order& order);
  Task<Told> plan(const control::Admin::Order& order);
  Task<Told> rollback(const control::Admin::Order& order);
  auto load(std::string path, config::Files files);
  Told confirm();
  Told drain(const control::Admin::Order& order);
  Told undrain(const control::Admin::Order& order);
  Told draining(const control::Admin::Order& order);
  std::string remind_of_last(std::string_view backend) const;
  std::string backend_named(const control::Admin::Order& order) const;
  void give_up() noexcept;

  Told follow(config::Loaded next, const Origin& origin);

  struct Done {
    Estate::Change change;
    std::string asides;  // for people
  };

  std::expected<Done, std::string> put_to_use(const config::Loaded& next);
  Told refuse(std::string why);
  std::string adopt(config::Loaded next);
  std::string number(const Origin& origin);
  std::string remind_of_file() const;
  std::string end_trial();

  Means means_;
  config::Loaded loaded_;
  InUse in_use_;
  Versions versions_;
  std::optional<std::uint64_t> version_;  // of what is in use
  Trial trial_{*this};
  Tidy tidy_{*this};
  loop::Aside aside_{means_.engine.steward_loop()};
  loop::Scope reloads_;
};

}  // namespace cirque::app
