#include "config/yaml.h"

#include <fmt/format.h>
#include <libfyaml.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <ranges>
#include <set>
#include <unordered_map>
#include <vector>

#include "config/expansion.h"
#include "config/yaml_wording.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// libfyaml 0.7.12 loses 2 KiB when it gives up within a quoted text of many pieces, such as '{' and
// 44 single quotes (found by fuzzing). A file that broken is refused; leaks of our own are still
// told.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfyaml";
}
#endif
#endif

namespace cirque::config {
namespace {

// Puts the tree together from the parser's events.
class Builder {
 public:
  Builder(std::string_view text, unsigned file, Intake& intake)
      : text_(text), report_(intake.report), intake_(intake), last_{.file = file} {}

  // False: stop, the reason is in the report.
  bool take(const fy_event& event);

  Node finish() const { return root_; }

 private:
  // A map or a list that is still being read: what is in it stands at the end of `parts_`, of a map
  // the keys and the values in turn, so that it can be given exactly the room that it takes.
  struct Open {
    Node node;
    std::string_view anchor;
    std::size_t first;                                // of its parts
    std::unordered_map<std::string_view, Spot> seen;  // its keys, once they are many
  };

  bool open(Node::Kind kind, fy_token* at, fy_token* anchor, fy_token* tag);
  bool scalar(fy_token* value, fy_token* anchor, fy_token* tag);
  bool alias(fy_token* anchor);
  bool close(fy_token* end);
  bool complete(const Node& node, std::string_view anchor);
  bool is_key_next() const;
  const Spot* first_of(const Node& key);
  void take_value(const Node& value);
  void take_parts(Open& open);
  void merge(Node& map);
  bool copy_is_affordable(const Node& node);
  bool start_document(fy_token* at);
  bool judge_tag(fy_token* tag);

  bool refuse(Code code, Spot spot, std::string message) {
    report_.add(code, spot, {}, std::move(message));
    return false;
  }

  std::string_view written(fy_token* token) const;
  bool mend_quotes(Node& scalar, std::string_view written);
  std::string_view text_of(fy_token* token);
  Spot spot_of(fy_token* token) const;

  std::string_view text_;
  Report& report_;
  Intake& intake_;
  Node root_;
  std::vector<Open> stack_;
  std::vector<Node> parts_;
  std::map<std::string_view, Node> anchors_;
  std::size_t copied_bytes_ = 0;
  unsigned documents_ = 0;
  Spot last_;
};

bool Builder::take(const fy_event& event) {
  switch (event.type) {
    case FYET_DOCUMENT_START:
      return start_document(event.document_start.document_start);
    case FYET_MAPPING_START: {
      auto& e = event.mapping_start;
      return open(Node::Kind::Map, e.mapping_start, e.anchor, e.tag);
    }
    case FYET_SEQUENCE_START: {
      auto& e = event.sequence_start;
      return open(Node::Kind::List, e.sequence_start, e.anchor, e.tag);
    }
    case FYET_SCALAR:
      return scalar(event.scalar.value, event.scalar.anchor, event.scalar.tag);
    case FYET_ALIAS:
      return alias(event.alias.anchor);
    case FYET_MAPPING_END:
      return close(event.mapping_end.mapping_end);
    case FYET_SEQUENCE_END:
      return close(event.sequence_end.sequence_end);
    default:
      return true;
  }
}

bool Builder::start_document(fy_token* at) {
  if (++documents_ == 1) return true;
  return refuse(Code::Unsupported, spot_of(at), "a second document starts here; only one is read");
}

bool Builder::open(Node::Kind kind, fy_token* at, fy_token* anchor, fy_token* tag) {
  Open o;
  o.node.kind = kind;
  o.node.spot = spot_of(at);
  o.node.spot.width = 1;
  o.anchor = text_of(anchor);
  o.first = parts_.size();
  judge_tag(tag);  // which says nothing that its contents do not
  if (!intake_.count(o.node.spot)) return false;
  last_ = o.node.spot;
  if (stack_.size() == kDepthMax) {
    return refuse(Code::TooBig, o.node.spot,
                  fmt::format("nested more than {} levels deep", kDepthMax));
  }
  stack_.push_back(std::move(o));
  return true;
}

// As the file has it, without quotes around it.
std::string_view Builder::written(fy_token* token) const {
  const auto* start = fy_token_start_mark(token);
  const auto* end = fy_token_end_mark(token);
  if (!start || !end || end->input_pos > text_.size()) return {};
  return text_.substr(start->input_pos, end->input_pos - start->input_pos);
}

// libfyaml 0.7 loses what comes after two doubled quotes in a row. False: told.
bool Builder::mend_quotes(Node& scalar, std::string_view written) {
  constexpr std::string_view kTwo = "''";
  if (!written.contains("''''")) return true;
  if (written.contains('\n')) {
    return refuse(Code::Unsupported, scalar.spot,
                  "two quotes in a row cannot be written so: put the text into double quotes");
  }
  std::string text;
  for (auto at = written.find(kTwo); at != written.npos; at = written.find(kTwo)) {
    text.append(written.substr(0, at + 1));
    written.remove_prefix(at + kTwo.size());
  }
  scalar.text = intake_.memory.keep(text.append(written));
  return true;
}

bool Builder::scalar(fy_token* value, fy_token* anchor, fy_token* tag) {
  Node node;
  node.broken = !judge_tag(tag);
  auto style = value ? fy_token_scalar_style(value) : FYSS_PLAIN;
  node.text = text_of(value);
  node.plain = style == FYSS_PLAIN;
  node.spot = spot_of(value);
  if (style == FYSS_SINGLE_QUOTED && !mend_quotes(node, written(value))) return false;
  static const std::set<std::string_view> kNulls = {"", "~", "null", "Null", "NULL"};
  bool is_null = node.plain && kNulls.contains(node.text);
  node.kind = is_null ? Node::Kind::Null : Node::Kind::Scalar;
  if (!is_key_next()) expand(node, intake_);
  refuse_hidden_controls(node, report_);
  return intake_.count(node.spot) && complete(node, text_of(anchor));
}

bool Builder::alias(fy_token* anchor) {
  auto name = text_of(anchor);
  auto spot = spot_of(anchor);
  if (auto found = anchors_.find(name); found != anchors_.end()) {
    return copy_is_affordable(found->second) && complete(found->second, {});
  }
  bool is_open = std::ranges::any_of(stack_, [&](auto& open) { return open.anchor == name; });
  refuse(Code::BadAlias, spot,
         is_open ? fmt::format("'*{}' stands inside what it names", name)
                 : fmt::format("nothing above is called '&{}'", name));
  if (is_key_next()) return false;
  Node nothing;
  nothing.kind = Node::Kind::Scalar;
  nothing.spot = spot;
  nothing.broken = true;
  return complete(nothing, {});
}

bool Builder::close(fy_token*) {
  auto open = std::move(stack_.back());
  stack_.pop_back();
  take_parts(open);
  if (open.node.kind == Node::Kind::Map) merge(open.node);
  return complete(open.node, open.anchor);
}

bool Builder::complete(const Node& node, std::string_view anchor) {
  last_ = node.spot;
  if (!anchor.empty()) {
    if (!copy_is_affordable(node)) return false;
    anchors_[anchor] = node;
  }
  if (stack_.empty()) {
    root_ = node;
    return true;
  }
  if (is_key_next() && node.kind != Node::Kind::Scalar) {
    return refuse(Code::Unsupported, node.spot, "a key must be a word");
  }
  bool is_value = stack_.back().node.kind == Node::Kind::Map && !is_key_next();
  if (is_value) {
    take_value(node);
  } else {
    parts_.push_back(node);
  }
  return true;
}

bool Builder::is_key_next() const {
  if (stack_.empty() || stack_.back().node.kind != Node::Kind::Map) return false;
  return (parts_.size() - stack_.back().first) % 2 == 0;
}

// Of a key that stands behind all others.
const Spot* Builder::first_of(const Node& key) {
  constexpr std::size_t kFew = 16;
  auto& map = stack_.back();
  std::size_t end = parts_.size() - 1;
  if (end - map.first <= 2 * kFew) {
    for (auto at = map.first; at < end; at += 2) {
      if (parts_[at].text == key.text) return &parts_[at].spot;
    }
    return nullptr;
  }
  // The first time all of them, and later the one before it.
  for (auto at = map.seen.empty() ? map.first : end - 2; at < end; at += 2) {
    map.seen.emplace(parts_[at].text, parts_[at].spot);
  }
  auto found = map.seen.find(key.text);
  return found == map.seen.end() ? nullptr : &found->second;
}

void Builder::take_value(const Node& value) {
  const auto& key = parts_.back();
  const auto* first = first_of(key);
  if (!first) {
    parts_.push_back(value);
    return;
  }
  if (speaks_of_secrets(key.text)) report_.hide(key.spot);
  report_
      .add(Code::DuplicateKey, key.spot, {},
           fmt::format("'{}' stands here a second time; the first is on line {}", key.text,
                       first->line))
      .expected = "every key once";
  parts_.pop_back();
}

void Builder::take_parts(Open& open) {
  auto parts = std::span(parts_).subspan(open.first);
  if (open.node.kind == Node::Kind::List) {
    open.node.items = intake_.memory.keep_all(parts);
  } else {
    auto entry = [&](std::size_t i) { return Entry{parts[2 * i], parts[2 * i + 1]}; };
    auto places = std::views::iota(std::size_t{0}, parts.size() / 2);
    open.node.entries = intake_.memory.keep_all(places | std::views::transform(entry));
  }
  parts_.resize(open.first);
}

// `<<: *defaults` brings the entries of another map, or of several, unless the key is here already.
void Builder::merge(Node& map) {
  auto is_merge = [](const Entry& entry) { return entry.key.plain && entry.key.text == "<<"; };
  auto found = std::ranges::find_if(map.entries, is_merge);
  if (found == map.entries.end()) return;
  std::vector<Entry> entries(map.entries.begin(), found);
  entries.insert(entries.end(), std::next(found), map.entries.end());
  std::set<std::string_view> present;
  for (const auto& entry : entries) present.insert(entry.key.text);
  auto bring = [&](const Node& from) {
    if (from.kind != Node::Kind::Map && !from.broken) {
      refuse(Code::BadAlias, from.spot, "'<<' takes a map, or a list of maps");
    }
    for (const auto& entry : from.entries) {
      if (present.insert(entry.key.text).second) entries.push_back(entry);
    }
  };
  const auto& source = found->value;
  if (source.kind == Node::Kind::List) {
    for (const auto& item : source.items) bring(item);
  } else {
    bring(source);
  }
  map.entries = intake_.memory.keep_all(entries);
}

// Of a copy. None is made, but whoever walks through the tree comes by all of it as often as it is
// meant, and makes something of it each time.
std::size_t bytes_of(const Node& node) {
  constexpr std::size_t kBytesPerNode = 104;  // as when copies were made: the limit is the same
  std::size_t bytes = kBytesPerNode + node.text.size();
  for (const auto& item : node.items) bytes += bytes_of(item);
  for (const auto& entry : node.entries) bytes += bytes_of(entry.key) + bytes_of(entry.value);
  return bytes;
}

bool Builder::copy_is_affordable(const Node& node) {
  copied_bytes_ += bytes_of(node);
  if (copied_bytes_ <= kCopiedBytesMax) return true;
  return refuse(Code::TooBig, node.spot, "anchors and aliases make too much of this file");
}

bool Builder::judge_tag(fy_token* tag) {
  if (!tag) return true;
  return refuse(Code::Unsupported, spot_of(tag),
                fmt::format("the tag '{}' is not supported", text_of(tag)));
}

// A copy: the parser's own lives as long as the event.
std::string_view Builder::text_of(fy_token* token) {
  std::size_t bytes = 0;
  const char* text = token ? fy_token_get_text(token, &bytes) : nullptr;
  return text ? intake_.memory.keep({text, bytes}) : std::string_view();
}

// libfyaml counts from 0, and points behind the opening quote.
Spot Builder::spot_of(fy_token* token) const {
  const fy_mark* start = token ? fy_token_start_mark(token) : nullptr;
  if (!start) return last_;
  const fy_mark* end = fy_token_end_mark(token);
  auto style = fy_token_scalar_style(token);
  int quotes = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED ? 1 : 0;
  int width = end && end->line == start->line ? end->column - start->column + 2 * quotes : 1;
  return {.line = static_cast<unsigned>(start->line + 1),
          .column = static_cast<unsigned>(start->column + 1 - quotes),
          .width = static_cast<unsigned>(std::max(1, width)),
          .file = last_.file};
}

struct Diag {
  Diag() {
    fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = nullptr;
    cfg.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
    handle = fy_diag_create(&cfg);
    if (handle) fy_diag_set_collect_errors(handle, true);
  }

  ~Diag() { fy_diag_destroy(handle); }

  Diag(const Diag&) = delete;
  Diag& operator=(const Diag&) = delete;

  // Nothing else is wrong than how far to the left something stands.
  bool is_of_indentation() const {
    void* at = nullptr;
    bool is_any = false;
    while (const auto* e = fy_diag_errors_iterate(handle, &at)) {
      if (!e->msg || !std::string_view(e->msg).starts_with("wrongly indented")) return false;
      is_any = true;
    }
    return is_any;
  }

  void tell(unsigned file, Report& report) const {
    void* at = nullptr;
    bool told = false;
    while (const auto* e = fy_diag_errors_iterate(handle, &at)) {
      auto wording = wording_of(e->msg ? e->msg : "cannot be read");
      Spot spot{.line = static_cast<unsigned>(std::max(0, e->line)),
                .column = static_cast<unsigned>(std::max(0, e->column)),
                .file = file};
      if (wording.is_behind_quote && report.is_quote({spot.line, spot.column - 1, 1, file})) {
        --spot.column;
      }
      report.add(Code::Syntax, spot, {}, std::string(wording.message)).expected = wording.expected;
      told = true;
    }
    if (!told) report.add(Code::Syntax, {.file = file}, {}, "cannot be read");
  }

  fy_diag* handle;
};

// Where brackets, and what is between them, may stand: the specification wants all of it to the
// right of the key that it belongs to. Everybody writes the closing bracket below the key, and
// other readers take that.
enum class Brackets : std::uint8_t { Indented, Anywhere };

struct Attempt {
  Node tree = {};
  bool is_torn = false;  // and `diag` knows why
  std::unique_ptr<Diag> diag = std::make_unique<Diag>();
};

Attempt attempt(std::string_view text, YamlSubset subset, Brackets brackets, unsigned file,
                Intake& intake) {
  Attempt made;
  fy_parse_cfg cfg{};
  cfg.flags = static_cast<fy_parse_cfg_flags>(
      FYPCF_QUIET | FYPCF_COLLECT_DIAG |
      (brackets == Brackets::Anywhere ? FYPCF_SLOPPY_FLOW_INDENTATION : 0) |
      (subset == YamlSubset::Json ? FYPCF_JSON_FORCE : FYPCF_JSON_NONE));
  cfg.diag = made.diag->handle;
  std::unique_ptr<fy_parser, decltype(&fy_parser_destroy)> parser(fy_parser_create(&cfg),
                                                                  fy_parser_destroy);
  if (!parser || fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) {
    intake.report.add(Code::Syntax, {.file = file}, {}, "the parser could not be started");
    return made;
  }
  Builder builder(text, file, intake);
  bool going = true;
  while (going) {
    fy_event* event = fy_parser_parse(parser.get());
    if (!event) break;
    going = builder.take(*event);
    fy_parser_event_free(parser.get(), event);
  }
  // Where the builder gave up, it has said why, and may have had a whole document before.
  made.is_torn = going && fy_parser_get_stream_error(parser.get());
  if (!made.is_torn) made.tree = builder.finish();
  return made;
}

}  // namespace

// By the rules first: of what is broken they say best where.
Node read_yaml(std::string_view text, YamlSubset subset, unsigned file, Intake& intake) {
  auto nodes = intake.nodes;
  auto made = attempt(text, subset, Brackets::Indented, file, intake);
  if (!made.is_torn) return made.tree;
  if (made.diag->is_of_indentation()) {
    intake.nodes = nodes;
    auto again = attempt(text, subset, Brackets::Anywhere, file, intake);
    if (!again.is_torn) return again.tree;
  }
  made.diag->tell(file, intake.report);
  return {};
}

}  // namespace cirque::config
