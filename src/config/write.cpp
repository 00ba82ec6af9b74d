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

Node literal(std::string_view text) {
  return text_node(unexpanded(text));
}

class Writing {
 public:
  explicit Writing(const Schema& schema) : schema_(schema) {}

  // `table` is the path of the map, or of the items of the list, that the record is for.
  Node map(std::string_view table, void* record) const {
    auto node = map_node();
    for (const auto* option : schema_.children_of(table)) {
      bool is_said = option->need == Need::Required || !schema_.is_preset(*option, record);
      if (is_said && !is_short_form(*option)) put(node, option->key(), value(*option, record));
    }
    return node;
  }

 private:
  Node value(const Option& option, void* record) const {
    if (option.type == Type::Map) return map(option.path, record);
    return std::visit([&](auto slot) { return said(option, slot, record); }, option.slot);
  }

  Node said(const Option&, std::monostate, void*) const { return {}; }

  Node said(const Option& option, const Records& records, void* record) const {
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

  Node said(const Option&, In<std::vector<HostPort>> slot, void* record) const {
    auto node = list_node();
    for (const auto& address : slot(record)) node.items.push_back(literal(address.text));
    return node;
  }

  Node said(const Option&, In<std::vector<std::string>> slot, void* record) const {
    auto node = list_node();
    for (const auto& text : slot(record)) node.items.push_back(literal(text));
    return node;
  }

  Node said(const Option&, In<std::vector<TableEntry>> slot, void* record) const {
    auto node = map_node();
    for (const auto& entry : slot(record)) put(node, entry.key, literal(entry.value));
    return node;
  }

  template <class T>
  Node said(const Option& option, In<T>, void* record) const {
    auto text = text_in(option, record);
    return is_plain(option, text) ? plain_node(std::move(text)) : literal(text);
  }

  const Schema& schema_;
};

}  // namespace

Node tree_of(const Model& model) {
  // The table's way into a record is made for whoever fills it; here it is only read.
  return Writing(canonical()).map("", const_cast<Model*>(&model));
}

std::string write(const Model& model, Language language) {
  return print(tree_of(model), language);
}

}  // namespace cirque::config
