#include "config/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/go_duration.h"
#include "config/reserved.h"
#include "config/statuses.h"
#include "config/values.h"

namespace cirque::config {
namespace {

// The way from the top to where we are, for messages: a text is made only when something is wrong.
struct Trail {
  static constexpr std::size_t kNone = Places::kWhole;

  std::string text() const {
    auto path = up ? up->text() : std::string();
    if (!key.empty()) path = path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
    return item == kNone ? path : fmt::format("{}[{}]", path, item);
  }

  // A map or a list may be spread over several files, but what is in a list stands in one.
  bool is_in_one_file() const noexcept { return item != kNone || (up && up->is_in_one_file()); }

  const Trail* up = nullptr;
  std::string_view key = {};
  std::size_t item = kNone;
};

class Walk {
 public:
  Walk(void* root, const Schema& schema, Places& places, Report& report)
      : schema_(schema), places_(places), report_(report), record_(root) {}

  void top(const Node& root) {
    if (root.kind == Node::Kind::Null) {
      if (report_.is_partial()) return;
      report_.add(Code::NoServices, root.spot, {}, "the file is empty").expected =
          "services: and a list of them";
      return;
    }
    if (root.broken) return;
    if (root.kind != Node::Kind::Map) {
      report_
          .add(Code::WrongType, root.spot, {}, fmt::format("the file cannot be {}", what_is(root)))
          .expected = "a map of keys and values, such as services: [...]";
      return;
    }
    map(root, root.spot, "", {});
  }

 private:
  // `table` is the map's path in the schema ("services[]"), `trail` that in the file
  // ("services[1]").
  void map(const Node& node, Spot at, std::string_view table, const Trail& trail) {
    std::vector<std::string_view> present;
    for (const auto& [key, value] : node.entries) {
      const auto* option = schema_.child(table, key.text);
      if (option) {
        present.push_back(option->key());
        entry(*option, key, value, {&trail, key.text});
      } else {
        // One mistake, one finding: what was meant is not missing as well.
        auto meant = unknown_key(key, table, trail);
        const auto* sibling = schema_.child(table, meant);
        if (sibling) present.push_back(sibling->key());
      }
    }
    for (const auto* option : schema_.children_of(table)) {
      if (option->need != Need::Required) continue;
      if (std::ranges::find(present, option->key()) != present.end()) continue;
      missing(*option, node.entries.empty() ? at : node.entries.front().key.spot, trail);
    }
  }

  void missing(const Option& option, Spot place, const Trail& trail) {
    if (report_.is_partial() && !trail.is_in_one_file()) return;
    auto where = trail.text();
    if (where.empty()) where = "the file";
    report_
        .add(Code::MissingKey, place, Trail{&trail, option.key()}.text(),
             fmt::format("{} has no '{}'", where, option.key()))
        .expected = fmt::format("{}: {}", option.key(), expected_of(option));
  }

  void entry(const Option& option, const Node& key, const Node& value, const Trail& trail) {
    if (value.broken) return broken(option, value, trail);
    if (option.type == Type::Map && value.kind == Node::Kind::Null) return;  // all defaults
    if (option.type == Type::Connect && value.kind == Node::Kind::Null) {
      // The same as an empty list: see check.cpp.
      places_.put(&at<std::vector<HostPort>>(option), key.spot, record_, option);
      return;
    }
    if (value.kind == Node::Kind::Null) {
      complain(option, Code::NoValue, key.spot, trail, fmt::format("'{}' has no value", key.text));
      return;
    }
    switch (option.type) {
      case Type::Map:
        if (is(Node::Kind::Map, option, value, trail)) map(value, key.spot, option.path, trail);
        break;
      case Type::List:
        if (is(Node::Kind::List, option, value, trail)) list(option, key, value, trail);
        break;
      case Type::Keyed:
        if (is(Node::Kind::Map, option, value, trail)) keyed(option, value, trail);
        break;
      case Type::Table:
        if (is(Node::Kind::Map, option, value, trail)) pairs(option, key, value, trail);
        break;
      case Type::Connect:
      case Type::Members:
      case Type::Networks:
      case Type::NameServers:
      case Type::Names:
      case Type::Statuses:
        if (is(Node::Kind::List, option, value, trail)) elements(option, key, value, trail);
        break;
      default:
        if (is(Node::Kind::Scalar, option, value, trail)) scalar(option, value, trail);
    }
  }

  void broken(const Option& option, const Node& value, const Trail& trail) {
    report_.attribute(value.spot, trail.text());
    if (option.is_secret) report_.hide(value.spot);
  }

  void list(const Option& option, const Node& key, const Node& value, const Trail& trail) {
    if (value.items.empty()) {
      empty_list(option, key, trail);
      return;
    }
    const auto& records = std::get<Records>(option.slot);
    auto* parent = record_;
    records.resize(parent, value.items.size());
    auto inside = inside_of(option);
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      Trail here{trail.up, trail.key, i};
      if (item.broken) {
        report_.attribute(item.spot, here.text());
        continue;
      }
      record_ = records.at(parent, i);
      places_.put_record(record_, item.spot, parent, option, i);
      if (item.kind == Node::Kind::Map) {
        map(item, item.spot, inside, here);
      } else {
        wrong_item(option, item, here);
      }
    }
    record_ = parent;
  }

  void wrong_item(const Option& option, const Node& item, const Trail& trail) {
    auto path = trail.text();
    std::vector<std::string_view> keys;
    for (const auto* child : schema_.children_of(inside_of(option))) {
      if (child->need == Need::Required) keys.push_back(child->key());
    }
    report_
        .add(Code::WrongType, item.spot, path, fmt::format("{} cannot be {}", path, what_is(item)))
        .expected = keys.empty() ? "a map of keys and values"
                                 : fmt::format("a map with {}", fmt::join(keys, ", "));
  }

  void empty_list(const Option& option, const Node& key, const Trail& trail) {
    bool is_services = option.path == "services";
    report_
        .add(is_services ? Code::NoServices : Code::NoValue, key.spot, trail.text(),
             is_services ? "no services are defined" : fmt::format("'{}' is empty", key.text))
        .expected = is_services ? "at least one service" : "at least one item, or not the key";
  }

  // A map of names to maps, kept as a list of records that know their names.
  void keyed(const Option& option, const Node& value, const Trail& trail) {
    const auto& records = std::get<Records>(option.slot);
    auto* parent = record_;
    records.resize(parent, value.entries.size());
    auto inside = inside_of(option);
    for (std::size_t i = 0; i < value.entries.size(); ++i) {
      const auto& [name, item] = value.entries[i];
      record_ = records.at(parent, i);
      records.name(record_) = name.text;
      places_.put_record(record_, name.spot, parent, option, i);
      places_.put(&records.name(record_), name.spot, parent, option);
      Trail here{&trail, name.text};
      if (item.broken) {
        report_.attribute(item.spot, here.text());
        continue;
      }
      if (item.kind == Node::Kind::Map) {
        map(item, name.spot, inside, here);
      } else {
        wrong_item(option, item, here);
      }
    }
    record_ = parent;
  }

  // A map of texts to names.
  void pairs(const Option& option, const Node& key, const Node& value, const Trail& trail) {
    auto& entries = at<std::vector<TableEntry>>(option);
    entries.reserve(value.entries.size());
    for (const auto& [name, target] : value.entries) {
      Trail here{&trail, name.text};
      if (target.broken) {
        report_.attribute(target.spot, here.text());
        continue;
      }
      if (target.kind == Node::Kind::Null) {
        complain(option, Code::NoValue, name.spot, here,
                 fmt::format("'{}' has no value", name.text))
            .expected = expected_item_of(option);
        continue;
      }
      if (!is(Node::Kind::Scalar, option, target, here)) continue;
      if (!is_text(option, target, here)) continue;
      auto& entry = entries.emplace_back(std::string(name.text), std::string(target.text));
      places_.put(&entry.key, name.spot, record_, option);
      places_.put(&entry.value, target.spot, record_, option);
    }
    places_.put(&entries, key.spot, record_, option);
  }

  // Every element gets its place; the list itself the place of its key.
  void elements(const Option& option, const Node& key, const Node& value, const Trail& trail) {
    bool all_good = true;
    reserve(option, value.items.size());
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      Trail here{trail.up, trail.key, i};
      const void* field = nullptr;
      if (item.broken) broken(option, item, here);
      if (!item.broken && is(Node::Kind::Scalar, option, item, here)) {
        field = element(option, item, here);
      }
      if (field) places_.put(field, item.spot, record_, option, i);
      all_good &= field != nullptr;
    }
    if (all_good) places_.put(field_of(option), key.spot, record_, option);
  }

  // Room for all of them: places are addresses.
  void reserve(const Option& option, std::size_t size) {
    if (auto* texts = std::get_if<In<std::vector<std::string>>>(&option.slot)) {
      (*texts)(record_).reserve(size);
    } else {
      at<std::vector<HostPort>>(option).reserve(size);
    }
  }

  // Where it came to; null: reported.
  const void* element(const Option& option, const Node& item, const Trail& trail) {
    if (option.type == Type::Names) {
      if (!is_text(option, item, trail)) return nullptr;
      return &at<std::vector<std::string>>(option).emplace_back(item.text);
    }
    if (option.type == Type::Statuses) {
      auto range = parse_statuses(item.text);
      if (range && range->first >= option.min && range->last <= option.max)
        return &at<std::vector<std::string>>(option).emplace_back(item.text);
      complain(option, Code::BadChoice, item, trail, {"is not a status, nor a range of them", {}});
      return nullptr;
    }
    if (option.type == Type::Networks) {
      if (is_network(item.text))
        return &at<std::vector<std::string>>(option).emplace_back(item.text);
      complain(option, Code::BadNetwork, item, trail, {"is not an IP address or block", {}});
      return nullptr;
    }
    auto address = address_of(option, item, trail);
    if (!address) return nullptr;
    return &at<std::vector<HostPort>>(option).emplace_back(std::move(*address));
  }

  std::optional<HostPort> address_of(const Option& option, const Node& item, const Trail& trail) {
    bool is_id = option.type == Type::Members && !item.text.contains(':');
    if (is_id) {
      if (!is_text(option, item, trail)) return std::nullopt;
      return HostPort{.text = std::string(item.text), .host = {}, .port = 0, .address = {}};
    }
    if (option.type != Type::NameServers) return host_port(option, item, trail, Use::Connect);
    auto server = parse_name_server(item.text);
    if (server) return std::move(*server);
    complain(option, Code::BadAddress, item, trail, server.error());
    return std::nullopt;
  }

  void scalar(const Option& option, const Node& value, const Trail& trail) {
    if (store(option, value, trail)) places_.put(field_of(option), value.spot, record_, option);
  }

  // False: reported.
  bool store(const Option& option, const Node& value, const Trail& trail) {
    switch (option.type) {
      case Type::Flag:
        return flag(option, value, trail);
      case Type::Number:
      case Type::Milliseconds:
      case Type::Seconds:
        return number(option, value, trail);
      case Type::Duration:
        return duration(option, value, trail);
      case Type::Size:
        return size(option, value, trail);
      case Type::Text:
      case Type::Prose:
      case Type::Name:
      case Type::Path:
        return text(option, value, trail);
      case Type::Choice:
        return choice(option, value, trail);
      default:
        break;
    }
    auto use = option.type == Type::Target ? Use::Connect : Use::Listen;
    auto address = host_port(option, value, trail, use);
    if (address) at<HostPort>(option) = std::move(*address);
    return address.has_value();
  }

  bool flag(const Option& option, const Node& value, const Trail& trail) {
    bool is_true = value.text == "true";
    if (!value.plain || (!is_true && value.text != "false")) {
      auto& finding = wrong_type(option, value, trail);
      static const std::set<std::string> kYes = {"yes", "on", "y", "1", "true"};
      static const std::set<std::string> kNo = {"no", "off", "n", "0", "false"};
      auto word = base::lowered(value.text);
      if (kYes.contains(word)) finding.hint = "write true, without quotes";
      if (kNo.contains(word)) finding.hint = "write false, without quotes";
      return false;
    }
    at<bool>(option) = is_true;
    return true;
  }

  bool number(const Option& option, const Node& value, const Trail& trail) {
    auto parsed = value.plain ? parse_whole(value.text) : std::nullopt;
    if (!parsed && is_beyond_numbers(value)) return out_of_range(option, value, trail);
    if (!parsed) {
      auto& finding = wrong_type(option, value, trail);
      if (auto meant = in_the_unit_of(option, value.text)) {
        finding.hint = fmt::format("write {}", *meant);
      }
      return false;
    }
    auto scale = option.type == Type::Seconds ? 1000U : 1U;
    std::uint64_t amount = 0;
    if (__builtin_mul_overflow(*parsed, scale, &amount) || amount < option.min ||
        amount > option.max) {
      return out_of_range(option, value, trail);
    }
    assign(option, amount);
    return true;
  }

  // A whole number, but below zero or larger than any machine counts.
  static bool is_beyond_numbers(const Node& value) {
    std::string_view digits = value.text;
    bool is_negative = digits.starts_with('-');
    if (is_negative) digits.remove_prefix(1);
    bool is_whole = !digits.empty() && digits.front() != '0' &&
                    digits.find_first_not_of("0123456789") == digits.npos;
    return value.plain && is_whole && (is_negative || !parse_whole(digits));
  }

  // Somebody wrote "500ms" or "'500'" where the key has the unit already.
  static std::optional<std::string> in_the_unit_of(const Option& option, std::string_view text) {
    if (parse_whole(text)) return fmt::format("{}, without quotes", text);
    if (option.type == Type::Number) return std::nullopt;
    auto duration = parse_duration(text);
    if (!duration) return std::nullopt;
    Duration unit = option.type == Type::Seconds ? Duration(1s) : Duration(1ms);
    if (*duration % unit != Duration::zero()) return std::nullopt;
    return fmt::format("{}; the unit is in the key", *duration / unit);
  }

  bool duration(const Option& option, const Node& value, const Trail& trail) {
    auto parsed = option.is_go ? parse_go_duration(value.text) : parse_duration(value.text);
    if (!parsed) return complain(option, Code::BadDuration, value, trail, parsed.error());
    auto ms = static_cast<std::uint64_t>(*parsed / 1ms);
    if (ms < option.min || ms > option.max) return out_of_range(option, value, trail);
    at<Duration>(option) = *parsed;
    return true;
  }

  bool size(const Option& option, const Node& value, const Trail& trail) {
    auto parsed = parse_size(value.text);
    if (!parsed && is_beyond_numbers(value)) return out_of_range(option, value, trail);
    if (!parsed) return complain(option, Code::BadSize, value, trail, parsed.error());
    if (*parsed < option.min || *parsed > option.max) return out_of_range(option, value, trail);
    assign(option, *parsed);
    return true;
  }

  bool text(const Option& option, const Node& value, const Trail& trail) {
    if (!is_text(option, value, trail)) return false;
    at<std::string>(option) = value.text;
    return true;
  }

  static std::pair<std::uint64_t, std::uint64_t> lengths_of(const Option& option) {
    constexpr std::uint64_t kIdMax = 64;
    if (option.type == Type::Members) return {1, kIdMax};
    return {option.min, option.max};
  }

  // Is it one that the option takes? Also for the elements of lists and tables.
  bool is_text(const Option& option, const Node& value, const Trail& trail) {
    // Of a variable nobody can write its value in quotes.
    bool is_other =
        value.plain && !value.expanded &&
        (looks_like_number(value.text) || value.text == "true" || value.text == "false");
    if (is_other) {
      auto& finding = wrong_type(option, value, trail);
      if (!option.is_secret) {
        finding.hint = fmt::format("write '{}', in quotes", value.text);
      }
      return false;
    }
    auto [min, max] = lengths_of(option);
    if (value.text.size() < min || value.text.size() > max) {
      auto message = value.text.empty() ? std::string("the text is empty")
                                        : fmt::format("{} bytes are too many", value.text.size());
      complain(option, Code::BadText, value.spot, trail, message).expected +=
          fmt::format("; {} to {} bytes", min, max);
      return false;
    }
    bool no_spaces = option.type == Type::Name || option.type == Type::Names;
    bool has_lines = option.type == Type::Prose;
    bool is_clean = std::ranges::none_of(value.text, [&](char c) {
      auto code = static_cast<unsigned char>(c);
      if (has_lines && (c == '\n' || c == '\t')) return false;
      return code < 0x20 || code == 0x7f || (no_spaces && code == ' ');
    });
    if (!is_clean) {
      complain(option, Code::BadText, value.spot, trail,
               "spaces and control characters are not allowed here");
    }
    return is_clean;
  }

  bool choice(const Option& option, const Node& value, const Trail& trail) {
    auto choices = words_of(option.choices);
    auto found = std::ranges::find(choices, value.text);
    if (found == choices.end()) {
      auto& finding =
          complain(option, Code::BadChoice, value.spot, trail,
                   fmt::format("'{}' is not a choice for {}", value.text, option.key()));
      auto nearest = nearest_choice(option, value.text);
      if (!nearest.empty()) finding.hint = fmt::format("did you mean '{}'?", nearest);
      return false;
    }
    auto chosen = found - choices.begin();
    if (auto* slot = std::get_if<In<std::string>>(&option.slot)) (*slot)(record_) = *found;
    std::visit([&](const auto& slot) { choose(slot, chosen); }, option.slot);
    return true;
  }

  void choose(const auto& /*slot*/, std::ptrdiff_t /*chosen*/) {}

  template <class E>
    requires std::is_enum_v<E>
  void choose(In<E> slot, std::ptrdiff_t chosen) {
    slot(record_) = static_cast<E>(chosen);
  }

  std::optional<HostPort> host_port(const Option& option, const Node& value, const Trail& trail,
                                    Use use) {
    auto parsed = parse_host_port(value.text, use);
    if (parsed) return std::move(*parsed);
    complain(option, Code::BadAddress, value, trail, parsed.error());
    return std::nullopt;
  }

  std::optional<HostPort> name_server(const Option& option, const Node& value, const Trail& trail) {
    auto parsed = parse_name_server(value.text);
    if (parsed) return std::move(*parsed);
    complain(option, Code::BadAddress, value, trail, parsed.error());
    return std::nullopt;
  }

  bool leads_to_secrets(const Option* option) const {
    if (!option || option->is_secret) return option != nullptr;
    return is_group(*option) &&
           std::ranges::any_of(schema_.children_of(inside_of(*option)), &Option::is_secret);
  }

  // The key that was probably meant.
  std::string unknown_key(const Node& key, std::string_view table, const Trail& trail) {
    const auto* later = &schema_ == &canonical() ? reserved_at(table, key.text) : nullptr;
    if (later) {
      auto what = later->doc.substr(0, later->doc.size() - 1);  // without the full stop
      report_.add(Code::NotYet, key.spot, Trail{&trail, key.text}.text(),
                  fmt::format("'{}' is not supported yet ({})", key.text, what));
      if (speaks_of_secrets(key.text)) report_.hide(key.spot);
      return {};
    }
    auto shown = trail.text();
    auto where = shown.empty() ? std::string("at the top level") : fmt::format("in {}", shown);
    auto& finding = report_.add(Code::UnknownKey, key.spot, Trail{&trail, key.text}.text(),
                                fmt::format("unknown key '{}' {}", key.text, where));
    // All keys are looked at for a hint: too long for every line of a large file that is wrong.
    auto nearest = ++unknown_ > kHintsMax ? "" : schema_.nearest_key(table, key.text);
    if (speaks_of_secrets(key.text) || leads_to_secrets(schema_.child(table, nearest))) {
      report_.hide(key.spot);
    }
    if (nearest == key.text) {
      finding.hint = fmt::format("'{}' stands at the top level", nearest);
    } else if (!nearest.empty()) {
      finding.hint = fmt::format("did you mean '{}'?", nearest);
    }
    std::vector<std::string_view> keys;
    for (const auto* option : schema_.children_of(table)) keys.push_back(option->key());
    finding.expected = fmt::format("one of {}", fmt::join(keys, ", "));
    return nearest;
  }

  bool is(Node::Kind kind, const Option& option, const Node& value, const Trail& trail) {
    if (value.kind == kind) return true;
    auto& finding = wrong_type(option, value, trail);
    bool is_single = kind == Node::Kind::List && value.kind == Node::Kind::Scalar;
    if (is_single && value.expanded) {
      finding.hint = "a variable is one value of a list: write ['${NAME}']";
    } else if (is_single && !option.is_secret) {
      finding.hint = fmt::format("write ['{}']", value.text);
    }
    return false;
  }

  Finding& wrong_type(const Option& option, const Node& value, const Trail& trail) {
    bool is_text = value.kind == Node::Kind::Scalar && option.is_secret;
    auto what = is_text ? std::string("a text in the file") : what_is(value);
    return complain(option, Code::WrongType, value.spot, trail,
                    fmt::format("{} cannot be {}", option.key(), what));
  }

  // Always false, so that it can be returned.
  bool out_of_range(const Option& option, const Node& value, const Trail& trail) {
    complain(option, Code::OutOfRange, value.spot, trail,
             fmt::format("{} is out of range for {}", value.text, option.key()));
    return false;
  }

  bool complain(const Option& option, Code code, const Node& value, const Trail& trail,
                const Complaint& complaint) {
    bool has_user = code == Code::BadAddress && value.text.contains('@');  // and his password
    auto shown = has_user ? std::string("the address") : fmt::format("'{}'", value.text);
    auto& finding =
        complain(option, code, value.spot, trail, fmt::format("{} {}", shown, complaint.message));
    if (has_user) report_.hide(value.spot);
    finding.expected = expected_item_of(option);
    finding.hint = complaint.hint;
    return false;
  }

  Finding& complain(const Option& option, Code code, Spot spot, const Trail& trail,
                    std::string message) {
    auto& finding = report_.add(code, spot, trail.text(), std::move(message));
    finding.expected = expected_of(option);
    if (option.is_secret) report_.hide(spot);
    return finding;
  }

  template <class T>
  T& at(const Option& option) {
    return std::get<In<T>>(option.slot)(record_);
  }

  // The bounds in the table keep the amount within the type.
  void assign(const Option& option, std::uint64_t amount) {
    std::visit(
        [&](auto slot) {
          if constexpr (requires { slot(record_); }) {
            auto& value = slot(record_);
            using T = std::remove_reference_t<decltype(value)>;
            if constexpr (std::is_same_v<T, Duration>) {
              value = std::chrono::milliseconds(amount);
            } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
              value = static_cast<T>(amount);
            }
          }
        },
        option.slot);
  }

  const void* field_of(const Option& option) {
    return std::visit(
        [&](auto slot) -> const void* {
          if constexpr (requires { &slot(record_); }) return &slot(record_);
          return nullptr;
        },
        option.slot);
  }

  static std::string what_is(const Node& node) {
    switch (node.kind) {
      case Node::Kind::Null:
        return "nothing";
      case Node::Kind::List:
        return "a list";
      case Node::Kind::Map:
        return "a map";
      case Node::Kind::Scalar:
        break;
    }
    if (node.plain && looks_like_number(node.text)) return fmt::format("the number {}", node.text);
    if (node.plain && (node.text == "true" || node.text == "false")) {
      return std::string(node.text);
    }
    constexpr std::size_t kShownMax = 60;
    auto shown = node.text.substr(0, kShownMax);
    return fmt::format("the text '{}{}'", shown, shown.size() < node.text.size() ? "..." : "");
  }

  static constexpr std::size_t kHintsMax = 1000;

  const Schema& schema_;
  Places& places_;
  Report& report_;
  void* record_;
  std::size_t unknown_ = 0;  // keys
};

}  // namespace

void fill(void* root, const Schema& schema, const Node& tree, Places& places, Report& report) {
  Walk(root, schema, places, report).top(tree);
}

}  // namespace cirque::config
