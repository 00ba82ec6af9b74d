#pragma once
// What the checker has to say to the operator: one finding a mistake, with its place, what was
// expected there, and a code that `cirque help CQ1203` explains. Codes are a promise: they are
// never renumbered.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cirque::config {

enum class Severity : std::uint8_t { Warning, Error };

// The hundreds sort them: 10 the file, 11 the environment, 12 the shape, 13 one value, 14 several
// values together, 15 warnings.
enum class Code : std::uint16_t {
  Unreadable = 1001,
  BadCharacter = 1002,
  Syntax = 1003,
  DuplicateKey = 1004,
  Unsupported = 1005,
  BadAlias = 1006,
  TooBig = 1007,
  NoInclude = 1008,
  IncludeCycle = 1009,
  NoPage = 1010,

  UnsetVariable = 1101,
  BadExpansion = 1102,

  WrongType = 1201,
  MissingKey = 1202,
  UnknownKey = 1203,
  NoValue = 1204,

  OutOfRange = 1301,
  BadDuration = 1302,
  BadSize = 1303,
  BadChoice = 1304,
  BadAddress = 1305,
  BadNetwork = 1306,
  BadText = 1307,
  BadTemplate = 1308,

  NoServices = 1401,
  NoUpstreams = 1402,
  DuplicateService = 1403,
  DuplicateBind = 1404,
  UpstreamTls = 1405,
  ProxyLoop = 1406,
  NoLogPath = 1407,
  LimitsContradict = 1408,
  DuplicateName = 1409,
  UnknownName = 1410,
  OneTarget = 1411,
  TwoPaths = 1412,
  TwoTests = 1413,
  BadRoute = 1414,
  DuplicateHost = 1415,
  DeadRoute = 1416,
  NotYet = 1417,
  TestFailed = 1418,
  PageSource = 1419,
  BadRateLimit = 1421,
  BadSecret = 1422,
  BadCertificate = 1423,
  BadKey = 1424,
  KeyMismatch = 1425,
  BadHealthCheck = 1430,

  OpenMetrics = 1501,
  TrustsEverybody = 1502,
  SlowHealthCheck = 1503,
  DuplicateUpstream = 1504,
  UnusedPath = 1505,
  TimeoutsContradict = 1506,
  UnusedPool = 1507,
  UnusedListener = 1508,
  NoEffect = 1509,
  CannotListen = 1510,
  OverBudget = 1511,
  UnusedRateLimit = 1513,
  OpenSecret = 1514,
  ExpiredCertificate = 1515,
  CertificateName = 1516,
  CannotWrite = 1517,
  UnusedTable = 1518,
  UnusedBackend = 1519,
  RedirectCircle = 1520,
};

constexpr Severity severity_of(Code code) noexcept {
  return static_cast<unsigned>(code) >= 1500 ? Severity::Warning : Severity::Error;
}

// "CQ1203"
std::string text_of(Code code);

struct Finding {
  Severity severity = Severity::Error;
  Code code = Code::Syntax;
  std::string file = {};
  unsigned line = 0;      // from 1; 0: the file as a whole
  unsigned column = 0;    // from 1, in characters
  unsigned width = 1;     // how many characters the caret underlines
  std::string path = {};  // "services[0].health_check.timeout_ms", empty when it is about the text
  std::string message = {};
  std::string expected = {};  // may be empty
  std::string hint = {};      // "did you mean 'upstreams'?", may be empty
  std::string source = {};    // the line it is about, or what of it is near; may be empty
  unsigned skipped = 0;       // characters of the line that stand before `source`
};

// For people: place, message, source line with caret, what was expected. Ends with a line break.
std::string render(const Finding& finding);
// All of them.
std::string render(std::span<const Finding> findings);

// What `cirque help CQ1203` prints.
struct Explanation {
  Code code;
  std::string_view title;
  std::string_view text;
  std::string_view wrong;  // an example, may be empty
  std::string_view right;  // the same, mended
};

// Every code once, ascending.
std::span<const Explanation> explanations();
// By "CQ1203", "cq1203" or "1203"; null when there is no such code.
const Explanation* explanation_of(std::string_view code);

}  // namespace cirque::config
