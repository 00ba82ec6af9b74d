"""Turns the runs of a benchmark into medians and ratios, a table, and the published page with its chart."""
import json
import re
import statistics

import harness

FOREIGN_SHARE_MAX = 0.15  # of one core; interrupts alone are some percent
PEERS = ("nginx", "haproxy")
OURS = ("cirque", "limited", "everything")  # that the goals are for
DOCS = harness.ROOT / "docs"
FIGURES = ("cpu_us", "rps", "p50_us", "p99_us", "p999_us", "user_share", "cpu_busy", "foreign", "rss_kb", "bytes_a_connection")


def summarise(results):
    """Medians over the rounds. Ratios are taken within a round, between runs that stood seconds apart,
    and only then their median: the machine's mood moves absolute figures, hardly ratios."""
    summary = {}
    for scenario in results["scenarios"]:
        rounds = {}
        for run in results["runs"]:
            if run["scenario"] == scenario:
                rounds.setdefault(run["round"], {})[run["proxy"]] = run
        summary[scenario] = {}
        for proxy in results["versions"]:
            runs = [turn[proxy] for turn in rounds.values() if proxy in turn]
            if not runs:
                continue
            figures = {name: statistics.median(run[name] for run in runs) for name in FIGURES if name in runs[0]}
            figures["lost"] = sum(run.get("lost", 0) for run in runs)
            for ratio, measure, others in (("to_peer", "cpu_us", PEERS), ("to_relay", "cpu_us", ("relay",)),
                                           ("to_cirque", "cpu_us", ("cirque",)),
                                           ("p99_to_peer", "p99_us", PEERS)):
                value = median_ratio(rounds.values(), proxy, measure, others)
                if value is not None and proxy not in others:
                    figures[ratio] = value
            summary[scenario][proxy] = figures
    return summary


def median_ratio(rounds, proxy, measure, others):
    ratios = []
    for turn in rounds:
        best = [turn[other][measure] for other in others if other in turn and measure in turn[other]]
        if best and measure in turn.get(proxy, {}):
            ratios.append(turn[proxy][measure] / min(best))
    return round(statistics.median(ratios), 3) if ratios else None


def encode(results):
    """JSON with a line for each run, so that it can be read and compared."""
    head = json.dumps({name: value for name, value in results.items() if name != "runs"}, indent=1)
    runs = ",\n  ".join(json.dumps(run) for run in results["runs"])
    return head.removesuffix("\n}") + ',\n "runs": [\n  ' + runs + "\n ]\n}\n"


def table(results):
    """The table for people at a terminal."""
    machine, options = results["machine"], results["options"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, network: {machine['network']}; "
             f"medians of {options['rounds']} rounds of {options['seconds']:g} s",
             ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version != "-")]
    foreign = [run["foreign"] for run in results["runs"] if "foreign" in run]
    if foreign and max(foreign) > FOREIGN_SHARE_MAX:
        lines.append(f"WARNING: others used up to {max(foreign):.0%} of a core (median {statistics.median(foreign):.0%}); "
                     "measure again when the machine is quiet")
    for name, proxies in results["summary"].items():
        scenario = results["scenarios"][name]
        lines += ["", f"{scenario['title']}  [{name}]"]
        if name == "idle":
            lines.append(f"  {'':10} {'RSS KB':>9} {'B/connection':>13}")
            lines += [f"  {proxy:10} {f['rss_kb']:9,.0f} {f['bytes_a_connection']:13,.0f}" for proxy, f in proxies.items()]
            continue
        lines.append(f"  {'':10} {'CPU µs':>8} {'of peer':>8} {'of relay':>8} {'user':>5} {'busy':>5}"
                     f" {'requests/s':>11} {'p50 µs':>8} {'p99 µs':>8} {'of peer':>8}")
        for proxy, f in proxies.items():
            lines.append(f"  {proxy:10} {f['cpu_us']:8.2f} {ratio(f, 'to_peer'):>8} {ratio(f, 'to_relay'):>8}"
                         f" {f['user_share']:5.0%} {f['cpu_busy']:5.0%} {f['rps']:11,.0f} {f['p50_us']:8,.0f}"
                         f" {f['p99_us']:8,.0f} {ratio(f, 'p99_to_peer'):>8}" + verdict(scenario, proxy, f))
    return "\n".join(lines)


def ratio(figures, name):
    return f"{figures[name]:.2f}" if name in figures else "–"


def verdict(scenario, proxy, figures):
    """Whether Cirque's goals for this scenario are met, in words."""
    if proxy not in OURS:
        return ""
    words = [f"{ratio(figures, 'to_cirque')} of cirque"] if proxy != "cirque" else []
    for limit, name, of in ((scenario["goal"], "to_peer", "peer"), (scenario["floor"], "to_relay", "relay"),
                            (1.0, "p99_to_peer", "peer's p99")):
        if limit and name in figures:
            words.append(f"{'ok' if figures[name] <= limit else 'MISSED'}: ≤ {limit:.2f} of {of}")
    return "   " + ", ".join(words) if words else ""


def publish(results):
    folder = DOCS / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(encode(results))
    (folder / "chart.svg").write_text(chart(results))
    page = DOCS / "benchmarks.md"
    marks = r"(<!-- results -->\n).*?(<!-- end of results -->)"
    text = re.sub(marks, lambda m: m[1] + markdown(results) + m[2], page.read_text(), flags=re.S)
    page.write_text(text)


def markdown(results):
    machine, options = results["machine"], results["options"]
    names = list(results["versions"])
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version != "-")
    lines = [f"Measured on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
             f"medians of {options['rounds']} interleaved rounds of {options['seconds']:g} s; {versions}.", "",
             "CPU µs a request; in brackets the ratio to the better of nginx and HAProxy, and the one to the relay:", "",
             "| scenario | goal | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for scenario, proxies in results["summary"].items():
        if scenario != "idle":
            about = results["scenarios"][scenario]
            goal = f"≤ {about['goal']:.2f}" if about["goal"] else "–"
            cells = [cost(proxies[name]) if name in proxies else "–" for name in names]
            lines.append(f"| {about['title']} | {goal} | " + " | ".join(cells) + " |")
    lines += ["", "Requests a second / p99 in µs:", "",
              "| scenario | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for scenario, proxies in results["summary"].items():
        if scenario != "idle":
            cells = [f"{proxies[n]['rps']:,.0f} / {proxies[n]['p99_us']:,.0f}" if n in proxies else "–" for n in names]
            lines.append(f"| {results['scenarios'][scenario]['title']} | " + " | ".join(cells) + " |")
    if "idle" in results["summary"]:
        lines += ["", "5,000 idle connections:", "", "| | RSS KB | bytes a connection |", "|---|---|---|"]
        lines += [f"| {proxy} | {f['rss_kb']:,.0f} | {f['bytes_a_connection']:,.0f} |"
                  for proxy, f in results["summary"]["idle"].items()]
    return "\n".join(lines) + "\n"


def cost(figures):
    if "to_peer" not in figures:
        return f"{figures['cpu_us']:.1f}"
    ratios = ", ".join(ratio(figures, name) for name in ("to_peer", "to_relay") if name in figures)
    return f"{figures['cpu_us']:.1f} ({ratios})"


COLOURS = {"cirque": "#0f766e", "nginx": "#94a3b8", "haproxy": "#cbd5e1", "relay": "#e2c27a",
           "limited": "#14b8a6", "everything": "#134e4a"}
LEFT, UNIT, BAR, GAP = 250, 380, 14, 22  # pixels; UNIT is the length of the better peer's bar
LONGEST = 2.2                            # a bar that would be longer, in units, is cut


def chart(results):
    """CPU a request as bars, each scenario scaled to its better peer, so that 10 µs and 300 µs share a page."""
    names = list(results["versions"])
    shapes = [shape for i, name in enumerate(names) for shape in legend(24 + 100 * i, name)]
    y = top = 64
    for scenario, proxies in results["summary"].items():
        peers = [proxies[name]["cpu_us"] for name in PEERS if "cpu_us" in proxies.get(name, {})]
        shown = [name for name in names if name in proxies]
        if not peers:
            continue
        middle = y + len(shown) * BAR / 2 + 3
        shapes.append(f'<text x="{LEFT - 12}" y="{middle}" text-anchor="end">{results["scenarios"][scenario]["title"]}</text>')
        for name in shown:
            shapes += bar(y, name, proxies[name]["cpu_us"], proxies[name]["cpu_us"] / min(peers))
            y += BAR
        y += GAP
    shapes.append(f'<line x1="{LEFT + UNIT}" y1="{top - 6}" x2="{LEFT + UNIT}" y2="{y - GAP + 4}"/>')
    width = int(LEFT + UNIT * LONGEST + 70)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">',
        "<title>CPU time a request, relative to the better of nginx and HAProxy</title>",
        "<style>text{font:12px system-ui,sans-serif;fill:#334155}.figure{font-size:10px}.head{font-weight:600}"
        "line{stroke:#dc2626;stroke-dasharray:3 3}</style>",
        f'<rect width="{width}" height="{y}" fill="#fff"/>',
        '<text x="24" y="22" class="head">CPU time a request: shorter is better, the dashed line is the better of '
        "nginx and HAProxy</text>", *shapes, "</svg>", ""])


def legend(x, name):
    return (f'<rect x="{x}" y="34" width="12" height="12" fill="{COLOURS[name]}"/>',
            f'<text x="{x + 18}" y="44">{name}</text>')


def bar(y, name, cpu, units):
    width = UNIT * min(units, LONGEST)
    figure = f"{cpu:.1f} µs" + (" →" if units > LONGEST else "")
    return (f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[name]}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{y + BAR - 4}" class="figure">{figure}</text>')
