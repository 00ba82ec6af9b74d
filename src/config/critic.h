#pragma once
// What reads a part of a model and finds fault with it: the base of such readers.
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "config/places.h"
#include "config/report.h"

namespace cirque::config {

class Critic {
 protected:
  Critic(const Places& places, Report& report) noexcept : places_(places), report_(report) {}

  // About a value of the model, where it was written.
  Finding& add(Code code, const void* field, std::string message) {
    const auto* spot = places_.at(field);
    return report_.add(code, spot ? *spot : Spot{}, places_.path(field), std::move(message));
  }

  template <class T>
    requires(!std::is_pointer_v<T>)
  Finding& add(Code code, const T& field, std::string message) {
    return add(code, static_cast<const void*>(&field), std::move(message));
  }

  // Something in it is wrong and told: what seems to be missing there may stand behind that.
  bool is_spoiled(const void* record) const {
    return report_.has_errors() &&
           report_.has_errors_under(places_.path_of_record(record), file_of(record));
  }

  // The same, of one of its keys.
  bool is_spoiled(const void* record, std::string_view key) const {
    if (!report_.has_errors()) return false;
    auto path = places_.path_of_record(record);
    return report_.has_errors_under(path.append(".").append(key), file_of(record));
  }

  unsigned file_of(const void* record) const {
    const auto* spot = places_.at_record(record);
    return spot ? spot->file : 0;
  }

  const Places& places_;
  Report& report_;
};

}  // namespace cirque::config
