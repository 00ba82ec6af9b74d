#pragma once
// Error pages on their way from the configuration to the workers: from files to texts, and from
// texts to templates.
#include <vector>

#include "config/gather.h"
#include "config/places.h"
#include "http/page.h"

namespace cirque::config {

// Puts the text of every page's file in the place of its name, and tells what is wrong with pages
// and where: a mistake within a file is told with that file's line. The report keeps views of the
// gathering's texts.
void read_error_pages(Model& model, const Places& places, const Gathering& gathering,
                      Report& report);

// Of texts; what read_error_pages() complains about is left out.
http::ErrorPages error_pages_of(const std::vector<ErrorPage>& pages);

}  // namespace cirque::config
