#include "config/request_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/route_reader.h"
#include "http/forwarding.h"

namespace cirque::config {
namespace {

using Kind = RequestPart::Kind;

struct Word {
  std::string_view text;
  bool has_name;
};

// By their kinds.
constexpr std::array<Word, 10> kWords = {{{"address", false},
                                          {"header", true},
                                          {"cookie", true},
                                          {"query", true},
                                          {"path", false},
                                          {"host", false},
                                          {"route", false},
                                          {"pool", false},
                                          {"listener", false},
                                          {"method", false}}};

// What other proxies call them.
constexpr std::array<std::pair<std::string_view, Kind>, 14> kElsewhere = {{
    {"ip", Kind::Address},
    {"src", Kind::Address},
    {"source", Kind::Address},
    {"client", Kind::Address},
    {"client_ip", Kind::Address},
    {"remote_addr", Kind::Address},
    {"remote_address", Kind::Address},
    {"uri", Kind::Path},
    {"url", Kind::Path},
    {"domain", Kind::Host},
    {"param", Kind::Query},
    {"parameter", Kind::Query},
    {"field", Kind::Header},
    {"service", Kind::Listener},
}};

const Word& word_of(Kind kind) {
  return kWords.at(static_cast<std::size_t>(kind));
}

// As it is written.
std::string form_of(Kind kind) {
  const auto& word = word_of(kind);
  return fmt::format("{}{}", word.text, word.has_name ? ":NAME" : "");
}

bool is_among(PartKinds kinds, Kind kind) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

std::unexpected<Complaint> complain(std::string message, std::string hint = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(hint)});
}

std::string nearest_word(std::string_view text, PartKinds allowed) {
  auto word = base::lowered(text);
  for (const auto& [other, kind] : kElsewhere) {
    if (other == word && is_among(allowed, kind)) return fmt::format("write {}", form_of(kind));
  }
  for (auto kind : allowed) {
    if (base::edit_distance(word, word_of(kind).text) <= 2) {
      return fmt::format("did you mean '{}'?", form_of(kind));
    }
  }
  return {};
}

}  // namespace

Value<RequestPart> parse_request_part(std::string_view text, PartKinds allowed) {
  auto colon = text.find(':');
  auto word = text.substr(0, colon);
  auto known = std::ranges::find(kWords, word, &Word::text);
  if (known == kWords.end()) {
    return complain("is no part of a request", nearest_word(word, allowed));
  }
  auto kind = static_cast<Kind>(known - kWords.begin());
  if (!is_among(allowed, kind)) return complain("is of no use here");
  bool has_colon = colon != text.npos;
  auto name = has_colon ? text.substr(colon + 1) : std::string_view();
  if (!known->has_name) {
    if (has_colon) return complain("has a name, which only header, cookie and query have");
    return RequestPart{.kind = kind};
  }
  if (name.empty()) return complain("has no name", fmt::format("write {}:NAME", word));
  bool is_good = kind == Kind::Query || base::is_token(name);
  if (!is_good) return complain(fmt::format("has a name that no {} has", word));
  if (kind == Kind::Header && !http::is_kept(name)) {
    return complain(fmt::format("says nothing: {}", why_kept_back(name)));
  }
  if (kind != Kind::Header) return RequestPart{.kind = kind, .name = std::string(name)};
  return RequestPart{.kind = kind, .name = base::lowered(name), .id = name_of(name)};
}

std::string text_of(const RequestPart& part) {
  const auto& word = word_of(part.kind);
  return word.has_name ? fmt::format("{} {}", word.text, part.name) : std::string(word.text);
}

std::string list_of(PartKinds kinds) {
  std::string text;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    bool is_last = i + 1 == kinds.size();
    text += fmt::format("{}{}", i == 0 ? "" : is_last ? " or " : ", ", form_of(kinds[i]));
  }
  return text;
}

}  // namespace cirque::config
