#include "config/write.h"

#include <algorithm>

#include "config/lower.h"
#include "config/options.h"

namespace cirque::config {
namespace {

// So that it is read as it is: see expansion.cpp. Keys are not expanded.
std::string unexpanded(std::string_view text) {
  std::string out;
  for (auto dollar = text.find("${"); dollar != text.npos; dollar = text.find("${")) {
    out.append(text.substr(0, dollar)).append("$${");
    text.remove_prefix(dollar + 2);
  }
  return out.append(text);
}

void keep_from_expansion(DraftNode& node) {
  if (!node.plain) node.text = unexpanded(node.text);
  for (auto& item : node.items) keep_from_expansion(item);
  for (auto& entry : node.entries) keep_from_expansion(entry.value);
}

class Writing {
 public:
  explicit Writing(const Schema& schema) : schema_(schema) {}

  // `table` is the path of the map, or of the items of the list, that the record is for.
  DraftNode map(std::string_view table, void* record) const {
    auto node = map_node();
    for (const auto* option : schema_.children_of(table)) {
      bool is_said = option->need == Need::Required || !schema_.is_preset(*option, record);
      if (is_said && !is_short_form(*option)) put(node, option->key(), value(*option, record));
    }
    return node;
  }

  DraftNode value(const Option& option, void* record) const {
    if (option.type == Type::Map) return map(option.path, record);
    return std::visit([&](auto slot) { return said(option, slot, record); }, option.slot);
  }

 private:
  DraftNode said(const Option&, std::monostate, void*) const { return {}; }

  DraftNode said(const Option& option, const Records& records, void* record) const {
    auto inside = inside_of(option);
    bool is_keyed = option.type == Type::Keyed;
    auto node = is_keyed ? map_node() : list_node();
    for (std::size_t i = 0; i < records.size(record); ++i) {
      auto* item = records.at(record, i);
      auto inner = map(inside, item);
      if (is_keyed) {
        put(node, records.name(item), std::move(inner));
      } else {
        node.items.push_back(std::move(inner));
      }
    }
    return node;
  }

  DraftNode said(const Option&, In<std::vector<HostPort>> slot, void* record) const {
    auto node = list_node();
    for (const auto& address : slot(record)) node.items.push_back(text_node(address.text));
    return node;
  }

  DraftNode said(const Option& option, In<std::vector<std::string>> slot, void* record) const {
    auto node = list_node();
    for (const auto& text : slot(record)) {
      node.items.push_back(is_plain(option, text) ? plain_node(text) : text_node(text));
    }
    return node;
  }

  DraftNode said(const Option&, In<std::vector<TableEntry>> slot, void* record) const {
    auto node = map_node();
    for (const auto& entry : slot(record)) put(node, entry.key, text_node(entry.value));
    return node;
  }

  template <class T>
  DraftNode said(const Option& option, In<T>, void* record) const {
    auto text = text_in(option, record);
    return is_plain(option, text) ? plain_node(std::move(text)) : text_node(std::move(text));
  }

  const Schema& schema_;
};

}  // namespace

DraftNode tree_of(std::string_view table, void* record) {
  return Writing(canonical()).map(table, record);
}

DraftNode tree_of(const Option& option, void* record) {
  return Writing(canonical()).value(option, record);
}

std::string write(const Model& model, Language language) {
  // The table's way into a record is made for whoever fills it; here it is only read.
  auto tree = tree_of("", const_cast<Model*>(&model));
  keep_from_expansion(tree);
  return print(tree, language);
}

}  // namespace cirque::config
