#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/text.h"
#include "config/check.h"
#include "config/options.h"
#include "config/reader.h"
#include "config/values.h"

namespace cirque::config {
namespace {

// Fills the model from the tree, key by key as the table of options has it.
class Walk {
 public:
  Walk(Model& model, Report& report) : model_(model), report_(report) {}

  void top(const Node& root) {
    if (root.kind == Node::Kind::Null) {
      report_.add(Code::NoServices, root.spot, {}, "the file is empty").expected =
          "services: and a list of them";
      return;
    }
    if (root.kind != Node::Kind::Map) {
      report_
          .add(Code::WrongType, root.spot, {}, fmt::format("the file cannot be {}", what_is(root)))
          .expected = "a map of keys and values, such as services: [...]";
      return;
    }
    map(root, root.spot, "", "");
  }

  const Places& places() const { return places_; }

 private:
  // `table` is the map's path in the table of options ("services[]"), `shown` that in the file
  // ("services[1]").
  void map(const Node& node, Spot at, std::string_view table, const std::string& shown) {
    std::set<std::string, std::less<>> present;
    for (const auto& [key, value] : node.entries) {
      const auto* option = option_at(join(table, key.text));
      if (option) {
        present.emplace(option->key());
        entry(*option, key, value, join(shown, key.text));
      } else {
        // One mistake, one finding: what was meant is not missing as well.
        present.insert(unknown_key(key, table, shown));
      }
    }
    for (const auto* option : children_of(table)) {
      if (option->need != Need::Required || present.contains(option->key())) continue;
      auto place = node.entries.empty() ? at : node.entries.front().key.spot;
      auto where = shown.empty() ? std::string("the file") : shown;
      report_
          .add(Code::MissingKey, place, join(shown, option->key()),
               fmt::format("{} has no '{}'", where, option->key()))
          .expected = fmt::format("{}: {}", option->key(), expected_of(*option));
    }
  }

  void entry(const Option& option, const Node& key, const Node& value, const std::string& shown) {
    if (value.broken) return;
    if (option.type == Type::Map && value.kind == Node::Kind::Null) return;  // all defaults
    if (option.type == Type::Connect && value.kind == Node::Kind::Null) {
      places_[shown] = key.spot;  // the same as an empty list: see check.cpp
      return;
    }
    if (value.kind == Node::Kind::Null) {
      complain(option, Code::NoValue, key.spot, shown, fmt::format("'{}' has no value", key.text));
      return;
    }
    switch (option.type) {
      case Type::Map:
        if (is(Node::Kind::Map, option, value, shown)) map(value, key.spot, option.path, shown);
        break;
      case Type::List:
        if (is(Node::Kind::List, option, value, shown)) list(option, key, value, shown);
        break;
      case Type::Connect:
      case Type::Networks:
      case Type::NameServers:
        if (is(Node::Kind::List, option, value, shown)) elements(option, key, value, shown);
        break;
      default:
        if (is(Node::Kind::Scalar, option, value, shown)) scalar(option, value, shown);
    }
  }

  void list(const Option& option, const Node& key, const Node& value, const std::string& shown) {
    if (value.items.empty()) {
      report_.add(Code::NoServices, key.spot, shown, "no services are defined").expected =
          "at least one service";
      return;
    }
    auto table = fmt::format("{}[]", option.path);
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      model_.services.emplace_back();
      index_ = i;
      auto path = fmt::format("{}[{}]", shown, i);
      if (item.broken) continue;
      if (item.kind == Node::Kind::Map) {
        map(item, item.spot, table, path);
      } else {
        report_
            .add(Code::WrongType, item.spot, path,
                 fmt::format("{} cannot be {}", path, what_is(item)))
            .expected = "a map with name, bind_address and upstreams";
      }
    }
    index_ = 0;
  }

  // Every element gets its place; the list itself the place of its key.
  void elements(const Option& option, const Node& key, const Node& value,
                const std::string& shown) {
    bool all_good = true;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const auto& item = value.items[i];
      auto path = fmt::format("{}[{}]", shown, i);
      bool good =
          !item.broken && is(Node::Kind::Scalar, option, item, path) && element(option, item, path);
      if (good) places_[path] = item.spot;
      all_good &= good;
    }
    if (all_good) places_[shown] = key.spot;
  }

  bool element(const Option& option, const Node& item, const std::string& path) {
    if (option.type == Type::Networks) {
      if (!is_network(item.text)) {
        return complain(option, Code::BadNetwork, item, path,
                        {"is not an IP address or block", {}});
      }
      at<std::vector<std::string>>(option).push_back(item.text);
      return true;
    }
    // An address that cannot be read leaves no gap: the places of the others count with it.
    auto& addresses = at<std::vector<HostPort>>(option);
    auto address = option.type == Type::NameServers ? name_server(option, item, path)
                                                    : host_port(option, item, path, Use::Connect);
    addresses.push_back(address.value_or(HostPort{}));
    return address.has_value();
  }

  void scalar(const Option& option, const Node& value, const std::string& shown) {
    if (store(option, value, shown)) places_[shown] = value.spot;
  }

  // False: reported.
  bool store(const Option& option, const Node& value, const std::string& shown) {
    switch (option.type) {
      case Type::Flag:
        return flag(option, value, shown);
      case Type::Number:
      case Type::Milliseconds:
      case Type::Seconds:
        return number(option, value, shown);
      case Type::Duration:
        return duration(option, value, shown);
      case Type::Size:
        return size(option, value, shown);
      case Type::Text:
      case Type::Name:
      case Type::Path:
        return text(option, value, shown);
      case Type::Choice:
        return choice(option, value, shown);
      default:
        break;
    }
    auto address = host_port(option, value, shown, Use::Listen);
    if (address) at<HostPort>(option) = std::move(*address);
    return address.has_value();
  }

  bool flag(const Option& option, const Node& value, const std::string& shown) {
    bool is_true = value.text == "true";
    if (!value.plain || (!is_true && value.text != "false")) {
      auto& finding = wrong_type(option, value, shown);
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

  bool number(const Option& option, const Node& value, const std::string& shown) {
    auto parsed = value.plain ? parse_whole(value.text) : std::nullopt;
    if (!parsed && is_beyond_numbers(value)) return out_of_range(option, value, shown);
    if (!parsed) {
      auto& finding = wrong_type(option, value, shown);
      if (auto meant = in_the_unit_of(option, value.text)) {
        finding.hint = fmt::format("write {}", *meant);
      }
      return false;
    }
    auto scale = option.type == Type::Seconds ? 1000U : 1U;
    std::uint64_t amount = 0;
    if (__builtin_mul_overflow(*parsed, scale, &amount) || amount < option.min ||
        amount > option.max) {
      return out_of_range(option, value, shown);
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

  bool duration(const Option& option, const Node& value, const std::string& shown) {
    auto parsed = parse_duration(value.text);
    if (!parsed) return complain(option, Code::BadDuration, value, shown, parsed.error());
    auto ms = static_cast<std::uint64_t>(*parsed / 1ms);
    if (ms < option.min || ms > option.max) return out_of_range(option, value, shown);
    at<Duration>(option) = *parsed;
    return true;
  }

  bool size(const Option& option, const Node& value, const std::string& shown) {
    auto parsed = parse_size(value.text);
    if (!parsed && is_beyond_numbers(value)) return out_of_range(option, value, shown);
    if (!parsed) return complain(option, Code::BadSize, value, shown, parsed.error());
    if (*parsed < option.min || *parsed > option.max) return out_of_range(option, value, shown);
    assign(option, *parsed);
    return true;
  }

  bool text(const Option& option, const Node& value, const std::string& shown) {
    bool is_other = value.plain && (looks_like_number(value.text) || value.text == "true" ||
                                    value.text == "false");
    if (is_other) {
      wrong_type(option, value, shown).hint = fmt::format("write '{}', in quotes", value.text);
      return false;
    }
    if (value.text.size() < option.min || value.text.size() > option.max) {
      auto message = value.text.empty() ? std::string("the text is empty")
                                        : fmt::format("{} bytes are too many", value.text.size());
      complain(option, Code::BadText, value.spot, shown, message).expected +=
          "; " + bounds_of(option);
      return false;
    }
    bool no_spaces = option.type == Type::Name;
    bool is_clean = std::ranges::none_of(value.text, [&](char c) {
      auto code = static_cast<unsigned char>(c);
      return code < 0x20 || code == 0x7f || (no_spaces && code == ' ');
    });
    if (!is_clean) {
      complain(option, Code::BadText, value.spot, shown,
               "spaces and control characters are not allowed here");
      return false;
    }
    at<std::string>(option) = value.text;
    return true;
  }

  bool choice(const Option& option, const Node& value, const std::string& shown) {
    auto choices = words_of(option.choices);
    auto found = std::ranges::find(choices, std::string_view(value.text));
    if (found == choices.end()) {
      auto& finding =
          complain(option, Code::BadChoice, value.spot, shown,
                   fmt::format("'{}' is not a choice for {}", value.text, option.key()));
      auto nearest = nearest_choice(option, value.text);
      if (!nearest.empty()) finding.hint = fmt::format("did you mean '{}'?", nearest);
      return false;
    }
    auto chosen = found - choices.begin();
    if (auto* slot = std::get_if<In<std::string>>(&option.slot)) (*slot)(model_, index_) = *found;
    if (auto* slot = std::get_if<In<log::Level>>(&option.slot)) {
      (*slot)(model_, index_) = static_cast<log::Level>(chosen);
    }
    if (auto* slot = std::get_if<In<log::Format>>(&option.slot)) {
      (*slot)(model_, index_) = static_cast<log::Format>(chosen);
    }
    if (auto* slot = std::get_if<In<AccessLog::Format>>(&option.slot)) {
      (*slot)(model_, index_) = static_cast<AccessLog::Format>(chosen);
    }
    return true;
  }

  std::optional<HostPort> host_port(const Option& option, const Node& value,
                                    const std::string& shown, Use use) {
    auto parsed = parse_host_port(value.text, use);
    if (parsed) return std::move(*parsed);
    complain(option, Code::BadAddress, value, shown, parsed.error());
    return std::nullopt;
  }

  std::optional<HostPort> name_server(const Option& option, const Node& value,
                                      const std::string& shown) {
    auto parsed = parse_name_server(value.text);
    if (parsed) return std::move(*parsed);
    complain(option, Code::BadAddress, value, shown, parsed.error());
    return std::nullopt;
  }

  // The key that was probably meant.
  std::string unknown_key(const Node& key, std::string_view table, const std::string& shown) {
    auto where = shown.empty() ? std::string("at the top level") : fmt::format("in {}", shown);
    auto& finding = report_.add(Code::UnknownKey, key.spot, join(shown, key.text),
                                fmt::format("unknown key '{}' {}", key.text, where));
    auto nearest = nearest_key(table, key.text);
    if (!nearest.empty()) finding.hint = fmt::format("did you mean '{}'?", nearest);
    std::vector<std::string_view> keys;
    for (const auto* option : children_of(table)) keys.push_back(option->key());
    finding.expected = fmt::format("one of {}", fmt::join(keys, ", "));
    return nearest;
  }

  bool is(Node::Kind kind, const Option& option, const Node& value, const std::string& shown) {
    if (value.kind == kind) return true;
    auto& finding = wrong_type(option, value, shown);
    bool is_single = kind == Node::Kind::List && value.kind == Node::Kind::Scalar;
    if (is_single) finding.hint = fmt::format("write ['{}']", value.text);
    return false;
  }

  Finding& wrong_type(const Option& option, const Node& value, const std::string& shown) {
    return complain(option, Code::WrongType, value.spot, shown,
                    fmt::format("{} cannot be {}", option.key(), what_is(value)));
  }

  // Always false, so that it can be returned.
  bool out_of_range(const Option& option, const Node& value, const std::string& shown) {
    complain(option, Code::OutOfRange, value.spot, shown,
             fmt::format("{} is out of range for {}", value.text, option.key()));
    return false;
  }

  bool complain(const Option& option, Code code, const Node& value, const std::string& shown,
                const Complaint& complaint) {
    auto& finding = complain(option, code, value.spot, shown,
                             fmt::format("'{}' {}", value.text, complaint.message));
    finding.expected = expected_item_of(option);
    finding.hint = complaint.hint;
    return false;
  }

  Finding& complain(const Option& option, Code code, Spot spot, const std::string& shown,
                    std::string message) {
    auto& finding = report_.add(code, spot, shown, std::move(message));
    finding.expected = expected_of(option);
    return finding;
  }

  template <class T>
  T& at(const Option& option) {
    return std::get<In<T>>(option.slot)(model_, index_);
  }

  // The bounds in the table keep the amount within the type.
  void assign(const Option& option, std::uint64_t amount) {
    std::visit(
        [&](auto slot) {
          if constexpr (requires { slot(model_, index_); }) {
            auto& value = slot(model_, index_);
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

  static std::string join(std::string_view path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
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
    if (node.plain && (node.text == "true" || node.text == "false")) return node.text;
    constexpr std::size_t kShownMax = 60;
    auto shown = std::string_view(node.text).substr(0, kShownMax);
    return fmt::format("the text '{}{}'", shown, shown.size() < node.text.size() ? "..." : "");
  }

  Model& model_;
  Report& report_;
  Places places_;
  std::size_t index_ = 0;
};

std::optional<std::string> read_all(std::FILE* file) {
  std::string text;
  char chunk[16 * 1024];
  while (auto got = std::fread(chunk, 1, sizeof chunk, file)) {
    text.append(chunk, got);
    if (text.size() > kFileBytesMax) break;  // the reader says so
  }
  if (std::ferror(file)) return std::nullopt;
  return text;
}

Loaded unreadable(const std::string& path, int error) {
  Report report(path, {});
  report.add(Code::Unreadable, {}, {}, fmt::format("cannot be read: {}", strerrordesc_np(error)));
  Loaded loaded;
  loaded.model.file = path;
  loaded.findings = report.take();
  return loaded;
}

}  // namespace

bool Loaded::ok() const noexcept {
  return std::ranges::none_of(findings, [](auto& f) { return f.severity == Severity::Error; });
}

std::optional<std::string> process_environment(std::string_view name) {
  // Read before any thread is started.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return std::nullopt;
  return value;
}

Loaded load_file(const std::string& path, const Environment& environment) {
  if (path == "-") {
    auto text = read_all(stdin);
    return text ? load_text(*text, "<stdin>", environment) : unreadable(path, errno);
  }
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return unreadable(path, errno);
  auto text = read_all(file);
  int error = errno;
  std::fclose(file);
  return text ? load_text(*text, path, environment) : unreadable(path, error);
}

Loaded load_text(std::string_view text, std::string file_name, const Environment& environment) {
  Loaded loaded;
  Report report(file_name, text);
  bool strict_json = file_name.ends_with(".json");
  auto root = read_tree(text, strict_json, environment, report);
  // A file with broken syntax has no trustworthy shape: what is missing may stand behind the
  // mistake.
  bool is_whole = root.kind != Node::Kind::Null || !report.has_errors();
  if (is_whole) {
    Walk walk(loaded.model, report);
    walk.top(root);
    check(loaded.model, walk.places(), report);
  }
  loaded.findings = report.take();
  loaded.model.file = std::move(file_name);
  return loaded;
}

}  // namespace cirque::config
