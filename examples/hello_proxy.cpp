// A proxy of your own in one screen: a header added, a path refused, a peer chosen.
//   hello_proxy 127.0.0.1:8080 127.0.0.1:3001 127.0.0.1:3002
#include <cstdio>

#include "cirque/cirque.h"

class HelloProxy final : public cirque::App {
 public:
  HelloProxy(std::string_view blue, std::string_view green) : blue_(blue), green_(green) {}

  cirque::Step on_request(cirque::Exchange& x) override {
    if (x.request.path() == "/private") return x.answer(403, "not for you\n");
    return cirque::go_on;
  }

  cirque::Task<cirque::Peer> choose(cirque::Exchange& x) override {
    bool wants_green = x.request.headers.get("X-Color") == "green";
    return cirque::Peer::at(wants_green ? green_ : blue_);
  }

  cirque::Step on_response(cirque::Exchange&, cirque::Response& response) override {
    response.headers.set("X-Hello", "from cirque");
    return cirque::go_on;
  }

 private:
  std::string_view blue_, green_;
};

int main(int count, char** arguments) {
  if (count != 4) return std::fputs("usage: hello_proxy LISTEN BLUE GREEN\n", stderr), 2;
  HelloProxy app(arguments[2], arguments[3]);
  cirque::Server server;
  auto address = server.listen(arguments[1], app, "hello");
  if (!address) return std::fputs("cannot listen there\n", stderr), 1;
  std::printf("listening on %s\n", address->text().c_str());
  std::fflush(stdout);
  return server.run();
}
