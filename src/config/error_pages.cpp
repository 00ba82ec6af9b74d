#include "config/error_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/text.h"
#include "config/critic.h"
#include "config/prefilter.h"

namespace cirque::config {
namespace {

using http::PageLanguage;
using http::PageTemplate;

// Where a byte of a file is, in lines and characters.
Spot spot_of(std::string_view text, const PageTemplate::Mistake& mistake, unsigned file) {
  auto before = text.substr(0, mistake.at);
  auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  auto is_start_of_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  };
  auto line = std::ranges::count(before, '\n') + 1;
  auto column = std::ranges::count_if(before.substr(line_start), is_start_of_character) + 1;
  return {.line = static_cast<unsigned>(line),
          .column = static_cast<unsigned>(column),
          .width = static_cast<unsigned>(mistake.width),
          .file = file};
}

class PageReader : Critic {
 public:
  PageReader(const Places& places, const Gathering& gathering, Report& report)
      : Critic(places, report), gathering_(gathering) {}

  void read(std::vector<ErrorPage>& pages) {
    std::set<std::string_view> statuses;
    for (auto& page : pages) {
      bool is_twin = !page.status.empty() && !statuses.insert(page.status).second;
      if (is_twin) {
        add(Code::DuplicateName, &page.status,
            fmt::format("there is a page for {} already", page.status));
      }
      read(page);
    }
  }

 private:
  void read(ErrorPage& page) {
    bool has_any = false;
    for (auto* text : {&page.html, &page.json}) {
      bool is_given = !text->file.empty() || !text->text.empty();
      has_any |= is_given;
      if (is_given) read(*text);
    }
    if (has_any || is_spoiled(&page)) return;
    const auto* spot = places_.at_record(&page);
    report_
        .add(Code::PageSource, spot ? *spot : Spot{}, places_.path_of_record(&page),
             "an error page without a text")
        .expected = "html, json or both, each with a file or a text";
  }

  void read(PageText& page) {
    if (page.file.empty()) return judge_text(page);
    if (!page.text.empty()) {
      add(Code::PageSource, &page.file,
          "a page comes from a file or from a text, and not from both");
      return;
    }
    const auto* spot = places_.at(&page.file);
    if (!spot) return;
    auto path = path_at(report_, *spot, page.file);
    const auto* found = gathering_.page(path);
    if (!found) return;
    if (!*found) {
      refuse(page, fmt::format("'{}' cannot be read: {}", path, strerrordesc_np(found->error())));
      return;
    }
    const Source& source = ***found;
    if (source.text.empty()) {
      refuse(page, fmt::format("'{}' is empty", path));
    } else if (source.text.size() > kPageBytesMax) {
      refuse(page, fmt::format("'{}' is larger than {} KiB", path, kPageBytesMax >> 10));
    } else {
      if (judged_.insert(path).second) judge_file(source, *spot);
      take(page, source);
    }
  }

  // A file may be named often, and each page has a text of its own.
  void take(PageText& page, const Source& source) {
    bool was_too_much = bytes_ > kCopiedBytesMax;
    bytes_ += source.text.size();
    if (bytes_ > kCopiedBytesMax) {
      if (!was_too_much) {
        add(Code::TooBig, &page.file,
            fmt::format("more than {} MiB of error pages", kCopiedBytesMax >> 20));
      }
      return;
    }
    page.file.clear();
    page.text = source.text;
    std::erase(page.text, '\r');
  }

  void refuse(const PageText& page, std::string message) {
    add(Code::NoPage, &page.file, std::move(message)).expected =
        "a path that starts at the folder of this file, or with a slash";
  }

  // Within a configuration only the value as a whole has a place.
  void judge_text(const PageText& page) {
    auto made = PageTemplate::of(page.text, PageLanguage::Html);
    if (!made) add(Code::BadTemplate, &page.text, made.error().what);
  }

  void judge_file(const Source& source, Spot named_at) {
    auto file = report_.add_file(source.path, source.text, named_at);
    if (!is_clean_text(source.text, file, report_)) return;
    auto made = PageTemplate::of(source.text, PageLanguage::Html);
    if (made) return;
    report_.add(Code::BadTemplate, spot_of(source.text, made.error(), file), {}, made.error().what);
  }

  const Gathering& gathering_;
  std::set<std::string> judged_;  // paths
  std::size_t bytes_ = 0;         // of files, as often as they were taken
};

unsigned number_of(const std::string& status) {
  if (status == "4xx") return 4;
  if (status == "5xx") return 5;
  return static_cast<unsigned>(base::parse_number(status, 599).value_or(0));
}

}  // namespace

void read_error_pages(Model& model, const Places& places, const Gathering& gathering,
                      Report& report) {
  PageReader reader(places, gathering, report);
  reader.read(model.error_pages);
  for (auto& host : model.virtual_hosts) reader.read(host.error_pages);
}

http::ErrorPages error_pages_of(const std::vector<ErrorPage>& pages) {
  http::ErrorPages made;
  auto add = [&](const ErrorPage& page, const PageText& text, PageLanguage language) {
    auto number = number_of(page.status);
    if (text.text.empty() || number == 0) return;
    if (auto compiled = PageTemplate::of(text.text, language))
      made.add(number, language, std::move(*compiled));
  };
  for (const auto& page : pages) {
    add(page, page.html, PageLanguage::Html);
    add(page, page.json, PageLanguage::Json);
  }
  return made;
}

}  // namespace cirque::config
