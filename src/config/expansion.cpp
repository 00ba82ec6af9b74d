#include "config/expansion.h"

#include <fmt/format.h>

namespace cirque::config {
namespace {

class Expansion {
 public:
  explicit Expansion(Intake& intake) : intake_(intake) {}

  void apply(Node& scalar) {
    if (!scalar.text.contains("${")) return;
    std::string out;
    std::string_view rest = scalar.text;
    for (auto dollar = rest.find("${"); dollar != rest.npos; dollar = rest.find("${")) {
      if (dollar > 0 && rest[dollar - 1] == '$') {
        out.append(rest.substr(0, dollar - 1)).append("${");
        rest.remove_prefix(dollar + 2);
        continue;
      }
      out.append(rest.substr(0, dollar));
      rest.remove_prefix(dollar);
      rest.remove_prefix(replace(scalar, rest, out));
    }
    out.append(rest);
    scalar.text = intake_.memory.keep(out);
  }

 private:
  // `rest` starts with "${". Appends what it stands for; the characters used up.
  std::size_t replace(Node& scalar, std::string_view rest, std::string& out) {
    auto end = rest.find('}');
    auto used = end == rest.npos ? rest.size() : end + 1;
    auto inner = rest.substr(2, end == rest.npos ? rest.npos : end - 2);
    auto dash = inner.find(":-");
    auto name = inner.substr(0, dash);
    if (end == rest.npos || !is_name(name)) {
      complain(Code::BadExpansion, scalar,
               fmt::format("'{}' does not name an environment variable", rest.substr(0, used)))
          .expected = "${NAME} or ${NAME:-default}; write $${ for a literal ${";
      return used;
    }
    if (dash != inner.npos && inner.contains("${")) {
      complain(Code::BadExpansion, scalar, "a default cannot be another variable").expected =
          "${NAME:-default}, with a default of its own words";
      return used;
    }
    auto value = intake_.environment(name);
    bool use_default = dash != inner.npos && (!value || value->empty());
    if (use_default) {
      out.append(inner.substr(dash + 2));
    } else if (value) {
      out.append(*value);
    } else {
      complain(Code::UnsetVariable, scalar,
               fmt::format("the environment variable {} is not set", name))
          .hint = fmt::format("set it, or give a default: ${{{}:-value}}", name);
    }
    scalar.plain = scalar.expanded = true;
    return used;
  }

  Finding& complain(Code code, Node& scalar, std::string message) {
    scalar.broken = true;
    return intake_.report.add(code, scalar.spot, {}, std::move(message));
  }

  static bool is_name(std::string_view name) {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    return name.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
  }

  Intake& intake_;
};

}  // namespace

void expand(Node& scalar, Intake& intake) {
  Expansion(intake).apply(scalar);
}

void refuse_hidden_controls(Node& scalar, Report& report) {
  for (char c : scalar.text) {
    auto code = static_cast<unsigned char>(c);
    bool is_fine = (code >= 0x20 && code != 0x7f) || c == '\n' || c == '\t';
    if (is_fine || scalar.broken) continue;
    scalar.broken = true;
    report.add(Code::BadCharacter, scalar.spot, {},
               fmt::format("this text holds the control character U+{:04X}", code));
  }
}

}  // namespace cirque::config
